// Package integration runs the controller against a real API server, with
// recording clients in place of proxies.
package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"text/template"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"
	gatewayclient "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned"

	istiolog "istio.io/istio/pkg/log"

	"agentgateway.dev/controller/tests/cluster"
)

var shared *cluster.Cluster

func TestMain(m *testing.M) {
	quietLibraries()
	os.Exit(cluster.Main(m, cluster.Options{}, &shared))
}

// patience bounds every wait of a test; it is reached only by a failure.
const patience = 30 * time.Second

// environment is a corner of the cluster for one test: namespaces, a
// GatewayClass and a controllerName that no other test has.
type environment struct {
	t       *testing.T
	ctx     context.Context
	cluster *cluster.Cluster
	kube    kubernetes.Interface
	gateway gatewayclient.Interface
	dynamic dynamic.Interface
	mapper  *restmapper.DeferredDiscoveryRESTMapper

	// Name prefixes everything cluster-scoped and is the GatewayClass.
	Name       string
	Controller string
	// Namespace is where the test's objects live unless they say otherwise.
	Namespace string
	// System is the controller's own namespace.
	System string
}

func newEnvironment(t *testing.T, c *cluster.Cluster) *environment {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	name := strings.ToLower(strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, t.Name()), "-"))
	e := &environment{
		t: t, ctx: ctx, cluster: c,
		kube:       must(kubernetes.NewForConfig(c.RESTConfig))(t),
		gateway:    must(gatewayclient.NewForConfig(c.RESTConfig))(t),
		dynamic:    must(dynamic.NewForConfig(c.RESTConfig))(t),
		Name:       name,
		Controller: "test.agentgateway.dev/" + name,
		Namespace:  name,
		System:     name + "-system",
	}
	e.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(e.kube.Discovery()))
	e.namespace(e.Namespace, nil)
	e.namespace(e.System, nil)
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

func (e *environment) namespace(name string, labels map[string]string) {
	e.t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	if _, err := e.kube.CoreV1().Namespaces().Create(e.ctx, namespace, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		e.t.Fatal(err)
	}
	// No controller manager runs that would make it, and pods need it.
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	if _, err := e.kube.CoreV1().ServiceAccounts(name).Create(e.ctx, account, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		e.t.Fatal(err)
	}
}

// gatewayClass makes the class of the environment.
func (e *environment) gatewayClass() {
	e.t.Helper()
	e.apply(`
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: "{{.Name}}"}
spec: {controllerName: "{{.Controller}}"}
`)
	e.t.Cleanup(func() {
		_ = e.gateway.GatewayV1().GatewayClasses().Delete(context.WithoutCancel(e.ctx), e.Name, metav1.DeleteOptions{})
	})
}

// apply applies manifests, a template over the environment, as a user would
// with kubectl.
func (e *environment) apply(manifests string) {
	e.t.Helper()
	if err := e.tryApply(manifests); err != nil {
		e.t.Fatal(err)
	}
}

func (e *environment) tryApply(manifests string) error {
	var rendered bytes.Buffer
	if err := template.Must(template.New("").Parse(manifests)).Execute(&rendered, e); err != nil {
		return err
	}
	decoder := yaml.NewYAMLOrJSONDecoder(&rendered, 4096)
	for {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(object); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if len(object.Object) == 0 {
			continue
		}
		client, err := e.clientFor(object)
		if err != nil {
			return err
		}
		_, err = client.Apply(e.ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: "user", Force: true})
		if err != nil {
			return fmt.Errorf("apply %s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
}

func (e *environment) clientFor(object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	gvk := object.GroupVersionKind()
	mapping, err := e.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		// The kind may have come since the mapper looked.
		e.mapper.Reset()
		return nil, err
	}
	if mapping.Scope.Name() == "root" {
		return e.dynamic.Resource(mapping.Resource), nil
	}
	if object.GetNamespace() == "" {
		object.SetNamespace(e.Namespace)
	}
	return e.dynamic.Resource(mapping.Resource).Namespace(object.GetNamespace()), nil
}

// remove deletes an object of the test's namespace.
func (e *environment) remove(resource schema.GroupVersionResource, name string) {
	e.t.Helper()
	if err := e.dynamic.Resource(resource).Namespace(e.Namespace).Delete(e.ctx, name, metav1.DeleteOptions{}); err != nil {
		e.t.Fatal(err)
	}
}

var httpRoutes = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "httproutes"}

// backend makes a Service and a ready pod behind it.
func (e *environment) backend(name string) {
	e.t.Helper()
	e.apply(`
apiVersion: v1
kind: Service
metadata: {name: ` + name + `}
spec:
  selector: {app: ` + name + `}
  ports: [{name: http, port: 80, targetPort: 8080}]
`)
	e.pod(name+"-0", map[string]string{"app": name}, "127.0.0.1", 8080)
}

// pod makes a running pod as a kubelet would leave it.
func (e *environment) pod(name string, labels map[string]string, ip string, port int32) {
	e.t.Helper()
	pods := e.kube.CoreV1().Pods(e.Namespace)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec: corev1.PodSpec{
			// Without a service account controller there is none to mount.
			AutomountServiceAccountToken: new(false),
			Containers: []corev1.Container{{
				Name: "main", Image: "none", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: port}},
			}},
		},
	}
	pod, err := pods.Create(e.ctx, pod, metav1.CreateOptions{})
	if err != nil {
		e.t.Fatal(err)
	}
	e.ready(pod, ip, corev1.ConditionTrue)
}

func (e *environment) ready(pod *corev1.Pod, ip string, ready corev1.ConditionStatus) {
	e.t.Helper()
	pod.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}},
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}},
	}
	if _, err := e.kube.CoreV1().Pods(e.Namespace).UpdateStatus(e.ctx, pod, metav1.UpdateOptions{}); err != nil {
		e.t.Fatal(err)
	}
}

// token returns a token as a pod of service account would present it, making
// the account if there is none.
func (e *environment) token(account string) string {
	e.t.Helper()
	accounts := e.kube.CoreV1().ServiceAccounts(e.Namespace)
	_, err := accounts.Create(e.ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: account}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		e.t.Fatal(err)
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{"agentgateway"}}}
	request, err = accounts.CreateToken(e.ctx, account, request, metav1.CreateOptions{})
	if err != nil {
		e.t.Fatal(err)
	}
	return request.Status.Token
}

// eventually waits until check returns nil. It asks again at once while things
// move and at the latest after a short pause.
func (e *environment) eventually(check func() error) {
	e.t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			e.t.Fatalf("not within %s: %v", patience, err)
		}
		select {
		case <-tick.C:
		case <-e.ctx.Done():
			e.t.Fatalf("interrupted: %v; last: %v", e.ctx.Err(), err)
		}
	}
}

// quietLibraries keeps the progress of the collection library out of the test
// output; what a failed test needs is in the controller's log.
func quietLibraries() {
	for _, scope := range istiolog.Scopes() {
		scope.SetOutputLevel(istiolog.ErrorLevel)
	}
}
