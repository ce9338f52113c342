package controller

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayfake "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned/fake"

	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/kclient/clienttest"

	"agentgateway.dev/controller/pkg/admin"
	"agentgateway.dev/controller/pkg/gateways"
	"agentgateway.dev/controller/pkg/settings"
)

// process is a controller that runs on a fake API server.
type process struct {
	client   kube.CLIClient
	statuses chan runtime.Object
	leases   chan string
	bound    map[string]string
	stop     context.CancelFunc
	ended    chan error
}

// run starts a controller and returns when its servers listen.
func run(t *testing.T, objects []runtime.Object, arguments map[string]string) *process {
	t.Helper()
	p := &process{
		client:   kube.NewFakeClient(objects...),
		statuses: make(chan runtime.Object, 100),
		leases:   make(chan string, 100),
		ended:    make(chan error, 1),
	}
	for _, resource := range []string{"gatewayclasses", "gateways", "httproutes", "referencegrants"} {
		clienttest.MakeCRD(t, p.client, schema.GroupVersionResource{Group: gwv1.GroupName, Resource: resource})
	}
	gatewayAPI := p.client.GatewayAPI().(*gatewayfake.Clientset)
	gatewayAPI.PrependReactor("update", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		written := action.(clienttesting.UpdateAction).GetObject()
		stored, err := storeStatus(gatewayAPI.Tracker(), action, written)
		p.statuses <- written
		return true, stored, err
	})
	// The fake API server knows no server-side apply.
	gatewayAPI.PrependReactor("patch", "gatewayclasses", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, gatewayClass("agentgateway", gateways.DefaultController, 1), nil
	})
	p.client.Kube().(*fake.Clientset).PrependReactor("*", "leases", func(action clienttesting.Action) (bool, runtime.Object, error) {
		p.leases <- action.GetVerb()
		return false, nil, nil
	})
	environment := map[string]string{
		"AGW_HEALTH_ADDRESS": "127.0.0.1:0", "AGW_METRICS_ADDRESS": "127.0.0.1:0",
		"AGW_ADMIN_ADDRESS": "127.0.0.1:0", "AGW_XDS_ADDRESS": "127.0.0.1:0",
	}
	for name, value := range arguments {
		environment[name] = value
	}
	loaded, err := settings.Load(settings.Sources{Lookup: func(name string) (string, bool) {
		value, set := environment[name]
		return value, set
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	p.stop = cancel
	listening := make(chan map[string]string, 1)
	go func() {
		p.ended <- Run(ctx, Options{
			Settings: loaded, Build: admin.NewBuild("test", "", ""), LogOutput: io.Discard, Client: p.client,
			Listening: func(bound map[string]string) { listening <- bound },
		})
	}()
	select {
	case p.bound = <-listening:
	case err := <-p.ended:
		t.Fatalf("the controller ended: %v", err)
	}
	return p
}

// storeStatus does what an API server does with a status: it keeps the rest of
// the object, which the fake one would replace as well.
func storeStatus(tracker clienttesting.ObjectTracker, action clienttesting.Action, written runtime.Object) (runtime.Object, error) {
	name := written.(metav1.Object).GetName()
	stored, err := tracker.Get(action.GetResource(), action.GetNamespace(), name)
	if err != nil {
		return nil, err
	}
	stored = stored.DeepCopyObject()
	bare := true
	switch typed := stored.(type) {
	case *gwv1.GatewayClass:
		typed.Status = written.(*gwv1.GatewayClass).Status
		bare = equality.Semantic.DeepEqual(written.(*gwv1.GatewayClass).Spec, gwv1.GatewayClassSpec{})
	case *gwv1.Gateway:
		typed.Status = written.(*gwv1.Gateway).Status
		bare = equality.Semantic.DeepEqual(written.(*gwv1.Gateway).Spec, gwv1.GatewaySpec{})
	case *gwv1.HTTPRoute:
		typed.Status = written.(*gwv1.HTTPRoute).Status
		bare = equality.Semantic.DeepEqual(written.(*gwv1.HTTPRoute).Spec, gwv1.HTTPRouteSpec{})
	}
	if !bare {
		return nil, fmt.Errorf("the status of %s was written with its spec", name)
	}
	return stored, tracker.Update(action.GetResource(), stored, action.GetNamespace())
}

// end stops the controller and waits for it.
func (p *process) end(t *testing.T) {
	t.Helper()
	p.stop()
	if err := <-p.ended; err != nil {
		t.Errorf("the end is reported as %v", err)
	}
}

func (p *process) get(t *testing.T, server, path string) (int, string) {
	t.Helper()
	response, err := http.Get("http://" + p.bound[server] + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// oneOfEach is a class, a Gateway and a route that belong together.
func oneOfEach() []runtime.Object {
	gateway := gwv1.ObjectName("gw")
	return []runtime.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns", Labels: map[string]string{"team": "a"}}},
		gatewayClass("agentgateway", gateways.DefaultController, 1),
		&gwv1.Gateway{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "gw", Generation: 1},
			Spec: gwv1.GatewaySpec{
				GatewayClassName: "agentgateway",
				Listeners:        []gwv1.Listener{{Name: "http", Port: 80, Protocol: gwv1.HTTPProtocolType}},
			},
		},
		&gwv1.HTTPRoute{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "r", Generation: 1},
			Spec: gwv1.HTTPRouteSpec{CommonRouteSpec: gwv1.CommonRouteSpec{
				ParentRefs: []gwv1.ParentReference{{Name: gateway}},
			}},
		},
	}
}

// statusOf names what a written status says.
func statusOf(object runtime.Object) string {
	switch typed := object.(type) {
	case *gwv1.GatewayClass:
		return fmt.Sprintf("GatewayClass %s: %s", typed.Name, typed.Status.Conditions[0].Reason)
	case *gwv1.Gateway:
		return fmt.Sprintf("Gateway %s: %d routes", typed.Name, typed.Status.Listeners[0].AttachedRoutes)
	case *gwv1.HTTPRoute:
		return fmt.Sprintf("HTTPRoute %s: %d parents", typed.Name, len(typed.Status.Parents))
	default:
		return fmt.Sprintf("%T", object)
	}
}

// await reads written statuses until all of want were seen.
func (p *process) await(want ...string) {
	missing := map[string]bool{}
	for _, status := range want {
		missing[status] = true
	}
	for len(missing) > 0 {
		delete(missing, statusOf(<-p.statuses))
	}
}

func TestWholeProcess(t *testing.T) {
	p := run(t, oneOfEach(), nil)
	p.await("GatewayClass agentgateway: Accepted", "Gateway gw: 1 routes", "HTTPRoute r: 1 parents")

	// Status is written last, so everything else must be there.
	if code, body := p.get(t, "health", "/readyz"); code != http.StatusOK {
		t.Errorf("readyz: %d %s", code, body)
	}
	if code, body := p.get(t, "metrics", "/metrics"); code != http.StatusOK || !strings.Contains(body, `agentgateway_status_writes_total{kind="Gateway"`) {
		t.Errorf("metrics: %d %s", code, body)
	}
	if code, body := p.get(t, "admin", "/snapshots/krt"); code != http.StatusOK || !strings.Contains(body, "listener/") {
		t.Errorf("collections: %d", code)
	}
	if code, body := p.get(t, "admin", "/debug/xds"); code != http.StatusOK || strings.TrimSpace(body) != "[]" {
		t.Errorf("sessions: %d %s", code, body)
	}
	p.end(t)
	lease, err := p.client.Kube().CoordinationV1().Leases("agentgateway-system").Get(t.Context(), "agentgateway-agentgateway", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if holder := lease.Spec.HolderIdentity; holder != nil && *holder != "" {
		t.Errorf("the lease is still held by %q", *holder)
	}
}

func TestDiscoveryAndNoElection(t *testing.T) {
	objects := append(oneOfEach(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "hidden"}},
		&gwv1.Gateway{
			ObjectMeta: metav1.ObjectMeta{Namespace: "hidden", Name: "unseen", Generation: 1},
			Spec: gwv1.GatewaySpec{
				GatewayClassName: "agentgateway",
				Listeners:        []gwv1.Listener{{Name: "http", Port: 80, Protocol: gwv1.HTTPProtocolType}},
			},
		})
	p := run(t, objects, map[string]string{
		"AGW_DISCOVERY_NAMESPACE_SELECTORS": `[{"matchLabels": {"team": "a"}}]`,
		"AGW_DISABLE_LEADER_ELECTION":       "true",
	})
	p.await("GatewayClass agentgateway: Accepted", "Gateway gw: 1 routes", "HTTPRoute r: 1 parents")
	// A namespace that becomes visible brings its objects.
	hidden := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "hidden", Labels: map[string]string{"team": "a"}}}
	if _, err := p.client.Kube().CoreV1().Namespaces().Update(t.Context(), hidden, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	p.await("Gateway unseen: 0 routes")
	p.end(t)
	select {
	case verb := <-p.leases:
		t.Errorf("there was an election: %s", verb)
	default:
	}
}

