package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"k8s.io/apimachinery/pkg/types"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/resources"
)

// response is one of TypeResource with the given messages and removals.
func response(messages []*api.Resource, removed ...string) *discovery.DeltaDiscoveryResponse {
	out := &discovery.DeltaDiscoveryResponse{TypeUrl: resources.ResourceTypeURL, RemovedResources: removed}
	for _, message := range messages {
		r := resources.ForGateway(types.NamespacedName{Namespace: namespace, Name: "gw"}, message)
		out.Resources = append(out.Resources, &discovery.Resource{
			Name: r.Name, Version: r.Version, Resource: &anypb.Any{TypeUrl: resources.ResourceTypeURL, Value: r.Body},
		})
	}
	return out
}

func bindMessage(key string) *api.Resource {
	return &api.Resource{Kind: &api.Resource_Bind{Bind: &api.Bind{Key: key}}}
}

func listenerMessage(key, bind, gateway string) *api.Resource {
	return &api.Resource{Kind: &api.Resource_Listener{Listener: &api.Listener{
		Key: key, BindKey: bind, Name: &api.ListenerName{GatewayName: gateway},
	}}}
}

func routeMessage(key, listener string) *api.Resource {
	return &api.Resource{Kind: &api.Resource_Route{Route: &api.Route{Key: key, ListenerKey: listener}}}
}

func TestLedgerFindsWhatIsWrong(t *testing.T) {
	complete := []*api.Resource{routeMessage("r", "l"), listenerMessage("l", "b", "gw"), bindMessage("b")}
	for _, test := range []struct {
		name      string
		responses []*discovery.DeltaDiscoveryResponse
		want      string
	}{
		{"nothing, in any order within a response", []*discovery.DeltaDiscoveryResponse{response(complete)}, ""},
		{"a version twice", []*discovery.DeltaDiscoveryResponse{response(complete), response(complete[2:])}, "bind/b came again"},
		{"nothing, in a route before its listener", []*discovery.DeltaDiscoveryResponse{response(complete[:1]), response(complete[1:])}, ""},
		{"a route without its listener", []*discovery.DeltaDiscoveryResponse{response(complete[:1])}, "route/r refers to listener/l"},
		{"a listener before its bind", []*discovery.DeltaDiscoveryResponse{response(complete[1:2]), response(complete[2:])}, "listener/l refers to bind/b"},
		{"a listener of another gateway", []*discovery.DeltaDiscoveryResponse{
			response([]*api.Resource{listenerMessage("l", "b", "other"), bindMessage("b")}),
		}, "is of Gateway other"},
		{"a listener that goes before its route", []*discovery.DeltaDiscoveryResponse{response(complete), response(nil, "listener/l")}, "route/r refers to listener/l"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLedger("gw")
			for _, r := range test.responses {
				l.take(r)
			}
			l.audit()
			if test.want == "" && l.violations > 0 || !strings.Contains(l.firstViolation, test.want) {
				t.Errorf("%d violations, first %q, want %q", l.violations, l.firstViolation, test.want)
			}
		})
	}
}

func TestLedgerCountsRoutes(t *testing.T) {
	l := newLedger("gw")
	l.take(response([]*api.Resource{routeMessage("a", "l"), routeMessage("b", "l"), listenerMessage("l", "b", "gw"), bindMessage("b")}))
	l.take(response(nil, "route/a", "route/never-there"))
	if l.routes != 1 || l.resources != 4 || l.removals != 2 || l.responses != 2 {
		t.Errorf("%d routes, %d resources, %d removals in %d responses", l.routes, l.resources, l.removals, l.responses)
	}
}

func TestRouteOf(t *testing.T) {
	for resource, want := range map[string]string{
		"route/" + namespace + "/route-00007.00.http":            "route-00007",
		"route/1795423817/" + namespace + "/route-00007.00.http": "route-00007",
		"listener/" + namespace + "/gw.http":                     "",
		"route/elsewhere/route.00.http":                          "",
	} {
		if got, ok := routeOf(resource); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %t", resource, got, ok)
		}
	}
}

