package store_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"istio.io/istio/pkg/workloadapi"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/tools/dataplane/internal/adstest"
	"agentgateway.dev/controller/tools/dataplane/internal/store"
)

type listed []*discovery.Resource

func response(t store.Type, added listed, removed ...string) *discovery.DeltaDiscoveryResponse {
	return &discovery.DeltaDiscoveryResponse{TypeUrl: t.URL(), Resources: added, RemovedResources: removed}
}

// accept applies a response and demands that nothing is wrong with it.
func accept(t *testing.T, s *store.State, added listed, removed ...string) store.Result {
	t.Helper()
	result := s.Apply(response(store.TypeResource, added, removed...))
	if len(result.Findings) > 0 {
		t.Fatalf("findings: %v", result.Findings)
	}
	return result
}

// listenersOf returns the keys of the listeners that a bind has, nil if there
// is no such bind.
func listenersOf(s *store.State, bind string) []string {
	var keys []string
	s.View(func(v store.View) {
		if held := v.Bind(bind); held != nil {
			keys = append([]string{}, slices.Sorted(maps.Keys(held.Listeners))...)
		}
	})
	return keys
}

func TestListenerWaitsForItsBind(t *testing.T) {
	s := store.New()
	accept(t, s, listed{adstest.Listener("l", "b", "")})
	// A pending listener cannot be removed: it attaches all the same.
	accept(t, s, nil, "listener/l")
	accept(t, s, listed{adstest.Bind("b", 80)})
	if diff := cmp.Diff([]string{"l"}, listenersOf(s, "b")); diff != "" {
		t.Error(diff)
	}
}

func TestBindThatComesBackHasNoListeners(t *testing.T) {
	s := store.New()
	first := accept(t, s, listed{adstest.Bind("b", 80), adstest.Listener("l", "b", "")})
	if len(first.Binds) != 1 || first.Binds[0].Opened == nil {
		t.Errorf("events of the first bind: %v", first.Binds)
	}
	gone := accept(t, s, nil, "bind/b")
	if diff := cmp.Diff([]store.BindEvent{{Key: "b"}}, gone.Binds); diff != "" {
		t.Error(diff)
	}
	again := accept(t, s, listed{adstest.Bind("b", 80)})
	if len(again.Binds) != 1 || len(listenersOf(s, "b")) != 0 {
		t.Errorf("events %v, listeners %v", again.Binds, listenersOf(s, "b"))
	}
	// Sending the listener again, with the version it had, is then right.
	if last := accept(t, s, listed{adstest.Listener("l", "b", "")}); len(last.Notes) > 0 {
		t.Errorf("notes: %v", last.Notes)
	}
}

func TestBindUnderTheSameKeyKeepsRunningAsItWas(t *testing.T) {
	s := store.New()
	accept(t, s, listed{adstest.Bind("b", 80), adstest.Listener("l", "b", "")})
	changed := accept(t, s, listed{adstest.Bind("b", 81)})
	if len(changed.Binds) != 0 || len(changed.Notes) != 1 {
		t.Errorf("events %v, notes %v", changed.Binds, changed.Notes)
	}
	s.View(func(v store.View) {
		if bind := v.Bind("b"); bind.Running.GetPort() != 80 || bind.Spec.GetPort() != 81 || len(bind.Listeners) != 1 {
			t.Errorf("bind %+v", bind)
		}
	})
}

func TestAdditionsPrecedeRemovals(t *testing.T) {
	s := store.New()
	accept(t, s, listed{adstest.Bind("old", 80)})
	result := accept(t, s, listed{adstest.Bind("new", 80)}, "bind/old")
	if len(result.Binds) != 2 || result.Binds[0].Key != "new" || result.Binds[1].Key != "old" {
		t.Errorf("events: %v", result.Binds)
	}
	both := accept(t, s, listed{adstest.Bind("x", 81)}, "bind/x")
	if listenersOf(s, "x") != nil || len(both.Notes) != 1 {
		t.Errorf("a name in both lists must end removed; notes %v", both.Notes)
	}
}

