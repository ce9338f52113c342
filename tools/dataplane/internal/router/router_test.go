package router_test

import (
	"testing"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"istio.io/istio/pkg/workloadapi"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/tools/dataplane/internal/adstest"
	"agentgateway.dev/controller/tools/dataplane/internal/match"
	"agentgateway.dev/controller/tools/dataplane/internal/router"
	"agentgateway.dev/controller/tools/dataplane/internal/store"
)

func first(int64) int64 { return 0 }

func load(t *testing.T, added ...*discovery.Resource) *store.State {
	t.Helper()
	s := store.New()
	apply(t, s, store.TypeResource, append(added, adstest.Bind("b", 80))...)
	return s
}

func apply(t *testing.T, s *store.State, of store.Type, added ...*discovery.Resource) {
	t.Helper()
	if got := s.Apply(&discovery.DeltaDiscoveryResponse{TypeUrl: of.URL(), Resources: added}); len(got.Findings) > 0 {
		t.Fatal(got.Findings)
	}
}

func decide(s *store.State, host string, draw router.Draw) (d router.Decision) {
	s.View(func(v store.View) {
		d = router.Decide(v, router.Connection{BindKey: "b"}, &match.Request{Host: host, Path: "/x", Method: "GET"}, draw)
	})
	return d
}

func route(key, listener string, backends ...*api.RouteBackend) *api.Route {
	return &api.Route{Key: key, ListenerKey: listener, Matches: []*api.RouteMatch{{}}, Backends: backends}
}

func TestListenerByHost(t *testing.T) {
	s := load(t, adstest.Listener("any", "b", ""), adstest.Listener("wide", "b", "*.com"),
		adstest.Listener("narrow", "b", "*.a.com"), adstest.Listener("exact", "b", "x.a.com"),
		adstest.Route(route("1", "any")), adstest.Route(route("2", "wide")),
		adstest.Route(route("3", "narrow")), adstest.Route(route("4", "exact")))
	for host, want := range map[string]string{
		"x.a.com": "exact", "y.a.com": "narrow", "z.y.a.com": "narrow", "a.com": "wide", "com": "any", "X.a.com": "narrow",
	} {
		if d := decide(s, host, first); d.Rejected != nil || d.Listener.Spec.GetKey() != want {
			t.Errorf("%s: %+v, want listener %s", host, d, want)
		}
	}
}

// TestBackendFailures follows the table of the failures of backends.
func TestBackendFailures(t *testing.T) {
	unknownBackend := &api.RouteBackend{Weight: 1, Backend: &api.BackendReference{Kind: &api.BackendReference_Backend{Backend: "none"}}}
	for _, test := range []struct {
		name         string
		backends     []*api.RouteBackend
		status, grpc int
	}{
		{name: "none", status: 500, grpc: 14},
		{name: "all weights zero", backends: []*api.RouteBackend{{}}, status: 500, grpc: 14},
		{name: "no reference", backends: []*api.RouteBackend{{Weight: 1}}, status: 500, grpc: 2},
		{name: "reference without kind", backends: []*api.RouteBackend{{Weight: 1, Backend: &api.BackendReference{}}}, status: 500, grpc: 2},
		{name: "unknown service", backends: []*api.RouteBackend{adstest.To("none")}, status: 500, grpc: 2},
		{name: "unknown backend", backends: []*api.RouteBackend{unknownBackend}, status: 500, grpc: 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := load(t, adstest.Listener("l", "b", ""), adstest.Route(route("r", "l", test.backends...)))
			d := decide(s, "a.com", first)
			if d.Failed == nil || d.Failed.Status != test.status || int(d.Failed.GRPC) != test.grpc {
				t.Errorf("failure %+v", d.Failed)
			}
		})
	}
}

func TestWeightsDivideTheDraw(t *testing.T) {
	one, none, two := adstest.To("one"), adstest.To("none"), adstest.To("two")
	one.Weight, none.Weight, two.Weight = 1, 0, 2
	s := load(t, adstest.Listener("l", "b", ""), adstest.Route(route("r", "l", one, none, two)))
	for point, want := range []*api.RouteBackend{one, two, two} {
		d := decide(s, "a.com", func(n int64) int64 {
			if n != 3 {
				t.Errorf("drew from %d", n)
			}
			return int64(point)
		})
		if d.Backend.GetBackend().GetService().GetHostname() != want.GetBackend().GetService().GetHostname() {
			t.Errorf("point %d: %v", point, d.Backend)
		}
	}
}

