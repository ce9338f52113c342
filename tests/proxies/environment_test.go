package proxies

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"
	gatewayclient "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned"

	"agentgateway.dev/controller/tests/cluster"
)

// patience bounds every wait of a test; it is reached only by a failure.
const patience = 2 * time.Minute

// environment is a corner of the cluster for one test: a namespace, a
// GatewayClass and a controllerName of the test's own.
type environment struct {
	*testing.T
	ctx     context.Context
	cluster *cluster.Cluster
	kube    kubernetes.Interface
	gateway gatewayclient.Interface
	dynamic dynamic.Interface
	mapper  *restmapper.DeferredDiscoveryRESTMapper
	// name is that of the namespace and of the class.
	name string
	// controllerName is that of the class.
	controllerName string
	// xdsPort is the same for all controllers of the test: proxies know it.
	xdsPort int
}

// environments counts those of a name, which a test has more than one of when it
// is run several times.
var environments sync.Map

// newEnvironment makes a namespace with an echo server and the parameters
// named after it, which the class will have: proxies that ask for no CPU time,
// of which a small machine has little, and that end soon.
func newEnvironment(t *testing.T) *environment {
	t.Helper()
	c := withNode(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	t.Cleanup(cancel)
	e := &environment{T: t, ctx: ctx, cluster: c, name: strings.ToLower(strings.TrimPrefix(t.Name(), "Test"))}
	if n, again := environments.LoadOrStore(e.name, new(atomic.Int32)); again {
		e.name = fmt.Sprintf("%s-%d", e.name, n.(*atomic.Int32).Add(1)+1)
	}
	e.controllerName = "test.agentgateway.dev/" + e.name
	e.kube = must(kubernetes.NewForConfig(c.RESTConfig))(t)
	e.gateway = must(gatewayclient.NewForConfig(c.RESTConfig))(t)
	e.dynamic = must(dynamic.NewForConfig(c.RESTConfig))(t)
	e.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(e.kube.Discovery()))
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: e.name}}
	must(e.kube.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}))(t)
	e.apply(`
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayParameters
metadata: {name: quick}
spec:
  resources: {requests: {}}
  shutdown: {min: 1, max: 5}
---
apiVersion: v1
kind: Service
metadata: {name: echo}
spec:
  selector: {app: echo}
  ports: [{name: http, port: 80, targetPort: http}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: echo}
spec:
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec:
      containers:
      - name: echo
        image: ` + echoImage + `
        args: ["--listen=:` + fmt.Sprint(echoPort) + `"]
        ports: [{name: http, containerPort: ` + fmt.Sprint(echoPort) + `}]
`)
	t.Cleanup(func() {
		if t.Failed() {
			e.report()
		}
		// The pods make room for those of other tests.
		_ = e.kube.CoreV1().Namespaces().Delete(context.WithoutCancel(ctx), e.name, metav1.DeleteOptions{})
	})
	return e
}

// must adapts a constructor's two results.
func must[T any](value T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// apply applies manifests as a user would with kubectl. Objects without a
// namespace go to the test's.
func (e *environment) apply(manifests string) { e.applyAs("user", manifests) }

func (e *environment) applyAs(manager, manifests string) {
	e.Helper()
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifests), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			e.Fatal(err)
		}
		if len(object.Object) == 0 {
			continue
		}
		options := metav1.ApplyOptions{FieldManager: manager, Force: true}
		if _, err := e.clientFor(object).Apply(e.ctx, object.GetName(), object, options); err != nil {
			e.Fatalf("apply %s %s: %v", object.GetKind(), object.GetName(), err)
		}
	}
}

func (e *environment) clientFor(object *unstructured.Unstructured) dynamic.ResourceInterface {
	e.Helper()
	gvk := object.GroupVersionKind()
	mapping, err := e.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		e.Fatal(err)
	}
	if mapping.Scope.Name() == "root" {
		return e.dynamic.Resource(mapping.Resource)
	}
	return e.dynamic.Resource(mapping.Resource).Namespace(e.name)
}

// patch changes an object of the test's namespace as a user would.
func (e *environment) patch(resource schema.GroupVersionResource, name, patch string) {
	e.Helper()
	_, err := e.dynamic.Resource(resource).Namespace(e.name).Patch(e.ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "user"})
	if err != nil {
		e.Fatal(err)
	}
}

// remove deletes an object of the test's namespace.
func (e *environment) remove(resource schema.GroupVersionResource, name string) {
	e.Helper()
	if err := e.dynamic.Resource(resource).Namespace(e.name).Delete(e.ctx, name, metav1.DeleteOptions{}); err != nil {
		e.Fatal(err)
	}
}

// eventually waits until check returns nil.
func (e *environment) eventually(check func() error) {
	e.Helper()
	ctx, cancel := context.WithTimeout(e.ctx, patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			e.Fatalf("not in time: %v", err)
		}
	}
}

// report tells how the test's objects were when it failed.
func (e *environment) report() {
	ctx := context.WithoutCancel(e.ctx)
	if pods, err := e.kube.CoreV1().Pods(e.name).List(ctx, metav1.ListOptions{}); err == nil {
		for _, pod := range pods.Items {
			e.Logf("pod %s: %s %+v", pod.Name, pod.Status.Phase, pod.Status.ContainerStatuses)
			log, err := e.kube.CoreV1().Pods(e.name).GetLogs(pod.Name, &corev1.PodLogOptions{TailLines: new(int64(20))}).DoRaw(ctx)
			e.Logf("its log: %v\n%s", err, log)
		}
	}
	if events, err := e.kube.CoreV1().Events(e.name).List(ctx, metav1.ListOptions{}); err == nil {
		for _, event := range events.Items {
			if event.Type != corev1.EventTypeNormal {
				e.Logf("event: %s %s %s: %s", event.InvolvedObject.Kind, event.InvolvedObject.Name, event.Reason, event.Message)
			}
		}
	}
}
