package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/resources"
	"agentgateway.dev/controller/tests/cluster"
)

// resource returns what the proxy holds under a name, whatever the times of
// creation in it, nil if nothing.
func (p *proxy) resource(name string) *api.Resource {
	p.e.t.Helper()
	for held, content := range p.Held(resources.ResourceTypeURL) {
		if timeless(held) != name {
			continue
		}
		message := &api.Resource{}
		if err := proto.Unmarshal(content.Body, message); err != nil {
			p.e.t.Fatal(err)
		}
		return message
	}
	return nil
}

var referenceGrants = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1beta1", Resource: "referencegrants"}

// TestGrantsTakeEffectAtOnce gives a grant, takes it away and gives it again.
func TestGrantsTakeEffectAtOnce(t *testing.T) {
	e := newEnvironment(t, shared)
	e.gatewayClass()
	other := e.Namespace + "-other"
	e.namespace(other, nil)
	e.apply(oneGateway + fmt.Sprintf(`
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: %[1]s}
spec: {ports: [{port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: across}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: web, namespace: %[1]s, port: 80}]}]
`, other))
	p := e.startReplica().connect("gw", nil)
	permitted := func(yes bool) {
		t.Helper()
		status, reason := metav1.ConditionFalse, "RefNotPermitted"
		if yes {
			status, reason = metav1.ConditionTrue, "ResolvedRefs"
		}
		e.condition("across", "ResolvedRefs", status, reason, "")
		p.until("the backend comes or goes", func() bool {
			backends := p.resource("route/" + e.Namespace + "/across.00.http").GetRoute().GetBackends()
			return len(backends) == 1 && backends[0].GetWeight() == 1 && (backends[0].GetBackend() != nil) == yes
		})
	}
	grant := fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: routes, namespace: %s}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: %s}]
  to: [{group: "", kind: Service}]
`, other, e.Namespace)
	permitted(false)
	e.apply(grant)
	permitted(true)
	if err := e.dynamic.Resource(referenceGrants).Namespace(other).Delete(e.ctx, "routes", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	permitted(false)
}

// TestRelabelledChildChangesItsGroup has a route that is delegated to by a
// label.
func TestRelabelledChildChangesItsGroup(t *testing.T) {
	e := newEnvironment(t, shared)
	e.gatewayClass()
	e.backend("echo")
	e.apply(oneGateway + `
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: parent}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: app=web}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: child, labels: {app: other}}
spec:
  rules: [{backendRefs: [{name: echo, port: 80}]}]
`)
	p := e.startReplica().connect("gw", nil)
	p.holdsRoutes("gw", "parent")
	e.relabel("child", "web")
	child := "route/" + e.Namespace + "/child.00.routegroup." + e.Namespace + ".parent." + e.Namespace + ".app=web"
	p.until("the child", func() bool { return p.resource(child) != nil })
	e.relabel("child", "other")
	p.holdsRoutes("gw", "parent")
}

func (e *environment) relabel(route, app string) {
	e.t.Helper()
	_, err := e.gateway.GatewayV1().HTTPRoutes(e.Namespace).Patch(e.ctx, route, types.MergePatchType,
		fmt.Appendf(nil, `{"metadata":{"labels":{"app":%q}}}`, app), metav1.PatchOptions{})
	if err != nil {
		e.t.Fatal(err)
	}
}

// TestRouteMovesFromOneGatewayToAnother watches both proxies and everything
// that tells of it in statuses.
func TestRouteMovesFromOneGatewayToAnother(t *testing.T) {
	e := newEnvironment(t, shared)
	e.gatewayClass()
	e.backend("echo")
	e.apply(oneGatewayNamed("a") + oneGatewayNamed("b") + route("moving", "a", "/moving"))
	r := e.startReplica()
	a, b := r.connect("a", nil), r.connect("b", nil)
	a.holdsRoutes("a", "moving")
	b.holdsRoutes("b")
	e.attachedRoutes("a", 1)
	e.attachedRoutes("b", 0)

	e.apply(route("moving", "b", "/moving"))
	a.holdsRoutes("a")
	b.holdsRoutes("b", "moving")
	e.attachedRoutes("a", 0)
	e.attachedRoutes("b", 1)
	e.eventually(func() error {
		object, err := e.gateway.GatewayV1().HTTPRoutes(e.Namespace).Get(e.ctx, "moving", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if parents := object.Status.Parents; len(parents) != 1 || parents[0].ParentRef.Name != "b" {
			return fmt.Errorf("%+v", parents)
		}
		return nil
	})
}

// TestDeselectedNamespaceTakesEverythingWithIt has a route and a Service in a
// namespace that loses the label by which it was selected, and gets it back.
func TestDeselectedNamespaceTakesEverythingWithIt(t *testing.T) {
	e := newEnvironment(t, shared)
	e.gatewayClass()
	e.backend("echo")
	team := e.Namespace + "-team"
	e.namespace(team, nil)
	const selected = `{"metadata":{"labels":{"agentgateway.dev/managed":"true"}}}`
	e.label(e.Namespace, selected)
	e.label(team, selected)
	e.apply(fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: "{{.Name}}"
  listeners: [{name: http, protocol: HTTP, port: 80, allowedRoutes: {namespaces: {from: All}}}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: %[1]s}
spec: {ports: [{port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: theirs, namespace: %[1]s}
spec:
  parentRefs: [{name: gw, namespace: "{{.Namespace}}"}]
  rules: [{backendRefs: [{name: web, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ours}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: web, namespace: %[1]s, port: 80}]}]
`, team))
	r := e.startReplica(map[string]string{
		"AGW_DISCOVERY_NAMESPACE_SELECTORS": `[{"matchLabels":{"agentgateway.dev/managed":"true"}}]`,
		"AGW_BACKEND_REF_GRANT_MODE":        "none",
	})
	p := r.connect("gw", nil)
	theirs, address := "route/"+team+"/theirs.00.http", team+"/web."+team+".svc.cluster.local"
	visible := func(yes bool) {
		t.Helper()
		p.until("the namespace comes or goes", func() bool {
			return (p.resource(theirs) != nil) == yes && slices.Contains(p.names(resources.AddressTypeURL), address) == yes
		})
		if yes {
			e.attachedRoutes("gw", 2)
			e.condition("ours", "ResolvedRefs", metav1.ConditionTrue, "ResolvedRefs", "")
		} else {
			e.attachedRoutes("gw", 1)
			e.condition("ours", "ResolvedRefs", metav1.ConditionFalse, "BackendNotFound", "")
		}
	}
	visible(true)
	e.label(team, `{"metadata":{"labels":{"agentgateway.dev/managed":null}}}`)
	visible(false)
	e.label(team, selected)
	visible(true)
}

