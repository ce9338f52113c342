package main

import (
	"fmt"
	"strings"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/proto"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/resources"
)

// ledger is what one client holds, and what was wrong with what it was sent.
type ledger struct {
	// gateway is the name of the client's Gateway.
	gateway string
	// held is name to version, by type.
	held [2]map[string]string
	// target is what a listener or route refers to.
	target map[string]string
	routes int

	responses, resources, removals int
	violations                     int
	// firstViolation describes the first one.
	firstViolation string
}

func newLedger(gateway string) *ledger {
	return &ledger{gateway: gateway, held: [2]map[string]string{{}, {}}, target: map[string]string{}}
}

// take applies a response and checks it.
func (l *ledger) take(response *discovery.DeltaDiscoveryResponse) {
	kind, known := resources.TypeOfURL(response.GetTypeUrl())
	if !known {
		l.violate("a response of type %s", response.GetTypeUrl())
		return
	}
	l.responses++
	l.resources += len(response.GetResources())
	l.removals += len(response.GetRemovedResources())
	held := l.held[kind]
	for _, resource := range response.GetResources() {
		name := resource.GetName()
		if held[name] == resource.GetVersion() {
			l.violate("%s came again in version %s", name, resource.GetVersion())
		}
		if _, had := held[name]; !had && isRoute(name) {
			l.routes++
		}
		held[name] = resource.GetVersion()
		if kind == resources.TypeResource {
			l.inspect(name, resource)
		}
	}
	for _, name := range response.GetRemovedResources() {
		if _, had := held[name]; had && isRoute(name) {
			l.routes--
		}
		delete(held, name)
		delete(l.target, name)
	}
	for _, resource := range response.GetResources() {
		// A route may come before its listener: the proxy keeps it until then,
		// and a socket opens best when everything behind it is there. Where a
		// configuration takes several responses, only the end shows whether the
		// listener came; audit looks then.
		if !isRoute(resource.GetName()) {
			l.refers(resource.GetName())
		}
	}
}

// inspect reads what a resource belongs and refers to.
func (l *ledger) inspect(name string, resource *discovery.Resource) {
	if !isRoute(name) && !strings.HasPrefix(name, "listener/") {
		return
	}
	message := &api.Resource{}
	if err := proto.Unmarshal(resource.GetResource().GetValue(), message); err != nil {
		l.violate("%s can't be decoded: %v", name, err)
		return
	}
	if listener := message.GetListener(); listener != nil {
		l.target[name] = "bind/" + listener.GetBindKey()
		if owner := listener.GetName().GetGatewayName(); owner != l.gateway {
			l.violate("%s is of Gateway %s", name, owner)
		}
		return
	}
	key := message.GetRoute().GetListenerKey()
	if key == "" {
		key = message.GetTcpRoute().GetListenerKey()
	}
	if key != "" {
		l.target[name] = "listener/" + key
	}
}

// refers checks the reference of one resource.
func (l *ledger) refers(name string) {
	target, refers := l.target[name]
	if !refers {
		return
	}
	if _, there := l.held[resources.TypeResource][target]; !there {
		l.violate("%s refers to %s, which isn't held", name, target)
	}
}

// audit checks all references of a client that has nothing to come: those of
// routes, and those that a removal may have broken.
func (l *ledger) audit() {
	for name := range l.target {
		l.refers(name)
	}
}

func (l *ledger) violate(format string, args ...any) {
	if l.violations == 0 {
		l.firstViolation = fmt.Sprintf(format, args...)
	}
	l.violations++
}

func isRoute(name string) bool {
	return strings.HasPrefix(name, "route/") || strings.HasPrefix(name, "tcp_route/")
}

// routeOf returns the name of the HTTPRoute behind a resource, whose name ends
// in "/<namespace>/<name>.…".
func routeOf(resource string) (string, bool) {
	_, rest, ok := strings.Cut(resource, "/"+namespace+"/")
	if !ok || !isRoute(resource) {
		return "", false
	}
	name, _, _ := strings.Cut(rest, ".")
	return name, true
}
