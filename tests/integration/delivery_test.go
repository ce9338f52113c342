package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"agentgateway.dev/controller/pkg/resources"
	"agentgateway.dev/controller/tools/dataplane/xdsclient"
)

// oneGateway is a Gateway with one listener.
const oneGateway = `
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: "{{.Name}}"
  listeners: [{name: http, protocol: HTTP, port: 80}]
`

// route returns an HTTPRoute on a Gateway for one path.
func route(name, gateway, path string) string {
	return fmt.Sprintf(`
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: %s}
spec:
  parentRefs: [{name: %s}]
  rules:
  - matches: [{path: {type: PathPrefix, value: %s}}]
    backendRefs: [{name: echo, port: 80}]
`, name, gateway, path)
}

// holdsRoutes waits until the proxy of a Gateway like oneGateway holds its
// bind, its listener and these routes, whatever their times of creation.
func (p *proxy) holdsRoutes(gateway string, routes ...string) {
	p.e.t.Helper()
	want := []string{"bind/80/" + p.e.Namespace + "/" + gateway, "listener/" + p.e.Namespace + "/" + gateway + ".http"}
	for _, name := range routes {
		want = append(want, "route/"+p.e.Namespace+"/"+name+".00.http")
	}
	slices.Sort(want)
	p.e.eventually(func() error {
		var held []string
		for _, name := range p.names(resources.ResourceTypeURL) {
			held = append(held, timeless(name))
		}
		slices.Sort(held)
		if !slices.Equal(held, want) {
			return fmt.Errorf("the proxy holds %d: %.2000q, want %d: %.2000q", len(held), held, len(want), want)
		}
		return nil
	})
}

// timeless leaves the time of creation out of a route's name.
func timeless(name string) string {
	kind, rest, _ := strings.Cut(name, "/")
	first, after, _ := strings.Cut(rest, "/")
	if kind == "route" && len(first) == 10 && strings.Trim(first, "0123456789") == "" {
		return kind + "/" + after
	}
	return name
}

func TestFirstResponseHoldsExactlyWhatTheGatewayNeeds(t *testing.T) {
	e := newEnvironment(t, shared)
	e.gatewayClass()
	e.backend("echo")
	e.apply(oneGateway + route("one", "gw", "/one") + route("other", "absent", "/other"))
	r := e.startReplica()
	p := r.connect("gw", nil)
	p.holdsRoutes("gw", "one")

	if got := p.received(resources.ResourceTypeURL, 0); len(got) != 1 {
		t.Errorf("%d responses, want one: %+v", len(got), got)
	}
	// Addresses are those of the whole cluster, to which the provisioned proxy
	// adds its own after the first response.
	p.until("the first addresses", func() bool { return len(p.received(resources.AddressTypeURL, 0)) >= 1 })
	held := p.names(resources.AddressTypeURL)
	for _, want := range []string{"Kubernetes//Pod/" + e.Namespace + "/echo-0", e.Namespace + "/echo." + e.Namespace + ".svc.cluster.local"} {
		if !slices.Contains(held, want) {
			t.Errorf("the proxy has no address %q, only %q", want, held)
		}
	}
	for _, response := range p.History() {
		if len(response.Findings) > 0 {
			t.Errorf("a proxy would complain: %+v", response.Findings)
		}
	}
}

func TestEmptyGatewayIsAnswered(t *testing.T) {
	e := newEnvironment(t, shared)
	r := e.startReplica()
	p := r.connect("nothing-here", nil)
	p.until("a response for both types", func() bool {
		return len(p.received(resources.ResourceTypeURL, 0)) >= 1 && len(p.received(resources.AddressTypeURL, 0)) >= 1
	})
}

func TestChangeSendsOnlyWhatChanged(t *testing.T) {
	const n = 1000
	e := newEnvironment(t, shared)
	e.gatewayClass()
	e.backend("echo")
	e.apply(oneGateway + strings.ReplaceAll(oneGateway, "name: gw", "name: bystander"))
	names := e.routes(n, "gw")
	r := e.startReplica()
	p, bystander := r.connect("gw", nil), r.connect("bystander", nil)
	p.holdsRoutes("gw", names...)
	bystander.holdsRoutes("bystander")
	before, bystanderBefore := len(p.History()), len(bystander.History())
	news := func() []xdsclient.Response { return p.received(resources.ResourceTypeURL, before) }

	e.apply(route(names[n/2], "gw", "/changed"))
	p.until("the change", func() bool { return len(news()) > 0 })
	got := news()
	if len(got) != 1 || len(got[0].Resources) != 1 || len(got[0].Removed) != 0 || !strings.Contains(got[0].Resources[0].Name, names[n/2]) {
		t.Fatalf("got %+v, want one response with the changed route", got)
	}

	e.remove(httpRoutes, names[7])
	p.until("the removal", func() bool { return len(news()) > 1 })
	removal := news()[1]
	if len(removal.Resources) != 0 || len(removal.Removed) != 1 || !strings.Contains(removal.Removed[0], names[7]) {
		t.Fatalf("got %+v, want the removal of %s alone", removal, names[7])
	}

	// Whatever was meant for the bystander would have come before this.
	e.apply(route("own", "bystander", "/own"))
	bystander.holdsRoutes("bystander", "own")
	if got := bystander.received(resources.ResourceTypeURL, bystanderBefore); len(got) != 1 || len(got[0].Resources) != 1 {
		t.Errorf("the other gateway's proxy received %+v, want its own route alone", got)
	}
}

