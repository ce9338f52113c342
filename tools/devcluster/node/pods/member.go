//go:build linux

package pods

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"agentgateway.dev/controller/tools/devcluster/node/container"
	"agentgateway.dev/controller/tools/devcluster/node/logs"
)

// role is what a container is to its pod.
type role int

const (
	// initial containers run to their end, one by one, before the others.
	initial role = iota
	// sidecar containers start among the initial ones and end after all others.
	sidecar
	ordinary
)

// waitingError is why a container can't be started at all. The reason is a word
// of the API.
type waitingError struct {
	reason, message string
}

func (e *waitingError) Error() string { return e.message }

// member is a container of a pod.
type member struct {
	pod  *Pod
	spec corev1.Container
	role role

	// started is closed when the container has started for the first time, and
	// done when it won't run again.
	started, done chan struct{}
	markStarted   sync.Once
	// stopped ends when the container is to stop.
	stopped context.Context
	release context.CancelFunc

	// The rest is guarded by the pod's mutex.
	began            bool
	status           corev1.ContainerStatus
	process          *container.Process
	log, previousLog *logs.Log
	runs             int
}

func newMember(pod *Pod, spec corev1.Container, role role) *member {
	m := &member{pod: pod, spec: spec, role: role, started: make(chan struct{}), done: make(chan struct{})}
	parent := pod.alive
	if role == sidecar {
		// The pod says when.
		parent = context.Background()
	}
	m.stopped, m.release = context.WithCancel(parent)
	waiting := "PodInitializing"
	if role != ordinary || len(pod.object.Spec.InitContainers) == 0 {
		waiting = "ContainerCreating"
	}
	m.status = corev1.ContainerStatus{
		Name: spec.Name, Image: spec.Image, Started: new(false),
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: waiting}},
	}
	// The node was started anew and with it the pod.
	for _, before := range slices.Concat(pod.object.Status.InitContainerStatuses, pod.object.Status.ContainerStatuses) {
		if before.Name == spec.Name && (before.State.Running != nil || before.RestartCount > 0) {
			m.status.RestartCount = before.RestartCount + 1
		}
	}
	return m
}

// change changes the status and reports it.
func (m *member) change(do func(*corev1.ContainerStatus)) {
	m.pod.mu.Lock()
	do(&m.status)
	m.pod.mu.Unlock()
	signal(m.pod.dirty)
}

func (m *member) launched() bool {
	m.pod.mu.Lock()
	defer m.pod.mu.Unlock()
	return m.began
}

// succeeded tells whether the last run ended well.
func (m *member) succeeded() bool {
	m.pod.mu.Lock()
	defer m.pod.mu.Unlock()
	return m.status.State.Terminated != nil && m.status.State.Terminated.ExitCode == 0
}

// run starts the container until it isn't to run again.
func (m *member) run() {
	defer close(m.done)
	m.pod.mu.Lock()
	m.began = true
	m.pod.mu.Unlock()
	backoff := time.Duration(0)
	for m.stopped.Err() == nil {
		began := time.Now()
		err := m.once()
		var waiting *waitingError
		if errors.As(err, &waiting) {
			m.wait(waiting)
			if !m.pause(retryPeriod) {
				return
			}
			continue
		}
		if m.stopped.Err() != nil || !m.again() {
			return
		}
		if time.Since(began) > backoffReset {
			backoff = 0
		}
		if backoff > 0 {
			m.backOff(backoff)
			if !m.pause(backoff) {
				m.change(func(s *corev1.ContainerStatus) { s.State = s.LastTerminationState })
				return
			}
		}
		backoff = min(max(2*backoff, firstBackoff), maxBackoff)
		m.change(func(s *corev1.ContainerStatus) { s.RestartCount++ })
	}
}

// again tells whether a container that has ended is to be started again.
func (m *member) again() bool {
	policy := m.pod.current().Spec.RestartPolicy
	if m.role == sidecar {
		return true
	}
	if m.role == initial && policy == corev1.RestartPolicyAlways {
		policy = corev1.RestartPolicyOnFailure
	}
	switch policy {
	case corev1.RestartPolicyNever:
		return false
	case corev1.RestartPolicyOnFailure:
		return !m.succeeded()
	}
	return true
}

// wait reports why the container can't be started. The same reason is told
// once.
func (m *member) wait(why *waitingError) {
	m.pod.mu.Lock()
	have := m.status.State.Waiting
	repeated := have != nil && have.Reason == why.reason && have.Message == why.message
	m.pod.mu.Unlock()
	if repeated {
		return
	}
	m.pod.warn("Failed", "Container %s: %s: %s", m.spec.Name, why.reason, why.message)
	m.change(func(s *corev1.ContainerStatus) {
		s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: why.reason, Message: why.message}}
	})
}

func (m *member) backOff(wait time.Duration) {
	m.pod.warn("BackOff", "Back-off %v restarting failed container %s", wait, m.spec.Name)
	m.change(func(s *corev1.ContainerStatus) {
		s.LastTerminationState = s.State
		s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
			Reason: "CrashLoopBackOff", Message: fmt.Sprintf("back-off %v restarting failed container", wait),
		}}
	})
}

func (m *member) pause(wait time.Duration) bool {
	select {
	case <-m.stopped.Done():
		return false
	case <-time.After(wait):
		return true
	}
}

