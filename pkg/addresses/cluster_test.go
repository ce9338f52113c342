package addresses

import (
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	inferencev1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"

	"istio.io/istio/pkg/kube/controllers"
	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/mesh"
	"agentgateway.dev/controller/pkg/resources"
)

// cluster is a set of objects that a test changes one by one.
type cluster struct {
	in     *inputs.Inputs
	mesh   krt.Singleton[mesh.Mesh]
	stores []store
}

// store changes the objects of one kind; both functions return false for
// objects of other kinds.
type store struct {
	apply, remove func(runtime.Object) bool
}

func newCluster(opts krt.OptionsBuilder, objects ...runtime.Object) *cluster {
	c := &cluster{in: inputs.FromObjects(nil, opts)}
	watch(c, &c.in.Namespaces, opts)
	watch(c, &c.in.Nodes, opts)
	watch(c, &c.in.Pods, opts)
	watch(c, &c.in.Services, opts)
	watch(c, &c.in.EndpointSlices, opts)
	watch(c, &c.in.MeshConfigs, opts)
	watch(c, &c.in.Statuses.Gateways, opts)
	watch(c, &c.in.GatewayClasses, opts)
	watch(c, &c.in.InferencePools, opts)
	watch(c, &c.in.ServiceEntries, opts)
	watch(c, &c.in.WorkloadEntries, opts)
	c.mesh = meshOf(c.in, opts)
	for _, object := range objects {
		c.apply(object)
	}
	return c
}

func meshOf(in *inputs.Inputs, opts krt.OptionsBuilder) krt.Singleton[mesh.Mesh] {
	return mesh.New(mesh.Inputs{ConfigMaps: in.MeshConfigs, Namespaces: in.Namespaces}, mesh.Settings{}, opts)
}

func watch[T controllers.ComparableObject](c *cluster, field *krt.Collection[T], opts krt.OptionsBuilder) {
	objects := krt.NewStaticCollection[T](nil, nil, opts.WithName(fmt.Sprintf("%T", *new(T)))...)
	*field = objects
	c.stores = append(c.stores, store{
		apply: func(object runtime.Object) bool {
			own, ok := object.(T)
			if ok {
				objects.UpdateObject(own)
			}
			return ok
		},
		remove: func(object runtime.Object) bool {
			own, ok := object.(T)
			if ok {
				objects.DeleteObject(krt.GetKey(own))
			}
			return ok
		},
	})
}

func (c *cluster) apply(object runtime.Object) {
	if !slices.ContainsFunc(c.stores, func(s store) bool { return s.apply(object) }) {
		panic(fmt.Sprintf("no collection for %T", object))
	}
}

func (c *cluster) remove(object runtime.Object) {
	if !slices.ContainsFunc(c.stores, func(s store) bool { return s.remove(object) }) {
		panic(fmt.Sprintf("no collection for %T", object))
	}
}

// ofMesh returns the objects that stand in every address.
func (c *cluster) ofMesh() []runtime.Object {
	var objects []runtime.Object
	for _, config := range c.in.MeshConfigs.List() {
		objects = append(objects, config.DeepCopy())
	}
	if namespace := c.in.Namespaces.GetKey(mesh.DefaultNamespace); namespace != nil {
		objects = append(objects, (*namespace).DeepCopy())
	}
	return objects
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

func newPool(name string, selector map[string]string, picker inferencev1.ObjectName, ports ...inferencev1.PortNumber) *inferencev1.InferencePool {
	pool := &inferencev1.InferencePool{ObjectMeta: meta("default", name)}
	pool.Spec.Selector.MatchLabels = map[inferencev1.LabelKey]inferencev1.LabelValue{}
	for key, value := range selector {
		pool.Spec.Selector.MatchLabels[inferencev1.LabelKey(key)] = inferencev1.LabelValue(value)
	}
	for _, port := range ports {
		pool.Spec.TargetPorts = append(pool.Spec.TargetPorts, inferencev1.Port{Number: port})
	}
	pool.Spec.EndpointPickerRef.Name = picker
	return pool
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
