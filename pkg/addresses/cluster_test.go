package addresses

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/resources"
)

// cluster is a set of objects that a test changes one by one.
type cluster struct {
	in         *inputs.Inputs
	namespaces krt.StaticCollection[*corev1.Namespace]
	nodes      krt.StaticCollection[*corev1.Node]
	pods       krt.StaticCollection[*corev1.Pod]
	services   krt.StaticCollection[*corev1.Service]
	slices     krt.StaticCollection[*discoveryv1.EndpointSlice]
}

func newCluster(opts krt.OptionsBuilder, objects ...runtime.Object) *cluster {
	c := &cluster{
		namespaces: krt.NewStaticCollection[*corev1.Namespace](nil, nil, opts.WithName("Namespaces")...),
		nodes:      krt.NewStaticCollection[*corev1.Node](nil, nil, opts.WithName("Nodes")...),
		pods:       krt.NewStaticCollection[*corev1.Pod](nil, nil, opts.WithName("Pods")...),
		services:   krt.NewStaticCollection[*corev1.Service](nil, nil, opts.WithName("Services")...),
		slices:     krt.NewStaticCollection[*discoveryv1.EndpointSlice](nil, nil, opts.WithName("EndpointSlices")...),
	}
	c.in = &inputs.Inputs{Namespaces: c.namespaces, Nodes: c.nodes, Pods: c.pods, Services: c.services, EndpointSlices: c.slices}
	for _, object := range objects {
		c.apply(object)
	}
	return c
}

func (c *cluster) apply(object runtime.Object) {
	switch object := object.(type) {
	case *corev1.Namespace:
		c.namespaces.UpdateObject(object)
	case *corev1.Node:
		c.nodes.UpdateObject(object)
	case *corev1.Pod:
		c.pods.UpdateObject(object)
	case *corev1.Service:
		c.services.UpdateObject(object)
	case *discoveryv1.EndpointSlice:
		c.slices.UpdateObject(object)
	}
}

func (c *cluster) remove(object runtime.Object) {
	key := krt.GetKey(object.(metav1.Object))
	switch object.(type) {
	case *corev1.Namespace:
		c.namespaces.DeleteObject(key)
	case *corev1.Node:
		c.nodes.DeleteObject(key)
	case *corev1.Pod:
		c.pods.DeleteObject(key)
	case *corev1.Service:
		c.services.DeleteObject(key)
	case *discoveryv1.EndpointSlice:
		c.slices.DeleteObject(key)
	}
}

func meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func newPod(namespace, name string, labels map[string]string, ready bool) *corev1.Pod {
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	pod := &corev1.Pod{ObjectMeta: meta(namespace, name), Spec: corev1.PodSpec{NodeName: "node-0"}}
	pod.Labels = labels
	pod.Status.Phase = corev1.PodRunning
	pod.Status.PodIP = "10.0.0.1"
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status}}
	return pod
}

func newService(namespace, name string, selector map[string]string, target int) *corev1.Service {
	service := &corev1.Service{ObjectMeta: meta(namespace, name)}
	service.Spec.ClusterIP = "10.96.0.1"
	service.Spec.Selector = selector
	service.Spec.Ports = []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromInt(target)}}
	return service
}

// newSlice has one endpoint for each pod, and one outside the cluster when
// outside is set.
func newSlice(namespace, name, service, outside string, pods ...string) *discoveryv1.EndpointSlice {
	slice := &discoveryv1.EndpointSlice{ObjectMeta: meta(namespace, name), AddressType: discoveryv1.AddressTypeIPv4}
	slice.Labels = map[string]string{discoveryv1.LabelServiceName: service}
	port, http := int32(9000), "http"
	slice.Ports = []discoveryv1.EndpointPort{{Name: &http, Port: &port}}
	for i, pod := range pods {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{fmt.Sprintf("10.0.0.%d", i+1)},
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: pod},
		})
	}
	if outside != "" {
		node := "node-0"
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{outside}, NodeName: &node})
	}
	return slice
}

func newNode(name, zone string) *corev1.Node {
	node := &corev1.Node{ObjectMeta: meta("", name)}
	node.Labels = map[string]string{corev1.LabelTopologyRegion: "eu", corev1.LabelTopologyZone: zone}
	return node
}

func newNamespace(name, distribution string) *corev1.Namespace {
	namespace := &corev1.Namespace{ObjectMeta: meta("", name)}
	namespace.Annotations = map[string]string{preferenceAnnotation: distribution}
	return namespace
}

// patience bounds how long a test waits for something that must happen.
const patience = 30 * time.Second

// feed carries the resource events of collections, in order per collection.
type feed chan krt.Event[resources.Resource]

// newFeed has room for every event of a test: handlers must not block.
func newFeed(collections ...krt.Collection[resources.Resource]) feed {
	f := make(feed, 1<<16)
	for _, collection := range collections {
		collection.RegisterBatch(func(events []krt.Event[resources.Resource]) {
			for _, event := range events {
				f <- event
			}
		}, false)
	}
	return f
}

// until returns the names of resources that changed up to and with one that
// satisfies last.
func (f feed) until(tb testing.TB, last func(krt.Event[resources.Resource]) bool) []string {
	tb.Helper()
	deadline := time.After(patience)
	var names []string
	for {
		select {
		case event := <-f:
			names = append(names, event.Latest().Name)
			if last(event) {
				return names
			}
		case <-deadline:
			tb.Fatalf("did not come; only %v did", names)
		}
	}
}