// once runs the container to the end of its process. It returns a
// waitingError if there was nothing to run.
func (m *member) once() error {
	prepared, err := m.prepare()
	if err != nil {
		return err
	}
	log, err := m.openLog()
	if err != nil {
		return &waitingError{"CreateContainerError", err.Error()}
	}
	defer log.End()
	out, errs := log.Stream("stdout"), log.Stream("stderr")
	defer out.Close()
	defer errs.Close()
	began := metav1.Now()
	m.pod.mu.Lock()
	network := m.pod.network
	m.pod.mu.Unlock()
	namespace := m.pod.machine.Network.Namespace()
	if network != nil {
		namespace = network.Namespace()
	}
	process, err := container.Start(prepared.spec, namespace, container.Streams{Out: out, Err: errs})
	if err != nil {
		m.pod.warn("Failed", "Error: %v", err)
		m.ended(prepared, began, container.Exit{Code: 128}, "StartError", err.Error())
		return nil
	}
	m.pod.tell("Started", "Container %s started", m.spec.Name)
	m.change(func(s *corev1.ContainerStatus) {
		m.process = process
		if s.State.Terminated != nil {
			s.LastTerminationState = s.State
		}
		s.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: began}}
		s.ImageID, s.ContainerID = prepared.imageID, prepared.id
		s.Ready, s.Started = false, new(false)
	})
	exit, reason := m.attend(process)
	m.ended(prepared, began, exit, reason, "")
	return nil
}

// attend accompanies a running process to its end.
func (m *member) attend(process *container.Process) (container.Exit, string) {
	running, over := context.WithCancel(context.Background())
	exited := make(chan container.Exit, 1)
	go func() {
		exit := process.Wait()
		over()
		exited <- exit
	}()
	var probing sync.WaitGroup
	unhealthy := make(chan unhealth, 3)
	probing.Go(func() {
		if m.postStart(running, unhealthy) {
			m.probe(running, unhealthy)
		}
	})
	defer probing.Wait()
	defer over()
	select {
	case exit := <-exited:
		return exit, ""
	case <-m.stopped.Done():
		return m.terminate(process, exited, nil), ""
	case why := <-unhealthy:
		m.pod.tell("Killing", "Container %s %s, will be restarted", m.spec.Name, why.message)
		return m.terminate(process, exited, why.grace), ""
	}
}

// terminate ends the process: gently at first, and by force when the grace, nil
// for the pod's, or the pod's own time is over.
func (m *member) terminate(process *container.Process, exited <-chan container.Exit, grace *int64) container.Exit {
	patience, cancel := context.WithCancel(m.pod.killed)
	defer cancel()
	if m.pod.wanted.Err() == nil {
		// Only this container ends, or the sidecars of a completed pod do.
		seconds := int64(corev1.DefaultTerminationGracePeriodSeconds)
		if own := m.pod.current().Spec.TerminationGracePeriodSeconds; own != nil {
			seconds = *own
		}
		if grace != nil {
			seconds = *grace
		}
		patience, cancel = context.WithTimeout(patience, time.Duration(seconds)*time.Second)
		defer cancel()
	} else if !m.pod.isHalted() {
		m.pod.tell("Killing", "Stopping container %s", m.spec.Name)
	}
	if !m.pod.isHalted() {
		m.preStop(patience)
	}
	if err := process.Signal(syscall.SIGTERM); err != nil {
		m.pod.machine.Log("stopping container %s of pod %s: %v", m.spec.Name, m.pod.name(), err)
	}
	select {
	case exit := <-exited:
		return exit
	case <-patience.Done():
	}
	if err := process.Signal(syscall.SIGKILL); err != nil {
		m.pod.machine.Log("killing container %s of pod %s: %v", m.spec.Name, m.pod.name(), err)
	}
	return <-exited
}

// ended reports the end of a run.
func (m *member) ended(prepared prepared, began metav1.Time, exit container.Exit, reason, message string) {
	if reason == "" {
		reason = "Completed"
		if exit.Code != 0 {
			reason = "Error"
		}
	}
	if message == "" {
		message = m.lastWords(prepared, exit)
	}
	m.change(func(s *corev1.ContainerStatus) {
		m.process = nil
		s.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: int32(exit.Code), Signal: int32(exit.Signal), Reason: reason, Message: message,
			StartedAt: began, FinishedAt: metav1.Now(), ContainerID: prepared.id,
		}}
		s.Ready, s.Started = false, new(false)
		s.ImageID, s.ContainerID = prepared.imageID, prepared.id
	})
}

// openLog begins a new log and forgets the one before the last.
func (m *member) openLog() (*logs.Log, error) {
	dir := filepath.Join(m.pod.dir, "logs", m.spec.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	m.pod.mu.Lock()
	defer m.pod.mu.Unlock()
	log, err := logs.Create(filepath.Join(dir, strconv.Itoa(m.runs)+".log"))
	if err != nil {
		return nil, err
	}
	if m.runs > 1 {
		os.Remove(filepath.Join(dir, strconv.Itoa(m.runs-2)+".log"))
	}
	m.runs++
	m.previousLog, m.log = m.log, log
	return log, nil
}

// exec runs a program in the container.
func (m *member) exec(ctx context.Context, command []string, streams container.Streams) (container.Exit, error) {
	m.pod.mu.Lock()
	process := m.process
	m.pod.mu.Unlock()
	if process == nil {
		return container.Exit{}, fmt.Errorf("container %q isn't running", m.spec.Name)
	}
	joined, err := process.Exec(command, streams)
	if err != nil {
		return container.Exit{}, err
	}
	defer context.AfterFunc(ctx, func() { _ = joined.Signal(syscall.SIGKILL) })()
	exit := joined.Wait()
	return exit, ctx.Err()
}
