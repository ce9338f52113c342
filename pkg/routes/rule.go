package routes

import (
	"slices"

	"google.golang.org/protobuf/proto"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/references"
	"agentgateway.dev/controller/pkg/resources"
)

// rule is a rule of any kind of route in translation.
type rule struct {
	ctx   krt.HandlerContext
	in    Inputs
	route source
	from  references.From

	name string
	// prefix is true when every match is a path prefix.
	prefix   bool
	matches  []*api.RouteMatch
	policies []*api.TrafficPolicySpec
	backends []*api.RouteBackend
	// usable is whether any backend resolved and gets requests.
	usable bool
	faults []*fault
	uses   []string
	// portless are the policies and backends for listeners of a scheme whose
	// well-known port a redirect names, by that port.
	portless map[uint32]*api.Route
}

func (r *rule) named(name *gwv1.SectionName) {
	if name != nil {
		r.name = string(*name)
	}
}

// match takes over translated matches and the first fault among them.
func (r *rule) match(list []*api.RouteMatch, f *fault) {
	if f != nil {
		r.faults = append(r.faults, f)
	}
	r.matches, r.prefix = list, allPrefixes(list)
}

// filter translates the filters of the rule itself.
func (r *rule) filter(specs []gwv1.HTTPRouteFilter) {
	f := &filters{ctx: r.ctx, in: r.in, from: r.from, prefix: r.prefix, allowed: r.route.kind.filters, place: "in a " + r.route.kind.name}
	for i, spec := range specs {
		f.add(at("filters", i), spec)
	}
	r.faults, r.uses = append(r.faults, f.faults...), append(r.uses, f.uses...)
	r.policies = f.policies()
}

func (r *rule) policy(policy *api.TrafficPolicySpec, f *fault) {
	if f != nil {
		r.faults = append(r.faults, f)
	}
	if policy != nil {
		r.policies = append(r.policies, policy)
	}
}

func allPrefixes(list []*api.RouteMatch) bool {
	return !slices.ContainsFunc(list, func(m *api.RouteMatch) bool {
		_, prefix := m.GetPath().GetKind().(*api.PathMatch_PathPrefix)
		return !prefix
	})
}

// fail leaves of a broken rule only its matches: requests that it was meant
// for get an error, and reach neither a backend unfiltered nor another rule.
func (r *rule) fail() {
	r.policies, r.backends, r.uses = nil, nil, nil
}

// forTarget completes the rule for one listener or group. The parts that all
// of them share are shared, not copied.
func (r *rule) forTarget(index int, t target) resources.Resource {
	route := r.route
	name := &api.RouteName{Kind: route.kind.name, Namespace: route.meta.Namespace, Name: route.meta.Name}
	if r.name != "" {
		name.RuleName = &r.name
	}
	hostnames := route.hostnames
	if slices.Contains(hostnames, "*") {
		// The proxy takes a bare wildcard literally; to match all hosts the list
		// must be empty.
		hostnames = nil
	}
	if route.kind.layer4 {
		return resources.ForGateway(t.gateway, &api.Resource{Kind: &api.Resource_TcpRoute{TcpRoute: &api.TCPRoute{
			Key: routeKey(route, index, t), ListenerKey: t.listener.Key, Name: name, Hostnames: hostnames, Backends: r.backends,
		}}})
	}
	policies, backends := r.behind(wellKnownPort(t.listener.Protocol))
	message := &api.Route{
		Key: routeKey(route, index, t), ListenerKey: t.listener.Key, Name: name, Hostnames: hostnames,
		Matches: r.matches, TrafficPolicies: policies, Backends: backends,
	}
	if t.group != nil {
		message.RouteGroupKey = new(t.group.key())
	}
	return resources.ForGateway(t.gateway, &api.Resource{Kind: &api.Resource_Route{Route: message}})
}

// behind returns policies and backends for a listener whose scheme has the
// well-known port, 0 for none. A redirect that names a host and a port but no
// scheme keeps the scheme of the request; Gateway API wants the port left out
// where it is that scheme's own. The proxy prints a port that it is given, and
// without one adds that of the request unless the scheme is named, too.
func (r *rule) behind(port uint32) ([]*api.TrafficPolicySpec, []*api.RouteBackend) {
	base := &api.Route{TrafficPolicies: r.policies, Backends: r.backends}
	if !slices.ContainsFunc(redirects(base), func(to *api.RequestRedirect) bool { return impliedPort(to, port) }) {
		return r.policies, r.backends
	}
	variant := r.portless[port]
	if variant == nil {
		variant, _ = proto.Clone(base).(*api.Route)
		for _, to := range redirects(variant) {
			if impliedPort(to, port) {
				to.Scheme, to.Port = schemeOf(port), 0
			}
		}
		if r.portless == nil {
			r.portless = map[uint32]*api.Route{}
		}
		r.portless[port] = variant
	}
	return variant.GetTrafficPolicies(), variant.GetBackends()
}

func schemeOf(wellKnown uint32) string {
	for scheme, port := range defaultPorts {
		if port == wellKnown {
			return scheme
		}
	}
	return ""
}

func impliedPort(to *api.RequestRedirect, port uint32) bool {
	return port != 0 && to.GetPort() == port && to.GetHost() != "" && to.GetScheme() == ""
}

// redirects lists the redirects of a route and its backends.
func redirects(route *api.Route) []*api.RequestRedirect {
	var list []*api.RequestRedirect
	for _, policy := range route.GetTrafficPolicies() {
		if to := policy.GetRequestRedirect(); to != nil {
			list = append(list, to)
		}
	}
	for _, backend := range route.GetBackends() {
		for _, policy := range backend.GetBackendPolicies() {
			if to := policy.GetRequestRedirect(); to != nil {
				list = append(list, to)
			}
		}
	}
	return list
}

// wellKnownPort is the port that clients of a listener's protocol leave out.
func wellKnownPort(protocol gwv1.ProtocolType) uint32 {
	switch protocol {
	case gwv1.HTTPProtocolType:
		return defaultPorts["http"]
	case gwv1.HTTPSProtocolType:
		return defaultPorts["https"]
	default:
		return 0
	}
}