func TestPercentile(t *testing.T) {
	var s sample
	for i := range 100 {
		s = append(s, time.Duration(100-i)*time.Millisecond)
	}
	for share, want := range map[float64]float64{0.5: 50, 0.99: 99, 1: 100, 0: 1} {
		if got := s.percentile(share); got != want {
			t.Errorf("%v: %v, want %v", share, got, want)
		}
	}
	if got := (sample{}).percentile(0.5); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

func TestMetricsSum(t *testing.T) {
	m := metrics{`a_total{kind="x",result="ok"}`: 1, `a_total{kind="y",result="ok"}`: 2, `a_total_more`: 4, `b`: 8}
	if got := m.sum("a_total"); got != 3 {
		t.Errorf("all: %v", got)
	}
	if got := m.sum("a_total", `kind="y"`); got != 2 {
		t.Errorf("y: %v", got)
	}
	if got := m.sum("b"); got != 8 {
		t.Errorf("b: %v", got)
	}
}

func TestWatchJudgesStatus(t *testing.T) {
	w := &rawWatch{seen: map[string]*sighting{}, unsettled: map[string]struct{}{}}
	event := func(kind string, generation, observed int, status string) {
		w.take(fmt.Appendf(nil, `{"type":%q,"object":{"metadata":{"name":"a","resourceVersion":"7","generation":%d},
			"status":{"parents":[{"conditions":[{"type":"Accepted","status":%q,"observedGeneration":%d}]}]}}}`, kind, generation, status, observed), time.Now())
	}
	settled := func() bool { _, ok := w.settled(1); return ok }
	event("ADDED", 1, 0, "Unknown")
	if settled() {
		t.Error("settled without a status")
	}
	event("MODIFIED", 1, 1, "True")
	if !settled() || len(w.specs("a")) != 1 {
		t.Errorf("settled %t, %d generations", settled(), len(w.specs("a")))
	}
	event("MODIFIED", 2, 1, "True")
	if settled() || len(w.specs("a")) != 2 {
		t.Error("the status of an older generation settles nothing")
	}
	event("DELETED", 2, 1, "True")
	if _, ok := w.settled(0); !ok {
		t.Error("what is gone is still waited for")
	}
}

func TestEachStopsAtAnError(t *testing.T) {
	var calls atomic.Int64
	if err := each(t.Context(), 1000, func(context.Context, int) error { calls.Add(1); return nil }); err != nil || calls.Load() != 1000 {
		t.Errorf("%d calls, %v", calls.Load(), err)
	}
	broken := errors.New("broken")
	if err := each(t.Context(), 1000, func(_ context.Context, i int) error {
		if i == 3 {
			return broken
		}
		return nil
	}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// TestWorlds keeps worlds and scenarios from naming what doesn't exist, and
// every scenario in use.
func TestWorlds(t *testing.T) {
	for _, scale := range []string{"small", "full"} {
		all, err := worlds(scale)
		if err != nil {
			t.Fatal(err)
		}
		used := map[string]bool{}
		for _, w := range all {
			total := 0
			for i := range w.Gateways {
				total += w.routesOn(i)
			}
			if total != w.Routes {
				t.Errorf("%s: the gateways have %d routes of %d", w.Name, total, w.Routes)
			}
			for _, name := range w.Scenarios {
				used[name] = true
				if scenarios[name] == nil {
					t.Errorf("%s: no scenario %q", w.Name, name)
				}
			}
		}
		for name := range scenarios {
			if !used[name] {
				t.Errorf("%s: scenario %q is in no world", scale, name)
			}
		}
	}
}

func TestSelectWorlds(t *testing.T) {
	all, err := worlds("full")
	if err != nil {
		t.Fatal(err)
	}
	selected, err := selectWorlds(all, nil, []string{"idle"})
	if err != nil || len(selected) != 1 || !slices.Equal(selected[0].Scenarios, []string{"idle"}) {
		t.Errorf("%+v, %v", selected, err)
	}
	for _, mistake := range [][2][]string{{{"nowhere"}, nil}, {nil, {"nothing"}}} {
		if _, err := selectWorlds(all, mistake[0], mistake[1]); err == nil {
			t.Errorf("%v is accepted", mistake)
		}
	}
}

func TestResults(t *testing.T) {
	dir := t.TempDir()
	first, err := loadFigures(filepath.Join(dir, "results.json"), "abc")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []string{"routes-1k", "routes-40k"} {
		first.add(figure{World: w, Scenario: "change", Name: "change to client over the raw watch, p50", Unit: "ms", Value: 0.4})
		first.add(figure{World: w, Scenario: "change", Name: "change to client over the raw watch, p99", Unit: "ms", Value: 7, Floor: new(3.0), FloorOf: "request to raw watch"})
	}
	if err := first.save(dir, []string{"routes-1k", "routes-40k"}); err != nil {
		t.Fatal(err)
	}
	second, err := loadFigures(filepath.Join(dir, "results.json"), "def")
	if err != nil {
		t.Fatal(err)
	}
	second.add(figure{World: "routes-1k", Scenario: "change", Name: "change to client over the raw watch, p50", Unit: "ms", Value: 0.5})
	if err := second.save(dir, []string{"routes-1k", "routes-40k"}); err != nil {
		t.Fatal(err)
	}
	if ratio, ok := second.find("all", "change", "40,000 routes over 1,000, p50"); !ok || ratio.Value != 0.8 {
		t.Errorf("many routes over few: %+v", ratio)
	}
	// The new figure took the place of those of its scenario; the ratios of
	// both ranks are from the first time and from now.
	if len(second.Figures) != 3+2 {
		t.Errorf("%d figures, want 5: %+v", len(second.Figures), second.Figures)
	}
	page := filepath.Join(dir, "page.md")
	if err := os.WriteFile(page, []byte("before\n"+beginMeasured+"\nold\n"+endMeasured+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := second.updatePage(page); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"before\n", "| 0.500 ms | | ≤ 1 ms | reached |", "| 7 ms | 3 ms request to raw watch | ≤ 5 ms | MISSED |", "\nafter\n"} {
		if !strings.Contains(strings.ReplaceAll(string(content), "|  |", "| |"), want) {
			t.Errorf("%q is missing in\n%s", want, content)
		}
	}
	if plot, err := os.ReadFile(filepath.Join(dir, "latency.svg")); err != nil || !strings.HasPrefix(string(plot), "<svg ") {
		t.Errorf("latency.svg: %v", err)
	}
}