func TestDelegation(t *testing.T) {
	to := func(group string) *api.RouteBackend { return &api.RouteBackend{Weight: 1, RouteGroupKey: &group} }
	child := route("child", "", adstest.To("app"))
	child.RouteGroupKey = new(string)
	*child.RouteGroupKey = "g"
	loop := route("loop", "", to("ring"))
	loop.RouteGroupKey = new(string)
	*loop.RouteGroupKey = "ring"
	s := load(t, adstest.Listener("l", "b", "a.com"), adstest.Listener("m", "b", "b.com"), adstest.Listener("n", "b", "c.com"),
		adstest.Route(route("parent", "l", to("g"))), adstest.Route(child),
		adstest.Route(route("lost", "m", to("unknown"))),
		adstest.Route(route("ringed", "n", to("ring"))), adstest.Route(loop))
	if d := decide(s, "a.com", first); d.Rejected != nil || len(d.Chain) != 2 || d.Chain[1].Spec.GetKey() != "child" {
		t.Errorf("delegated: %+v", d)
	}
	if d := decide(s, "b.com", first); d.Rejected == nil || d.Rejected.Status != 404 {
		t.Errorf("unknown group: %+v", d.Rejected)
	}
	if d := decide(s, "c.com", first); d.Rejected == nil || d.Rejected.Status != 500 {
		t.Errorf("loop: %+v", d.Rejected)
	}
}

func TestFiltersByLevel(t *testing.T) {
	timeout := func(seconds int64) *api.TrafficPolicySpec {
		return &api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_Timeout{Timeout: &api.Timeout{Request: &durationpb.Duration{Seconds: seconds}}}}
	}
	policy := func(key string, seconds int64, target *api.PolicyTarget, inheritance api.Policy_Inheritance) *discovery.Resource {
		return adstest.Of(&api.Resource{Kind: &api.Resource_Policy{Policy: &api.Policy{
			Key: key, Target: target, Inheritance: inheritance, Kind: &api.Policy_Traffic{Traffic: timeout(seconds)},
		}}})
	}
	gateway := &api.PolicyTarget{Kind: &api.PolicyTarget_Gateway{Gateway: &api.PolicyTarget_GatewayTarget{Name: "gw", Namespace: "ns"}}}
	ofRoute := &api.PolicyTarget{Kind: &api.PolicyTarget_Route{Route: &api.PolicyTarget_RouteTarget{Name: "r", Namespace: "ns", Kind: "HTTPRoute"}}}
	plain, filtered := route("r", "l"), route("r", "l")
	filtered.TrafficPolicies = []*api.TrafficPolicySpec{timeout(8), timeout(9)}
	for _, test := range []struct {
		name  string
		added []*discovery.Resource
		want  int64
	}{
		{name: "gateway", added: []*discovery.Resource{adstest.Route(plain), policy("g", 1, gateway, 0)}, want: 1},
		{name: "route over gateway", added: []*discovery.Resource{adstest.Route(plain), policy("g", 1, gateway, 0), policy("r", 2, ofRoute, 0)}, want: 2},
		{name: "inline over route, last one", added: []*discovery.Resource{adstest.Route(filtered), policy("r", 2, ofRoute, 0)}, want: 9},
		{name: "locked by the gateway", added: []*discovery.Resource{adstest.Route(filtered), policy("g", 1, gateway, api.Policy_OVERRIDE), policy("r", 2, ofRoute, 0)}, want: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := load(t, append(test.added, adstest.Listener("l", "b", ""))...)
			if got := decide(s, "a.com", first).Filters.Of("timeout").GetTimeout().GetRequest().GetSeconds(); got != test.want {
				t.Errorf("timeout %ds, want %ds", got, test.want)
			}
		})
	}
}

