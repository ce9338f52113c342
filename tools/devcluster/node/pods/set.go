//go:build linux

package pods

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"agentgateway.dev/controller/tools/devcluster/node/container"
	"agentgateway.dev/controller/tools/devcluster/node/logs"
)

// Set holds the pods of a node.
type Set struct {
	machine *Machine

	mu      sync.Mutex
	pods    map[types.UID]*Pod
	stopped bool
}

// NewSet returns an empty set.
func NewSet(machine *Machine) *Set {
	return &Set{machine: machine, pods: map[types.UID]*Pod{}}
}

// Apply makes a pod run as the API says. It doesn't block.
func (s *Set) Apply(object *corev1.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	if pod := s.pods[object.UID]; pod != nil {
		pod.update(object)
		return
	}
	pod := newPod(s.machine, object)
	over := object.Status.Phase == corev1.PodSucceeded || object.Status.Phase == corev1.PodFailed
	switch {
	case object.DeletionTimestamp != nil:
		// Nothing of it runs here, so nobody else finishes its deletion.
		close(pod.finished)
		go pod.forget()
	case !over:
		s.pods[object.UID] = pod
		go pod.run()
	}
}

// Remove ends a pod that is gone from the API. It doesn't block.
func (s *Set) Remove(uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if pod := s.pods[uid]; pod != nil {
		pod.remove()
		delete(s.pods, uid)
	}
}

// Changed tells that a ConfigMap or Secret, by its kind, was changed.
func (s *Set) Changed(kind, namespace, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, pod := range s.pods {
		if object := pod.current(); object.Namespace == namespace && mounts(object, kind, name) {
			signal(pod.stale)
		}
	}
}

func mounts(pod *corev1.Pod, kind, name string) bool {
	for _, volume := range pod.Spec.Volumes {
		if kind == "ConfigMap" && volume.ConfigMap != nil && volume.ConfigMap.Name == name ||
			kind == "Secret" && volume.Secret != nil && volume.Secret.SecretName == name {
			return true
		}
		if volume.Projected == nil {
			continue
		}
		for _, source := range volume.Projected.Sources {
			if kind == "ConfigMap" && source.ConfigMap != nil && source.ConfigMap.Name == name ||
				kind == "Secret" && source.Secret != nil && source.Secret.Name == name {
				return true
			}
		}
	}
	return false
}

// Stop ends all pods and returns when nothing of them is left. The API isn't
// told: the next start of the node runs them again.
func (s *Set) Stop() {
	s.mu.Lock()
	s.stopped = true
	pods := s.pods
	s.pods = map[types.UID]*Pod{}
	s.mu.Unlock()
	for _, pod := range pods {
		pod.halt()
	}
	for _, pod := range pods {
		<-pod.finished
	}
}

// Objects returns the pods of the set as the API knows them.
func (s *Set) Objects() []corev1.Pod {
	s.mu.Lock()
	defer s.mu.Unlock()
	var objects []corev1.Pod
	for _, pod := range s.pods {
		objects = append(objects, *pod.current())
	}
	return objects
}

// Logs writes what a container has printed, in its last run or the one before.
func (s *Set) Logs(ctx context.Context, namespace, pod, name string, previous bool, to io.Writer, options logs.Options) error {
	m, err := s.member(namespace, pod, name)
	if err != nil {
		return err
	}
	m.pod.mu.Lock()
	log := m.log
	if previous {
		log = m.previousLog
	}
	m.pod.mu.Unlock()
	if log == nil {
		return fmt.Errorf("container %q in pod %q has no such log", name, pod)
	}
	return log.Copy(ctx, to, options)
}

// Exec runs a program in a running container and returns how it ended. It is
// killed when ctx ends.
func (s *Set) Exec(ctx context.Context, namespace, pod, name string, command []string, streams container.Streams) (container.Exit, error) {
	m, err := s.member(namespace, pod, name)
	if err != nil {
		return container.Exit{}, err
	}
	return m.exec(ctx, command, streams)
}

// Dial connects to a port of a pod.
func (s *Set) Dial(ctx context.Context, namespace, name string, port int) (net.Conn, error) {
	pod, err := s.find(namespace, name)
	if err != nil {
		return nil, err
	}
	return pod.dial(ctx, net.JoinHostPort("127.0.0.1", fmt.Sprint(port)))
}

func (s *Set) find(namespace, name string) (*Pod, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, pod := range s.pods {
		if object := pod.current(); object.Namespace == namespace && object.Name == name {
			return pod, nil
		}
	}
	return nil, fmt.Errorf("pod %q doesn't run here", name)
}

func (s *Set) member(namespace, pod, name string) (*member, error) {
	found, err := s.find(namespace, pod)
	if err != nil {
		return nil, err
	}
	for _, m := range found.members {
		if m.spec.Name == name {
			return m, nil
		}
	}
	return nil, fmt.Errorf("pod %q has no container %q", pod, name)
}

// dial connects to an address as the pod would.
func (p *Pod) dial(ctx context.Context, address string) (net.Conn, error) {
	p.mu.Lock()
	pod, host := p.network, p.object.Spec.HostNetwork
	p.mu.Unlock()
	if host {
		return p.machine.Network.DialNode(ctx, "tcp", address)
	}
	if pod == nil {
		return nil, fmt.Errorf("the pod has no network")
	}
	return pod.Dial(ctx, "tcp", address)
}