func TestRouteThatMovesIsKeptTwice(t *testing.T) {
	route := func(listener string) *discovery.Resource {
		return adstest.Route(&api.Route{Key: "r", ListenerKey: listener, Matches: []*api.RouteMatch{{}}})
	}
	at := func(s *store.State) (parents []string) {
		s.View(func(v store.View) {
			for _, key := range []string{"l1", "l2"} {
				if v.Routes(store.Parent{Kind: store.ParentListener, Key: key}) != nil {
					parents = append(parents, key)
				}
			}
		})
		return parents
	}
	s := store.New()
	accept(t, s, listed{route("l1")})
	if moved := accept(t, s, listed{route("l2")}); len(moved.Notes) != 1 {
		t.Errorf("notes: %v", moved.Notes)
	}
	if diff := cmp.Diff([]string{"l1", "l2"}, at(s)); diff != "" {
		t.Error(diff)
	}
	accept(t, s, nil, "route/r")
	if got := at(s); got != nil {
		t.Errorf("after the removal it is still under %v", got)
	}
}

func TestRejectedVersionLeavesTheOldOne(t *testing.T) {
	s := store.New()
	accept(t, s, listed{adstest.Route(&api.Route{Key: "r", ListenerKey: "l", Matches: []*api.RouteMatch{{}}})})
	bad := &api.Route{Key: "r", ListenerKey: "l", ServicePort: 70000, Matches: []*api.RouteMatch{{}}}
	result := s.Apply(response(store.TypeResource, listed{adstest.Route(bad), adstest.Bind("b", 80)}))
	if len(result.Findings) != 1 || result.Findings[0].Error == "" || !slices.Equal(result.Applied, []string{"bind/b"}) {
		t.Errorf("result: %+v", result)
	}
	s.View(func(v store.View) {
		if v.Routes(store.Parent{Kind: store.ParentListener, Key: "l"}) == nil {
			t.Error("the first version is gone")
		}
	})
}

func TestReadyAfterACleanResponseOfBothTypes(t *testing.T) {
	s := store.New()
	s.Apply(response(store.TypeAddress, nil))
	s.Apply(response(store.TypeResource, listed{adstest.Resource("x", &api.Resource{})}))
	if s.Ready() {
		t.Error("ready after an error")
	}
	s.Apply(response(store.TypeResource, nil))
	if !s.Ready() {
		t.Error("not ready after clean responses")
	}
}

func TestAddressesAreRemovedByTheShapeOfTheirName(t *testing.T) {
	s := store.New()
	apply := func(added listed, removed ...string) {
		if got := s.Apply(response(store.TypeAddress, added, removed...)); len(got.Findings) > 0 {
			t.Fatal(got.Findings)
		}
	}
	key := store.ServiceKey{Namespace: "ns", Hostname: adstest.Hostname("app")}
	endpoints := func() (n int) {
		s.View(func(v store.View) { n = len(v.Endpoints(key)) })
		return n
	}
	// Workloads may come before their service, and stay when it goes.
	apply(listed{adstest.Workload("w", "app"), adstest.Service("app", 8080)})
	apply(nil, "ns/"+adstest.Hostname("app"))
	apply(listed{adstest.Service("app", 8080)})
	if endpoints() != 1 {
		t.Errorf("%d endpoints", endpoints())
	}
	apply(listed{adstest.Workload("w")})
	if endpoints() != 0 {
		t.Errorf("%d endpoints after leaving the service", endpoints())
	}
	apply(nil, "Kubernetes//Pod/ns/w", "unknown", "un/known")
	if s.HasWorkloads() {
		t.Error("the workload is still there")
	}
}

func traffic(spec *api.TrafficPolicySpec) *discovery.Resource {
	return adstest.Route(&api.Route{Key: "r", Matches: []*api.RouteMatch{{}}, TrafficPolicies: []*api.TrafficPolicySpec{spec}})
}

func backendPolicy(spec *api.BackendPolicySpec) *discovery.Resource {
	return adstest.Of(&api.Resource{Kind: &api.Resource_Backend{Backend: &api.Backend{
		Key: "k", Name: &api.ResourceName{}, Kind: &api.Backend_Dynamic{Dynamic: &api.DynamicForwardProxy{}},
		InlinePolicies: []*api.BackendPolicySpec{spec},
	}}})
}

func listener(l *api.Listener) *discovery.Resource {
	return adstest.Of(&api.Resource{Kind: &api.Resource_Listener{Listener: l}})
}

func matching(m *api.RouteMatch) *discovery.Resource {
	return adstest.Route(&api.Route{Key: "r", Matches: []*api.RouteMatch{m}})
}

