//go:build linux

package pods

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"agentgateway.dev/controller/tools/devcluster/node/network"
	"agentgateway.dev/controller/tools/devcluster/node/volumes"
)

// Pod is a pod on this node, from its arrival until it is gone from the API.
type Pod struct {
	machine *Machine
	dir     string
	volumes *volumes.Volumes
	// members are the init containers, in their order, and then the others.
	members []*member

	// wanted ends when the pod is deleted or the node stops, alive then or when
	// the pod has completed, and killed when the grace after wanted is over.
	wanted, alive, killed context.Context
	unwant, stop, kill    context.CancelFunc
	// finished is closed when nothing of the pod runs any more.
	finished chan struct{}
	// dirty and stale hold a token each if the status is to be reported, and if
	// the volumes are to be written again.
	dirty, stale chan struct{}
	// reporting is held while a status is on its way.
	reporting sync.Mutex
	reported  *corev1.PodStatus

	mu          sync.Mutex
	object      *corev1.Pod
	network     *network.Pod
	address     string
	started     metav1.Time
	initialized bool
	// removed tells that the API has forgotten the pod.
	removed bool
	// halted tells that the node stops: the pod isn't to be changed in the API.
	halted    bool
	killTimer *time.Timer
}

func newPod(machine *Machine, object *corev1.Pod) *Pod {
	p := &Pod{
		machine: machine, object: object, dir: filepath.Join(machine.Dir, string(object.UID)),
		finished: make(chan struct{}), dirty: make(chan struct{}, 1), stale: make(chan struct{}, 1),
		started: metav1.Now().Rfc3339Copy(),
	}
	p.volumes = volumes.New(machine.Volumes, filepath.Join(p.dir, "volumes"))
	p.wanted, p.unwant = context.WithCancel(context.Background())
	p.alive, p.stop = context.WithCancel(p.wanted)
	p.killed, p.kill = context.WithCancel(context.Background())
	for _, spec := range object.Spec.InitContainers {
		role := initial
		if spec.RestartPolicy != nil && *spec.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			role = sidecar
		}
		p.members = append(p.members, newMember(p, spec, role))
	}
	for _, spec := range object.Spec.Containers {
		p.members = append(p.members, newMember(p, spec, ordinary))
	}
	return p
}

func (p *Pod) current() *corev1.Pod {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.object
}

// update takes note of what the API says now.
func (p *Pod) update(object *corev1.Pod) {
	p.mu.Lock()
	p.object = object
	p.mu.Unlock()
	if object.DeletionTimestamp != nil {
		grace := time.Duration(0)
		if object.DeletionGracePeriodSeconds != nil {
			grace = time.Duration(*object.DeletionGracePeriodSeconds) * time.Second
		}
		p.end(grace)
	}
	// Labels may be mounted, and readiness gates are set by others.
	signal(p.stale)
	signal(p.dirty)
}

// end stops the pod, whose containers are killed after the grace. It may be
// called again to shorten the grace.
func (p *Pod) end(grace time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killTimer != nil {
		p.killTimer.Stop()
	}
	p.killTimer = time.AfterFunc(grace, p.kill)
	p.unwant()
}

// remove stops a pod that the API no longer has.
func (p *Pod) remove() {
	p.mu.Lock()
	p.removed = true
	p.mu.Unlock()
	p.end(0)
}

// halt stops the pod because the node stops.
func (p *Pod) halt() {
	p.mu.Lock()
	p.halted = true
	p.mu.Unlock()
	p.end(stopGrace)
}

func (p *Pod) isHalted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.halted
}

// run takes the pod through its life.
func (p *Pod) run() {
	defer close(p.finished)
	reporter, stopReporter := context.WithCancel(context.Background())
	var background sync.WaitGroup
	background.Go(func() { p.keepReporting(reporter) })
	signal(p.dirty)
	if p.prepare() {
		background.Go(p.keepVolumes)
		p.runMembers()
	}
	p.stopSidecars()
	// What is left to do needs no volumes.
	completed := p.wanted.Err() == nil
	p.stop()
	p.tearDown()
	stopReporter()
	background.Wait()
	if p.isHalted() {
		p.clean()
		return
	}
	p.report(context.Background())
	if completed {
		// The logs of a completed pod can be read until it is deleted.
		<-p.wanted.Done()
	}
	p.clean()
	p.forget()
}