func TestEndpoints(t *testing.T) {
	key := "ns/" + adstest.Hostname("app")
	pod := func(change func(*workloadapi.Workload)) *discovery.Resource {
		w := &workloadapi.Workload{
			Uid: "u", Addresses: [][]byte{{10, 0, 0, 1}, {10, 0, 0, 2}},
			Services: map[string]*workloadapi.PortList{key: {}},
		}
		change(w)
		return adstest.AddressOf(&workloadapi.Address{Type: &workloadapi.Address_Workload{Workload: w}})
	}
	named := &workloadapi.PortList{Ports: []*workloadapi.Port{{ServicePort: 80, TargetPort: 9090}}}
	for _, test := range []struct {
		name   string
		target uint32
		port   uint32
		pod    func(*workloadapi.Workload)
		want   string
		status int
	}{
		{name: "target port of the service", target: 8080, pod: func(*workloadapi.Workload) {}, want: "10.0.0.1:8080"},
		{name: "target port of the workload", target: 8080, pod: func(w *workloadapi.Workload) { w.Services[key] = named }, want: "10.0.0.1:9090"},
		{name: "named port", pod: func(w *workloadapi.Workload) { w.Services[key] = named }, want: "10.0.0.1:9090"},
		{name: "named port that is missing", pod: func(*workloadapi.Workload) {}, status: 503},
		{name: "port not in the service", target: 8080, port: 81, pod: func(*workloadapi.Workload) {}, status: 503},
		{name: "unhealthy", target: 8080, pod: func(w *workloadapi.Workload) { w.Status = workloadapi.WorkloadStatus_UNHEALTHY }, status: 503},
		{name: "drained", target: 8080, pod: func(w *workloadapi.Workload) { w.Capacity = wrapperspb.UInt32(0) }, status: 503},
		{name: "other service", target: 8080, pod: func(w *workloadapi.Workload) { w.Services = nil }, status: 503},
		{name: "hostname", target: 8080, pod: func(w *workloadapi.Workload) { w.Addresses, w.Hostname = nil, "db.org" }, want: "db.org:8080"},
		{name: "IPv6", target: 8080, pod: func(w *workloadapi.Workload) { w.Addresses = [][]byte{append(make([]byte, 15), 1)} }, want: "[::1]:8080"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := store.New()
			apply(t, s, store.TypeAddress, adstest.Service("app", test.target), pod(test.pod))
			reference := adstest.To("app").GetBackend()
			if test.port != 0 {
				reference.Port = test.port
			}
			s.View(func(v store.View) {
				endpoint, failure := router.Resolve(v, reference, "a.com", nil, first)
				status := 0
				if failure != nil {
					status = failure.Status
				}
				if endpoint.Address != test.want || status != test.status {
					t.Errorf("endpoint %q, status %d", endpoint.Address, status)
				}
			})
		})
	}
}

func TestLocality(t *testing.T) {
	key := "ns/" + adstest.Hostname("app")
	in := func(zone string, ip byte) *discovery.Resource {
		return adstest.AddressOf(&workloadapi.Address{Type: &workloadapi.Address_Workload{Workload: &workloadapi.Workload{
			Uid: zone, Addresses: [][]byte{{10, 0, 0, ip}}, Locality: &workloadapi.Locality{Region: "r", Zone: zone},
			Services: map[string]*workloadapi.PortList{key: {}},
		}}})
	}
	own := &workloadapi.Workload{Locality: &workloadapi.Locality{Region: "r", Zone: "near"}}
	for _, test := range []struct {
		name  string
		mode  workloadapi.LoadBalancing_Mode
		zones []string
		want  string
	}{
		{name: "ignored", mode: workloadapi.LoadBalancing_UNSPECIFIED_MODE, zones: []string{"far", "near"}, want: "10.0.0.1:80"},
		{name: "nearest", mode: workloadapi.LoadBalancing_FAILOVER, zones: []string{"far", "near"}, want: "10.0.0.2:80"},
		{name: "fail over", mode: workloadapi.LoadBalancing_FAILOVER, zones: []string{"far"}, want: "10.0.0.1:80"},
		{name: "strict", mode: workloadapi.LoadBalancing_STRICT, zones: []string{"far"}, want: ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := store.New()
			apply(t, s, store.TypeAddress, adstest.AddressOf(&workloadapi.Address{Type: &workloadapi.Address_Service{Service: &workloadapi.Service{
				Namespace: "ns", Hostname: adstest.Hostname("app"), Ports: []*workloadapi.Port{{ServicePort: 80, TargetPort: 80}},
				LoadBalancing: &workloadapi.LoadBalancing{Mode: test.mode, RoutingPreference: []workloadapi.LoadBalancing_Scope{
					workloadapi.LoadBalancing_REGION, workloadapi.LoadBalancing_ZONE,
				}},
			}}}))
			for i, zone := range test.zones {
				apply(t, s, store.TypeAddress, in(zone, byte(i+1)))
			}
			s.View(func(v store.View) {
				endpoint, _ := router.Resolve(v, adstest.To("app").GetBackend(), "", own, first)
				if endpoint.Address != test.want {
					t.Errorf("endpoint %q, want %q", endpoint.Address, test.want)
				}
			})
		})
	}
}