func service(s *workloadapi.Service) *discovery.Resource {
	return adstest.AddressOf(&workloadapi.Address{Type: &workloadapi.Address_Service{Service: s}})
}

func workload(w *workloadapi.Workload) *discovery.Resource {
	return adstest.AddressOf(&workloadapi.Address{Type: &workloadapi.Address_Workload{Workload: w}})
}

// TestValidation sends one resource each. want starts with the severity.
func TestValidation(t *testing.T) {
	negative := durationpb.New(-1)
	name := &api.ListenerName{}
	for _, test := range []struct {
		name     string
		resource *discovery.Resource
		address  bool
		want     string
	}{
		{name: "no body", resource: &discovery.Resource{Name: "x"}, want: "error: resource is missing"},
		{name: "not a message", resource: &discovery.Resource{Name: "x", Resource: &anypb.Any{Value: []byte{0xff}}}, want: "error: decode"},
		{name: "wire type", resource: &discovery.Resource{Name: "x", Resource: &anypb.Any{Value: []byte{0x0a, 0x02, 0x08, 0x01}}}, want: "error: decode: field agentgateway.dev.resource.Bind.key"},
		{name: "no kind", resource: adstest.Resource("x", &api.Resource{}), want: "error: resource kind"},
		{name: "service as resource", resource: adstest.Resource("x", &api.Resource{Kind: &api.Resource_Service{Service: &workloadapi.Service{}}}), want: "error: resource kind"},
		{name: "route group", resource: adstest.Resource("x", &api.Resource{Kind: &api.Resource_RouteGroup{RouteGroup: &api.RouteGroup{}}}), want: "error: resource kind"},
		{name: "bind enum", resource: adstest.Of(&api.Resource{Kind: &api.Resource_Bind{Bind: &api.Bind{Mode: 7}}}), want: "error: mode: unknown number 7"},
		{name: "bind port", resource: adstest.Bind("b", 65536), want: "error: bind port"},
		{name: "listener without name", resource: listener(&api.Listener{Protocol: api.Protocol_HTTP}), want: "error: missing required field listener.name"},
		{name: "listener protocol", resource: listener(&api.Listener{Name: name}), want: "error: listener protocol"},
		{name: "HTTP with TLS", resource: listener(&api.Listener{Name: name, Protocol: api.Protocol_HTTP, Tls: &api.TLSConfig{}}), want: "error: listener of protocol HTTP"},
		{name: "HTTPS without TLS", resource: listener(&api.Listener{Name: name, Protocol: api.Protocol_HTTPS}), want: "error: listener of protocol HTTPS"},
		{name: "TLS passthrough", resource: listener(&api.Listener{Name: name, Protocol: api.Protocol_TLS})},
		{name: "bad certificate", resource: listener(&api.Listener{Name: name, Protocol: api.Protocol_HTTPS, Tls: &api.TLSConfig{}}), want: "warn: certificate"},
		{name: "route without name", resource: adstest.Of(&api.Resource{Kind: &api.Resource_Route{Route: &api.Route{}}}), want: "error: missing required field route.name"},
		{name: "path without kind", resource: matching(&api.RouteMatch{Path: &api.PathMatch{}}), want: "error: path match"},
		{name: "header without value", resource: matching(&api.RouteMatch{Headers: []*api.HeaderMatch{{Name: "a"}}}), want: "error: header"},
		{name: "header name", resource: matching(&api.RouteMatch{Headers: []*api.HeaderMatch{{Name: "a b", Value: &api.HeaderMatch_Exact{Exact: "x"}}}}), want: "error: header match on invalid name"},
		{name: "pseudo header", resource: matching(&api.RouteMatch{Headers: []*api.HeaderMatch{{Name: ":authority", Value: &api.HeaderMatch_Exact{Exact: "x"}}}})},
		{name: "query without value", resource: matching(&api.RouteMatch{QueryParams: []*api.QueryMatch{{Name: "a"}}}), want: "error: query"},
		{name: "query regex", resource: matching(&api.RouteMatch{QueryParams: []*api.QueryMatch{{Name: "a", Value: &api.QueryMatch_Regex{Regex: "["}}}}), want: "warn: regular expression"},
		{name: "negative weight", resource: adstest.Route(&api.Route{Key: "r", Backends: []*api.RouteBackend{{Weight: -1}}}), want: "error: negative backend weight"},
		{name: "policy without kind", resource: traffic(&api.TrafficPolicySpec{}), want: "error: traffic policy without a kind"},
		{name: "policy phase", resource: traffic(&api.TrafficPolicySpec{Phase: 5, Kind: &api.TrafficPolicySpec_Timeout{Timeout: &api.Timeout{}}}), want: "error: phase"},
		{name: "negative timeout", resource: traffic(&api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_Timeout{Timeout: &api.Timeout{Request: negative}}}), want: "error: timeout.request"},
		{name: "retry code", resource: traffic(&api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_Retry{Retry: &api.Retry{RetryStatusCodes: []int32{99}}}}), want: "error: retry status code"},
		{name: "direct response status", resource: traffic(&api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_DirectResponse{DirectResponse: &api.DirectResponse{}}}), want: "error: direct response status"},
		{name: "redirect scheme", resource: traffic(&api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_RequestRedirect{RequestRedirect: &api.RequestRedirect{Scheme: "a b"}}}), want: "error: redirect to invalid scheme"},
		{name: "redirect port that panics", resource: traffic(&api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_RequestRedirect{RequestRedirect: &api.RequestRedirect{Port: 65536}}}), want: "error: redirect port"},
		{name: "mirror percentage", resource: traffic(&api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_RequestMirror{RequestMirror: &api.RequestMirrors{Mirrors: []*api.RequestMirrors_Mirror{{Percentage: 101}}}}}), want: "error: mirror percentage"},
		{name: "CORS method", resource: traffic(&api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_Cors{Cors: &api.CORS{AllowMethods: []string{"G T"}}}}), want: "error: CORS"},
		{name: "rate limit without interval", resource: traffic(&api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_LocalRateLimit_{LocalRateLimit: &api.TrafficPolicySpec_LocalRateLimit{}}}), want: "error: missing required field local_rate_limit.fill_interval"},
		{name: "ext_authz without protocol", resource: traffic(&api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_ExtAuthz{ExtAuthz: &api.TrafficPolicySpec_ExternalAuth{}}}), want: "error: missing required field ext_authz.protocol"},
		{name: "expression", resource: traffic(&api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_Authorization{Authorization: &api.TrafficPolicySpec_RBAC{Allow: []string{"a =="}}}}), want: "warn: expression"},
		{name: "expression with functions of the proxy", resource: traffic(&api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_Authorization{Authorization: &api.TrafficPolicySpec_RBAC{Allow: []string{`jwt.sub == default(x, "y")`}}}})},
		{name: "policy without target", resource: adstest.Of(&api.Resource{Kind: &api.Resource_Policy{Policy: &api.Policy{}}}), want: "error: missing required field policy.target"},
		{name: "backend without kind", resource: adstest.Of(&api.Resource{Kind: &api.Resource_Backend{Backend: &api.Backend{Name: &api.ResourceName{}}}}), want: "error: backend without a kind"},
		{name: "inline backend policy", resource: backendPolicy(&api.BackendPolicySpec{}), want: "error: backend policy without a kind"},
		{name: "backend TLS root", resource: backendPolicy(&api.BackendPolicySpec{Kind: &api.BackendPolicySpec_BackendTls{BackendTls: &api.BackendPolicySpec_BackendTLS{Root: []byte("x")}}}), want: "error: backend_tls.root"},
		{name: "backend TLS that trusts nobody", resource: backendPolicy(&api.BackendPolicySpec{Kind: &api.BackendPolicySpec_BackendTls{BackendTls: &api.BackendPolicySpec_BackendTLS{Root: []byte{}}}})},
		{name: "backend TLS with nothing to verify", resource: backendPolicy(&api.BackendPolicySpec{Kind: &api.BackendPolicySpec_BackendTls{BackendTls: &api.BackendPolicySpec_BackendTLS{Root: []byte{}, Verification: api.BackendPolicySpec_BackendTLS_INSECURE_HOST}}}), want: "error: backend_tls.root is empty"},
		{name: "auth without kind", resource: backendPolicy(&api.BackendPolicySpec{Kind: &api.BackendPolicySpec_Auth{Auth: &api.BackendAuthPolicy{}}}), want: "error: backend auth"},
		{name: "workload address", address: true, resource: workload(&workloadapi.Workload{Uid: "u", Addresses: [][]byte{{1}}}), want: "error: address of 1 bytes"},
		{name: "workload of a service without namespace", address: true, resource: workload(&workloadapi.Workload{Uid: "u", Services: map[string]*workloadapi.PortList{"x": {}}}), want: "error: workload names service"},
		{name: "uid like a service", address: true, resource: workload(&workloadapi.Workload{Uid: "a/b"}), want: "error: workload uid"},
		{name: "workload enum", address: true, resource: workload(&workloadapi.Workload{Uid: "u", Status: 9}), want: "error: status"},
		{name: "service scope", address: true, resource: service(&workloadapi.Service{LoadBalancing: &workloadapi.LoadBalancing{RoutingPreference: []workloadapi.LoadBalancing_Scope{0}}}), want: "error: load balancing"},
		{name: "waypoint without destination", address: true, resource: service(&workloadapi.Service{Waypoint: &workloadapi.GatewayAddress{}}), want: "error: gateway address"},
		{name: "service under another name", address: true, resource: adstest.Resource("x", &workloadapi.Address{Type: &workloadapi.Address_Service{Service: &workloadapi.Service{}}}), want: "error: service"},
	} {
		t.Run(test.name, func(t *testing.T) {
			of := store.TypeResource
			if test.address {
				of = store.TypeAddress
			}
			findings := store.New().Apply(response(of, listed{test.resource})).Findings
			var got []string
			for _, f := range findings {
				if f.Error != "" {
					got = append(got, "error: "+f.Error)
				} else {
					got = append(got, "warn: "+f.Warn)
				}
			}
			if test.want == "" && len(got) > 0 || test.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], test.want)) {
				t.Errorf("findings %q, want one %q", got, test.want)
			}
		})
	}
}