func TestStopBeforeTheSync(t *testing.T) {
	p := run(t, nil, nil)
	p.end(t)
}

func TestPortThatIsTaken(t *testing.T) {
	p := run(t, nil, nil)
	defer p.end(t)
	loaded, err := settings.Load(settings.Sources{Lookup: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	loaded.HealthAddress, loaded.MetricsAddress, loaded.AdminAddress = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	loaded.XDS.Address = p.bound["xds"]
	err = Run(t.Context(), Options{Settings: loaded, LogOutput: io.Discard, Client: kube.NewFakeClient()})
	if err == nil || !strings.Contains(err.Error(), "listen for xds") {
		t.Errorf("error %v", err)
	}
}

func TestTLSWithoutCertificate(t *testing.T) {
	loaded, err := settings.Load(settings.Sources{Lookup: func(name string) (string, bool) {
		return "tls", name == "AGW_XDS_MODE"
	}})
	if err != nil {
		t.Fatal(err)
	}
	loaded.HealthAddress, loaded.MetricsAddress, loaded.AdminAddress, loaded.XDS.Address = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	err = Run(t.Context(), Options{Settings: loaded, LogOutput: io.Discard, Client: kube.NewFakeClient()})
	if err == nil || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("error %v", err)
	}
}

func TestKubeconfig(t *testing.T) {
	missing := t.TempDir() + "/none"
	if _, err := restConfig(missing); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("a missing kubeconfig: %v", err)
	}
	path := t.TempDir() + "/config"
	text := `{"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"clusters": [{"name": "k", "cluster": {"server": "https://cluster.example"}}],
		"contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kubeconfig := range []string{path, missing + string(os.PathListSeparator) + path} {
		if config, err := restConfig(kubeconfig); err != nil || config.Host != "https://cluster.example" {
			t.Errorf("kubeconfig %s: %+v, %v", kubeconfig, config, err)
		}
	}
}