func TestReconnectAndRestartSendTheDifference(t *testing.T) {
	e := newEnvironment(t, shared)
	e.gatewayClass()
	e.backend("echo")
	e.apply(oneGateway)
	names := e.routes(50, "gw")
	first := e.startReplica()
	p := first.connect("gw", nil)
	p.holdsRoutes("gw", names...)
	known := p.Versions()
	p.stop()

	second := e.startReplica()
	for name, to := range map[string]*running{"the same replica": first, "another replica": second} {
		again := to.connect("gw", known)
		again.settled(t, name, known)
		known = again.Versions()
		again.stop()
	}

	// A restart, and changes that nobody saw happen.
	first.Stop()
	second.Stop()
	e.apply(route(names[3], "gw", "/changed") + route("added", "gw", "/added"))
	e.remove(httpRoutes, names[4])
	restarted := e.startReplica()
	back := restarted.connect("gw", known)
	back.until("the difference", func() bool {
		sent, removed := back.sent(resources.ResourceTypeURL)
		return len(sent) == 2 && len(removed) == 1
	})
	sent, removed := back.sent(resources.ResourceTypeURL)
	if !strings.Contains(strings.Join(sent, " "), "/added.00") || !strings.Contains(strings.Join(sent, " "), "/"+names[3]+".00") ||
		!strings.Contains(removed[0], "/"+names[4]+".00") {
		t.Errorf("sent %q and removed %q", sent, removed)
	}
	back.nothingTwice(t, "after the restart", known)
}

// settled proves that nothing is resent: a change comes alone.
func (p *proxy) settled(t *testing.T, name string, known map[string]map[string]string) {
	t.Helper()
	marker := "marker-" + strings.ReplaceAll(name, " ", "-")
	p.e.apply(route(marker, "gw", "/"+marker))
	p.until("the marker", func() bool {
		sent, _ := p.sent(resources.ResourceTypeURL)
		return strings.Contains(strings.Join(sent, " "), marker)
	})
	p.nothingTwice(t, name, known)
	sent, removed := p.sent(resources.ResourceTypeURL)
	for _, resource := range sent {
		if !strings.Contains(resource, marker) {
			t.Errorf("%s: %q was resent", name, resource)
		}
	}
	if len(removed) > 0 {
		t.Errorf("%s: %q removed", name, removed)
	}
}

// nothingTwice proves that the proxy was sent nothing that it had. Addresses
// are those of the whole cluster, where other things may really have changed.
func (p *proxy) nothingTwice(t *testing.T, name string, known map[string]map[string]string) {
	t.Helper()
	for _, response := range p.History() {
		for _, resource := range response.Resources {
			if known[response.TypeURL][resource.Name] == resource.Version {
				t.Errorf("%s: %s was resent in the version that the proxy had", name, resource.Name)
			}
		}
	}
}

// sent lists what all responses of a type held.
func (p *proxy) sent(typeURL string) (names, removed []string) {
	for _, response := range p.received(typeURL, 0) {
		for _, resource := range response.Resources {
			names = append(names, resource.Name)
		}
		removed = append(removed, response.Removed...)
	}
	return names, removed
}

func TestRejectionIsCountedAndNotRepeated(t *testing.T) {
	e := newEnvironment(t, shared)
	e.gatewayClass()
	e.backend("echo")
	e.apply(oneGateway + route("bad", "gw", "/bad"))
	r := e.startReplica()
	strict := xdsclient.Strict()
	p := r.connect("gw", nil, func(o *xdsclient.Options) { o.OnResponse = rejecting(strict, "/bad.00") })
	p.until("the rejection", func() bool { return r.metric("agentgateway_xds_rejects_total") == 1 })

	// Neither a change elsewhere nor a reconnect brings it again.
	e.apply(route("good", "gw", "/good"))
	p.holdsRoutes("gw", "good")
	if times := p.timesSent("/bad.00"); times != 1 {
		t.Errorf("the rejected route was sent %d times, want once", times)
	}
	if logged := strings.Count(r.Logs.String(), "/bad.00"); logged != 1 {
		t.Errorf("the rejection was logged %d times, want once", logged)
	}
	e.eventually(func() error { return e.hasEvent("AgentGatewayNackError", "gw") })

	e.apply(route("bad", "gw", "/better"))
	p.until("the new version", func() bool { return p.timesSent("/bad.00") == 2 })
}

func rejecting(strict func(*discoveryResponse) []xdsclient.Finding, part string) func(*discoveryResponse) []xdsclient.Finding {
	return func(response *discoveryResponse) []xdsclient.Finding {
		findings := strict(response)
		for _, resource := range response.GetResources() {
			if strings.Contains(resource.GetName(), part) {
				findings = append(findings, xdsclient.Finding{Key: resource.GetName(), Error: "refused by the test"})
			}
		}
		return findings
	}
}

func (p *proxy) timesSent(part string) int {
	sent, _ := p.sent(resources.ResourceTypeURL)
	times := 0
	for _, name := range sent {
		if strings.Contains(name, part) {
			times++
		}
	}
	return times
}