// TestListenerIsReplacedWhereItCantBeChanged edits what a running proxy can't
// change in place: the port of a listener, then the protocol of a port. Each
// time the proxy must be told of the end of the old first.
func TestListenerIsReplacedWhereItCantBeChanged(t *testing.T) {
	e := newEnvironment(t, shared)
	e.gatewayClass()
	e.backend("echo")
	listeners := func(moving string) {
		t.Helper()
		e.patchGateway("gw", `{"spec":{"listeners":[{"name":"stays","protocol":"HTTP","port":80,"hostname":"stays.test"},`+moving+`]}}`)
	}
	e.apply(oneGateway)
	listeners(`{"name":"http","protocol":"HTTP","port":80}`)
	r := e.startReplica()
	p := r.connect("gw", nil)
	bind, listener := "bind/%d/"+e.Namespace+"/gw", "listener/"+e.Namespace+"/gw.http"
	p.until("the listener on port 80", func() bool {
		return "bind/"+p.resource(listener).GetListener().GetBindKey() == fmt.Sprintf(bind, 80)
	})

	before := len(p.History())
	listeners(`{"name":"http","protocol":"HTTP","port":81}`)
	p.until("the listener on port 81", func() bool {
		return "bind/"+p.resource(listener).GetListener().GetBindKey() == fmt.Sprintf(bind, 81)
	})
	p.replaced(before, listener)
	if p.resource(fmt.Sprintf(bind, 80)) == nil {
		t.Error("the bind of port 80, which another listener needs, is gone")
	}

	before = len(p.History())
	listeners(`{"name":"http","protocol":"HTTPS","port":81,"tls":{"options":{"gateway.istio.io/tls-terminate-mode":"ISTIO_SIMPLE"}}}`)
	p.until("a bind for TLS and the listener on it", func() bool {
		return p.resource(fmt.Sprintf(bind, 81)).GetBind().GetProtocol() == api.Bind_TLS &&
			p.resource(listener).GetListener().GetProtocol() == api.Protocol_HTTPS
	})
	p.replaced(before, fmt.Sprintf(bind, 81))
}

// replaced demands that a resource was removed, and added again by a later
// response, among those since the one with index from.
func (p *proxy) replaced(from int, name string) {
	p.e.t.Helper()
	removed := -1
	for i, response := range p.History()[from:] {
		if slices.Contains(response.Removed, name) {
			removed = i
		}
		for _, resource := range response.Resources {
			if resource.Name == name && (removed < 0 || removed == i) {
				p.e.t.Errorf("%s was sent in place of the old one", name)
			}
		}
	}
	if removed < 0 {
		p.e.t.Errorf("%s was never removed: %+v", name, p.History()[from:])
	}
}