func TestNackMessage(t *testing.T) {
	got := store.NackMessage([]store.Finding{{Key: "a", Warn: "w<&>"}, {Key: "b", Error: "e"}})
	if want := `[{"key":"a","warn":"w<&>"},{"key":"b","error":"e"}]`; got != want {
		t.Errorf("message %s, want %s", got, want)
	}
}

func TestDumpHidesSecrets(t *testing.T) {
	s := store.New()
	accept(t, s, listed{backendPolicy(&api.BackendPolicySpec{Kind: &api.BackendPolicySpec_Auth{Auth: &api.BackendAuthPolicy{
		Kind: &api.BackendAuthPolicy_Key{Key: &api.Key{Secret: "hunter2"}},
	}}})})
	dump := s.Dump()
	if text := string(dump.Backends[0]); strings.Contains(text, "hunter2") || !strings.Contains(text, "redacted") {
		t.Errorf("dump: %s", text)
	}
}

func TestNotes(t *testing.T) {
	policy := func(key string) *discovery.Resource {
		return adstest.Of(&api.Resource{Kind: &api.Resource_Policy{Policy: &api.Policy{
			Key: key, Target: &api.PolicyTarget{Kind: &api.PolicyTarget_Gateway{Gateway: &api.PolicyTarget_GatewayTarget{}}},
			Kind: &api.Policy_Traffic{Traffic: &api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_Timeout{Timeout: &api.Timeout{}}}},
		}}})
	}
	renamed := adstest.Bind("b", 80)
	renamed.Name = "other"
	for _, test := range []struct {
		name   string
		want   string
		first  listed
		second listed
	}{
		{name: "sent again", first: listed{adstest.Bind("b", 80)}, second: listed{adstest.Bind("b", 80)}, want: "sent again without a change"},
		{name: "renamed", first: listed{adstest.Bind("b", 80)}, second: listed{renamed}, want: `already has the name "bind/b"`},
		{name: "two policies of a kind", first: listed{policy("p")}, second: listed{policy("q")}, want: "picks one at random"},
		{name: "listener moved", first: listed{adstest.Bind("b", 80), adstest.Listener("l", "b", "")}, second: listed{adstest.Bind("c", 81), adstest.Listener("l", "c", "")}, want: "listener moved"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := store.New()
			if first := accept(t, s, test.first); len(first.Notes) > 0 {
				t.Errorf("first response: %v", first.Notes)
			}
			second := accept(t, s, test.second)
			if len(second.Notes) != 1 || !strings.Contains(second.Notes[0], test.want) {
				t.Errorf("notes %q, want one with %q", second.Notes, test.want)
			}
		})
	}
}
