package main

import (
	"context"
	"fmt"
	"os"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// nodeName is the only node of the cluster: this machine.
const nodeName = "local"

// echoImage is the one image that this node can run. Pods of other images stay
// as they are; the proxy of the quickstart Gateway is run by startDataPlane.
const echoImage = "agentgateway/echo"

// node stands in for a kubelet: pods bound to it that run the echo image
// become local echo servers, each on a loopback address of its own.
type node struct {
	cluster *cluster
	stack   *stack

	mu sync.Mutex
	// running are the processes by pod UID; nil once the node has stopped.
	running map[string]*child
	next    int
}

func (n *node) run(ctx context.Context) {
	if err := n.register(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "run: register the node:", err)
		return
	}
	factory := informers.NewSharedInformerFactory(n.cluster.kube, 0)
	informer := factory.Core().V1().Pods().Informer()
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { n.sync(ctx, object) },
		UpdateFunc: func(_, object any) { n.sync(ctx, object) },
		DeleteFunc: func(object any) { n.gone(object) },
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "run: watch pods:", err)
		return
	}
	factory.Start(ctx.Done())
	<-ctx.Done()
}

func (n *node) register(ctx context.Context) error {
	object := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: nodeName}}
	nodes := n.cluster.kube.CoreV1().Nodes()
	object, err := nodes.Create(ctx, object, metav1.CreateOptions{})
	if err != nil {
		if object, err = nodes.Get(ctx, nodeName, metav1.GetOptions{}); err != nil {
			return err
		}
	}
	capacity := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("8"), corev1.ResourceMemory: resource.MustParse("16Gi"), corev1.ResourcePods: resource.MustParse("100"),
	}
	object.Status.Capacity, object.Status.Allocatable = capacity, capacity
	object.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "LocalProcess"}}
	if object, err = nodes.UpdateStatus(ctx, object, metav1.UpdateOptions{}); err != nil {
		return err
	}
	// New nodes are tainted until somebody calls them ready.
	object.Spec.Taints = nil
	_, err = nodes.Update(ctx, object, metav1.UpdateOptions{})
	return err
}

// sync starts the process of a pod that was bound to the node, and ends that
// of a pod that is being deleted.
func (n *node) sync(ctx context.Context, object any) {
	pod, ok := object.(*corev1.Pod)
	if !ok || pod.Spec.NodeName != nodeName {
		return
	}
	if pod.DeletionTimestamp != nil {
		n.gone(pod)
		err := n.cluster.kube.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))})
		if err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "run: finish pod:", err)
		}
		return
	}
	if pod.Status.PodIP != "" || pod.Spec.Containers[0].Image != echoImage {
		return
	}
	if err := n.begin(ctx, pod.DeepCopy()); err != nil && ctx.Err() == nil {
		fmt.Fprintf(os.Stderr, "run: pod %s/%s: %v\n", pod.Namespace, pod.Name, err)
	}
}

func (n *node) begin(ctx context.Context, pod *corev1.Pod) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.running == nil || n.running[string(pod.UID)] != nil {
		return nil
	}
	n.next++
	ip := fmt.Sprintf("127.1.0.%d", n.next%250+1)
	container := pod.Spec.Containers[0]
	if len(container.Ports) == 0 {
		return fmt.Errorf("container %s has no port to listen on", container.Name)
	}
	echo, err := n.stack.startEcho(pod.Name, fmt.Sprintf("%s:%d", ip, container.Ports[0].ContainerPort))
	if err != nil {
		return err
	}
	n.running[string(pod.UID)] = echo
	now := metav1.Now()
	pod.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}}, HostIP: "127.0.0.1", StartTime: &now,
		Conditions: []corev1.PodCondition{
			{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: now},
			{Type: corev1.ContainersReady, Status: corev1.ConditionTrue, LastTransitionTime: now},
		},
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: container.Name, Image: container.Image, Ready: true, Started: new(true),
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
		}},
	}
	_, err = n.cluster.kube.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	return err
}

// stop ends all processes and starts no more.
func (n *node) stop() {
	n.mu.Lock()
	running := n.running
	n.running = nil
	n.mu.Unlock()
	for _, echo := range running {
		echo.stop()
	}
}

func (n *node) gone(object any) {
	if missed, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = missed.Obj
	}
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return
	}
	n.mu.Lock()
	echo := n.running[string(pod.UID)]
	delete(n.running, string(pod.UID))
	n.mu.Unlock()
	if echo != nil {
		echo.stop()
	}
}