// TestPodReadinessCostsOneAddress flips the readiness of a pod behind a route.
func TestPodReadinessCostsOneAddress(t *testing.T) {
	e := newEnvironment(t, shared)
	e.gatewayClass()
	e.backend("echo")
	e.apply(oneGateway + route("one", "gw", "/one"))
	r := e.startReplica()
	p := r.connect("gw", nil)
	p.holdsRoutes("gw", "one")
	e.condition("one", "Accepted", metav1.ConditionTrue, "Accepted", "")
	e.attachedRoutes("gw", 1)
	workload := "Kubernetes//Pod/" + e.Namespace + "/echo-0"
	version := func() string { return p.Held(resources.AddressTypeURL)[workload].Version }
	p.until("the workload", func() bool { return version() != "" })

	from, written, known := len(p.History()), e.latestVersion(), version()
	pod, err := e.kube.CoreV1().Pods(e.Namespace).Get(e.ctx, "echo-0", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	e.ready(pod, "127.0.0.1", corev1.ConditionFalse)
	p.until("the pod isn't ready", func() bool { return version() != known })
	for _, response := range p.History()[from:] {
		for _, resource := range response.Resources {
			// The provisioned proxy's Service may come at any time.
			if resource.Name != workload && strings.Contains(resource.Name, e.Namespace) && !strings.Contains(resource.Name, "/gw."+e.Namespace) {
				t.Errorf("%s was sent", resource.Name)
			}
		}
	}
	if got := e.latestVersion(); got != written {
		t.Errorf("a status was written: version %s became %s", written, got)
	}
}

// TestCertificateHealsItsListener makes the Secret that a listener waits for.
func TestCertificateHealsItsListener(t *testing.T) {
	e := newEnvironment(t, shared)
	e.gatewayClass()
	e.apply(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: "{{.Name}}"
  listeners: [{name: https, protocol: HTTPS, port: 443, tls: {certificateRefs: [{name: web}]}}]
`)
	p := e.startReplica().connect("gw", nil)
	listener := "listener/" + e.Namespace + "/gw.https"
	programmed := func(reason string) {
		t.Helper()
		e.gatewayStatus("gw", func(status gwv1.GatewayStatus) error {
			for _, listener := range status.Listeners {
				for _, condition := range listener.Conditions {
					if condition.Type == "Programmed" && condition.Reason == reason {
						return nil
					}
				}
			}
			return fmt.Errorf("not %s: %+v", reason, status.Listeners)
		})
	}
	p.until("the listener that refuses", func() bool {
		return string(p.resource(listener).GetListener().GetTls().GetCert()) == "invalid"
	})
	programmed("Invalid")
	certificate, key := keyPair(t)
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "web"}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{"tls.crt": certificate, "tls.key": key},
	}
	if _, err := e.kube.CoreV1().Secrets(e.Namespace).Create(e.ctx, secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	p.until("the certificate", func() bool {
		return string(p.resource(listener).GetListener().GetTls().GetCert()) == string(certificate)
	})
	programmed("Programmed")
}

// TestKindsOfALaterReleaseAreWatchedWhenTheyCome runs a controller with the CRDs
// of an older release, and upgrades them under it.
func TestKindsOfALaterReleaseAreWatchedWhenTheyCome(t *testing.T) {
	old := cluster.Start(t, cluster.Options{GatewayAPI: cluster.StandardV1_2_1, WithoutProjectCRDs: true})
	e := newEnvironment(t, old)
	e.gatewayClass()
	e.apply(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: "{{.Name}}"
  listeners:
  - {name: http, protocol: HTTP, port: 80}
  - {name: tcp, protocol: TCP, port: 90}
  - {name: tls, protocol: TLS, port: 443, tls: {mode: Passthrough}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: http}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: web, port: 443}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 443}]}
`)
	p := e.startReplica().connect("gw", nil)
	p.until("the route", func() bool { return p.resource("route/"+e.Namespace+"/http.00.http") != nil })
	e.condition("http", "Accepted", metav1.ConditionTrue, "Accepted", "")

	e.installGatewayAPI()
	e.eventually(func() error {
		return e.tryApply(`
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: tcp}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: web, port: 443}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: tls}
spec:
  parentRefs: [{name: gw}]
  hostnames: [web.test]
  rules: [{backendRefs: [{name: web, port: 443}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: web}
spec:
  targetRefs: [{group: "", kind: Service, name: web}]
  validation: {hostname: web.test, wellKnownCACertificates: System}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: more}
spec:
  parentRef: {name: gw}
  listeners: [{name: more, protocol: HTTP, port: 81}]
`)
	})
	e.patchGateway("gw", `{"spec":{"allowedListeners":{"namespaces":{"from":"Same"}}}}`)
	for _, want := range []string{
		"listener/" + e.Namespace + "/more.more",
		"policy/" + e.Namespace + "/web:backend-tls:" + e.Namespace + "/web." + e.Namespace + ".svc.cluster.local",
	} {
		p.until(want, func() bool { return p.resource(want) != nil })
	}
	for _, part := range []string{"/tcp.00.tcp", "/tls.00.tls.tls"} {
		p.until(part, func() bool {
			return slices.ContainsFunc(p.names(resources.ResourceTypeURL), func(name string) bool {
				return strings.HasPrefix(name, "tcp_route/") && strings.HasSuffix(name, part)
			})
		})
	}
}
