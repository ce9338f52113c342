package routes

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/gateways"
	"agentgateway.dev/controller/pkg/references"
	"agentgateway.dev/controller/pkg/resources"
)

// NewHTTPRoutes translates HTTPRoutes. An event costs the rules of its route
// times the listeners that it attaches to; a change of a Gateway's listeners
// costs the routes attached to that Gateway.
func NewHTTPRoutes(routes krt.Collection[*gwv1.HTTPRoute], in Inputs, opts krt.OptionsBuilder) krt.Collection[Route] {
	return krt.NewCollection(routes, func(ctx krt.HandlerContext, route *gwv1.HTTPRoute) *Route {
		translated := translateHTTP(ctx, in, route)
		return &translated
	}, opts.WithName("routes/HTTPRoutes")...)
}

const httpRouteKind = "HTTPRoute"

func translateHTTP(ctx krt.HandlerContext, in Inputs, route *gwv1.HTTPRoute) Route {
	translated := Route{
		Kind:           httpRouteKind,
		NamespacedName: types.NamespacedName{Namespace: route.Namespace, Name: route.Name},
	}
	hostnames := make([]string, 0, len(route.Spec.Hostnames))
	for _, hostname := range route.Spec.Hostnames {
		hostnames = append(hostnames, string(hostname))
	}
	attachments := attach(ctx, in, source{
		kind: httpRouteKind, meta: route.ObjectMeta, hostnames: hostnames, parentRefs: route.Spec.ParentRefs,
	})
	if len(attachments) == 0 {
		// Nobody of ours asked: nothing is resolved, nothing depended on.
		translated.Parents = []gwv1.RouteParentStatus{}
		return translated
	}
	targets := listenersOf(attachments)
	gatewaysOf := gatewaysOf(targets)
	var verdict verdict
	for i, spec := range route.Spec.Rules {
		rule := translateRule(ctx, in, route, spec)
		name := ruleName(i, spec.Name)
		if verdict.add(name, rule.faults) {
			rule.fail()
		}
		if len(rule.route.Matches) == 0 {
			// Its matches can't be expressed, so nothing can be answered for it.
			continue
		}
		for _, target := range targets {
			translated.Resources = append(translated.Resources, rule.forListener(route, i, hostnames, target))
		}
		for _, gateway := range gatewaysOf {
			for _, use := range rule.uses {
				translated.Uses = append(translated.Uses, UseKey(gateway, use))
			}
		}
	}
	slices.Sort(translated.Uses)
	translated.Uses = slices.Compact(translated.Uses)
	for _, target := range targets {
		translated.Attached = append(translated.Attached, gateways.AttachmentKey(target.gateway, target.listener.Key))
	}
	translated.Parents = parentStatuses(attachments, route.Generation, verdict)
	return translated
}

// target is a listener that a route attaches to.
type target struct {
	gateway  types.NamespacedName
	listener gateways.Listener
}

// listenersOf lists the listeners of all attachments, each once.
func listenersOf(attachments []attachment) []target {
	var targets []target
	for _, a := range attachments {
		for _, listener := range a.listeners {
			known := slices.ContainsFunc(targets, func(t target) bool {
				return t.gateway == a.parent.Gateway && t.listener.Key == listener.Key
			})
			if !known {
				targets = append(targets, target{gateway: a.parent.Gateway, listener: listener})
			}
		}
	}
	return targets
}

func gatewaysOf(targets []target) []types.NamespacedName {
	var names []types.NamespacedName
	for _, t := range targets {
		if !slices.Contains(names, t.gateway) {
			names = append(names, t.gateway)
		}
	}
	return names
}

func ruleName(index int, name *gwv1.SectionName) string {
	if name != nil && *name != "" {
		return fmt.Sprintf("rules[%d] (%s)", index, *name)
	}
	return fmt.Sprintf("rules[%d]", index)
}

// rule is a rule in translation.
type rule struct {
	route  *api.Route
	prefix bool
	faults []*fault
	uses   []string
}

// fail leaves of a broken rule only its matches: requests that it was meant
// for get an error, and reach neither a backend unfiltered nor another rule.
func (r *rule) fail() {
	r.route.TrafficPolicies, r.route.Backends, r.uses = nil, nil, nil
}

func translateRule(ctx krt.HandlerContext, in Inputs, route *gwv1.HTTPRoute, spec gwv1.HTTPRouteRule) *rule {
	r := &rule{route: &api.Route{Name: &api.RouteName{Kind: httpRouteKind, Name: route.Name, Namespace: route.Namespace}}}
	if spec.Name != nil && *spec.Name != "" {
		r.route.Name.RuleName = new(string(*spec.Name))
	}
	from := references.From{Group: gwv1.GroupName, Kind: httpRouteKind, Namespace: route.Namespace}
	translated, f := matches(spec.Matches)
	if f != nil {
		r.faults = append(r.faults, f)
	}
	r.route.Matches = translated
	r.prefix = allPrefixes(translated)
	filters := &filters{ctx: ctx, in: in, from: from, prefix: r.prefix}
	for i, filter := range spec.Filters {
		filters.add(at("filters", i), filter)
	}
	r.faults, r.uses = append(r.faults, filters.faults...), append(r.uses, filters.uses...)
	r.route.TrafficPolicies = filters.policies()
	r.policy(timeouts(spec.Timeouts))
	r.policy(retry(spec.Retry))
	r.backends(ctx, in, from, spec.BackendRefs)
	return r
}

func (r *rule) policy(policy *api.TrafficPolicySpec, f *fault) {
	if f != nil {
		r.faults = append(r.faults, f)
	}
	if policy != nil {
		r.route.TrafficPolicies = append(r.route.TrafficPolicies, policy)
	}
}

func allPrefixes(list []*api.RouteMatch) bool {
	return !slices.ContainsFunc(list, func(m *api.RouteMatch) bool {
		_, prefix := m.GetPath().GetKind().(*api.PathMatch_PathPrefix)
		return !prefix
	})
}

// forListener completes the rule for one listener. The parts that all
// listeners share are shared, not copied.
func (r *rule) forListener(route *gwv1.HTTPRoute, index int, hostnames []string, t target) resources.Resource {
	message := &api.Route{
		Key:             routeKey(route, index, t),
		ListenerKey:     t.listener.Key,
		Name:            r.route.GetName(),
		Matches:         r.route.GetMatches(),
		Backends:        r.route.GetBackends(),
		TrafficPolicies: r.route.GetTrafficPolicies(),
	}
	// The proxy takes a bare wildcard literally; to match all hosts the list
	// must be empty.
	if !slices.Contains(hostnames, "*") {
		message.Hostnames = hostnames
	}
	return resources.ForGateway(t.gateway, &api.Resource{Kind: &api.Resource_Route{Route: message}})
}

// routeKey is unique among the routes of a Gateway, and its byte order is the
// order of precedence between equally specific matches: older routes first,
// then by name, then by rule. Within one proxy the Gateway needn't be named.
func routeKey(route *gwv1.HTTPRoute, index int, t target) string {
	var key strings.Builder
	if created := route.CreationTimestamp; !created.IsZero() {
		fmt.Fprintf(&key, "%010d/", created.Unix())
	}
	fmt.Fprintf(&key, "%s/%s.%02d.%s", route.Namespace, route.Name, index, t.listener.Name)
	return key.String()
}