// prepare makes the network and the volumes. It returns false if the pod was
// stopped before that could be done.
func (p *Pod) prepare() bool {
	var last string
	for {
		err := p.makeNetwork()
		if err == nil {
			break
		}
		if message := err.Error(); message != last {
			last = message
			p.warn("FailedCreatePodSandBox", "%v", err)
		}
		if !p.pause(retryPeriod) {
			return false
		}
	}
	signal(p.dirty)
	for {
		err := p.writeVolumes()
		if err == nil {
			return p.alive.Err() == nil
		}
		if message := err.Error(); message != last {
			last = message
			p.warn("FailedMount", "MountVolume.SetUp failed: %v", err)
		}
		// A ConfigMap or Secret that appears is noticed at once.
		select {
		case <-p.stale:
		case <-time.After(retryPeriod):
		case <-p.alive.Done():
			return false
		}
	}
}

func (p *Pod) makeNetwork() error {
	if err := p.makeDir(); err != nil {
		return err
	}
	p.mu.Lock()
	object, made := p.object, p.address != ""
	p.mu.Unlock()
	if made {
		return p.writeFiles()
	}
	if object.Spec.HostNetwork {
		p.setAddress(nil, p.machine.Address)
		return p.writeFiles()
	}
	settings := map[string]string{}
	if context := object.Spec.SecurityContext; context != nil {
		for _, sysctl := range context.Sysctls {
			settings[sysctl.Name] = sysctl.Value
		}
	}
	attached, err := p.machine.Network.Attach(settings)
	if err != nil {
		return err
	}
	p.setAddress(attached, attached.Address.String())
	return p.writeFiles()
}

func (p *Pod) setAddress(network *network.Pod, address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.network, p.address = network, address
}

// runMembers runs the init containers one after the other, and then the others
// together, until all have ended.
func (p *Pod) runMembers() {
	for _, m := range p.members {
		if m.role == ordinary {
			continue
		}
		go m.run()
		if m.role == sidecar {
			select {
			case <-m.started:
			case <-m.done:
			case <-p.alive.Done():
				return
			}
			continue
		}
		<-m.done
		if p.alive.Err() != nil || !m.succeeded() {
			return
		}
	}
	p.mu.Lock()
	p.initialized = true
	p.mu.Unlock()
	signal(p.dirty)
	for _, m := range p.members {
		if m.role == ordinary {
			go m.run()
		}
	}
	for _, m := range p.members {
		if m.role == ordinary {
			<-m.done
		}
	}
}

// stopSidecars ends them in the reverse order of their start, because earlier
// ones serve later ones.
func (p *Pod) stopSidecars() {
	for _, m := range slices.Backward(p.members) {
		if m.role == sidecar && m.launched() {
			m.release()
			<-m.done
		}
	}
}

// tearDown removes the pod's network. The directory stays: logs may be read.
func (p *Pod) tearDown() {
	p.mu.Lock()
	made := p.network
	p.network = nil
	p.mu.Unlock()
	if made != nil {
		if err := made.Close(); err != nil {
			p.machine.Log("removing the network of pod %s: %v", p.name(), err)
		}
	}
}

func (p *Pod) clean() {
	if err := os.RemoveAll(p.dir); err != nil {
		p.machine.Log("removing the directory of pod %s: %v", p.name(), err)
	}
}

// forget tells the API server that nothing of a deleted pod runs.
func (p *Pod) forget() {
	object := p.current()
	p.mu.Lock()
	skip := p.removed || p.halted
	p.mu.Unlock()
	if skip {
		return
	}
	options := metav1.DeleteOptions{GracePeriodSeconds: new(int64(0)), Preconditions: metav1.NewUIDPreconditions(string(object.UID))}
	for {
		err := p.machine.Client.CoreV1().Pods(object.Namespace).Delete(context.Background(), object.Name, options)
		if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) || p.isHalted() {
			return
		}
		p.machine.Log("deleting pod %s: %v", p.name(), err)
		time.Sleep(retryPeriod)
	}
}

// pause waits, and returns false if the pod was stopped meanwhile.
func (p *Pod) pause(wait time.Duration) bool {
	select {
	case <-p.alive.Done():
		return false
	case <-time.After(wait):
		return true
	}
}

func (p *Pod) name() string {
	object := p.current()
	return object.Namespace + "/" + object.Name
}

// signal leaves a token, if there is none yet.
func signal(channel chan struct{}) {
	select {
	case channel <- struct{}{}:
	default:
	}
}
