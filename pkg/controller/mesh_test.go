package controller

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/kclient/clienttest"
	"istio.io/istio/pkg/kube/krt"
	"istio.io/istio/pkg/workloadapi"

	"agentgateway.dev/controller/pkg/graph"
	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/provision"
	"agentgateway.dev/controller/pkg/resources"
	"agentgateway.dev/controller/pkg/settings"
)

// meshed is the graph and the rendered proxies of a cluster in a mesh.
type meshed struct {
	*testing.T
	client  kube.CLIClient
	graph   *graph.Graph
	desired krt.Collection[provision.Desired]
	changed chan struct{}
}

// TestMesh follows the configuration of a mesh whose istiod is in a namespace
// that is not selected: it reaches the workloads, and the variables of the
// proxies that join, while the controller runs; other objects of that
// namespace don't exist for it.
func TestMesh(t *testing.T) {
	config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "mesh", Name: "istio-1-30"}, Data: map[string]string{"mesh": "trustDomain: custom.example.com"}}
	m := newMeshed(t, map[string]string{
		"AGW_DISCOVERY_NAMESPACE_SELECTORS": `[{"matchLabels": {"team": "a"}}]`,
		"AGW_ISTIO_AUTO_ENABLED":            "true", "AGW_ISTIO_NAMESPACE": "mesh", "AGW_ISTIO_REVISION": "1-30", "AGW_ISTIO_CLUSTER_ID": "east",
	}, append(oneOfEach(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "mesh", Labels: map[string]string{"topology.istio.io/network": "net-1"}}},
		config, pod("ns", "web"), pod("mesh", "istiod"),
	)...)
	m.await("custom.example.com", "net-1")
	if address := m.address("east//Pod/mesh/istiod"); address != nil {
		t.Errorf("a pod of a namespace that is not selected: %v", address)
	}

	ctx, configMaps := t.Context(), m.client.Kube().CoreV1().ConfigMaps("mesh")
	config.Data["mesh"] = "trustDomain: other.example.com"
	if _, err := configMaps.Update(ctx, config, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	m.await("other.example.com", "net-1")
	if err := configMaps.Delete(ctx, config.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	m.await("cluster.local", "net-1")
	bare := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "mesh"}}
	if _, err := m.client.Kube().CoreV1().Namespaces().Update(ctx, bare, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	m.await("cluster.local", "")
}

// TestIstioInstalledLater checks that entries count as soon as their CRD is
// there, and that nothing waits for it.
func TestIstioInstalledLater(t *testing.T) {
	m := newMeshed(t, nil, oneOfEach()...)
	clienttest.MakeCRD(t, m.client, schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "serviceentries"})
	entry := &networkingv1.ServiceEntry{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "entry"}}
	entry.Spec.Hosts = []string{"entry.test"}
	if _, err := m.client.Istio().NetworkingV1().ServiceEntries("ns").Create(t.Context(), entry, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	m.until("the ServiceEntry", func() bool { return m.address("ns/entry.test") != nil })
}

func newMeshed(t *testing.T, environment map[string]string, objects ...runtime.Object) *meshed {
	t.Helper()
	loaded, err := settings.Load(settings.Sources{Lookup: func(name string) (string, bool) {
		value, set := environment[name]
		return value, set
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	client := kube.NewFakeClient(objects...)
	t.Cleanup(func() {
		cancel()
		client.Shutdown()
	})
	for _, resource := range []string{"gatewayclasses", "gateways"} {
		clienttest.MakeCRD(t, client, schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: resource})
	}
	discovery, err := inputs.NewDiscovery(client, loaded.Discovery, ctx.Done())
	if err != nil {
		t.Fatal(err)
	}
	kube.SetObjectFilter(client, discovery)
	opts := krt.NewOptionsBuilder(ctx.Done(), "", nil)
	in := inputs.FromCluster(client, inputs.Features{MeshConfig: meshSettings(loaded).ConfigMap()}, opts)
	m := &meshed{T: t, client: client, graph: graph.Build(in, graphSettings(loaded), opts), changed: make(chan struct{}, 1)}
	m.desired = provision.NewDesired(provision.Inputs{
		Gateways: in.Gateways, Classes: in.GatewayClasses, Parameters: in.AgentgatewayParameters, Secrets: in.Secrets,
		Judged: m.graph.Gateways, Mesh: m.graph.Mesh, Defaults: provision.DefaultsOf(loaded, "test"),
	}, opts)
	m.desired.Register(func(krt.Event[provision.Desired]) { m.notify() })
	for _, feed := range m.graph.Feeds {
		feed.Register(func([]resources.Delta) { m.notify() })
	}
	client.RunAndWait(ctx.Done())
	return m
}

func (m *meshed) notify() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// until returns when condition holds, and asks after every change.
func (m *meshed) until(what string, condition func() bool) {
	m.Helper()
	limit := time.After(time.Minute)
	for !condition() {
		select {
		case <-m.changed:
		case <-limit:
			m.Fatalf("%s did not come", what)
		}
	}
}

// await waits until everything that depends on the mesh is of this trust domain
// and network.
func (m *meshed) await(trustDomain, network string) {
	m.Helper()
	shown := trustDomain
	if shown == "cluster.local" {
		shown = ""
	}
	m.until("trust domain "+trustDomain+" on network "+network, func() bool {
		workload := m.address("east//Pod/ns/web").GetWorkload()
		return workload.GetTrustDomain() == shown && workload.GetNetwork() == network && workload != nil &&
			m.rendered(`{"name":"TRUST_DOMAIN","value":"`+trustDomain+`"}`)
	})
}

// address returns what proxies are sent by this name, nil for nothing.
func (m *meshed) address(name string) *workloadapi.Address {
	m.Helper()
	for _, feed := range m.graph.Feeds {
		for _, resource := range feed.List() {
			if resource.Type != resources.TypeAddress || resource.Name != name {
				continue
			}
			message, err := resource.Message()
			if err != nil {
				m.Fatal(err)
			}
			return message.(*workloadapi.Address)
		}
	}
	return nil
}

// rendered says whether an object of the Gateway has text in it.
func (m *meshed) rendered(text string) bool {
	for _, desired := range m.desired.List() {
		for _, object := range desired.Objects {
			if strings.Contains(object.Body, text) {
				return true
			}
		}
	}
	return false
}

func pod(namespace, name string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.0.0.1"}}
}
