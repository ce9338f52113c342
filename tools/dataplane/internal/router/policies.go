package router

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/tools/dataplane/internal/match"
	"agentgateway.dev/controller/tools/dataplane/internal/store"
)

// Filters has at most one traffic policy per kind, by the name of its field.
type Filters map[protoreflect.Name]*api.TrafficPolicySpec

// Of returns the policy of a kind, nil if there is none; the getters of a nil
// policy return nil as well.
func (f Filters) Of(kind protoreflect.Name) *api.TrafficPolicySpec { return f[kind] }

// BackendPolicies has at most one backend policy per kind.
type BackendPolicies map[protoreflect.Name]*api.BackendPolicySpec

// Of returns the policy of a kind, nil if there is none.
func (p BackendPolicies) Of(kind protoreflect.Name) *api.BackendPolicySpec { return p[kind] }

func kindOf(spec proto.Message) protoreflect.Name {
	m := spec.ProtoReflect()
	field := m.WhichOneof(m.Descriptor().Oneofs().ByName("kind"))
	if field == nil {
		return ""
	}
	return field.Name()
}

// effective goes from the least specific level to the most specific one; each
// policy takes the place of those before it, unless one of them is locked.
// Conditional policies are not evaluated.
func effective(v store.View, listener *store.Listener, chain []*match.Route) Filters {
	filters, locked := Filters{}, map[protoreflect.Name]bool{}
	put := func(spec *api.TrafficPolicySpec, lock bool) {
		kind := kindOf(spec)
		if kind == "" || locked[kind] {
			return
		}
		filters[kind] = spec
		locked[kind] = lock
	}
	for _, target := range targetsOf(listener, chain) {
		for _, policy := range v.Policies(target) {
			if spec := policy.GetTraffic(); spec != nil && spec.GetPhase() == api.TrafficPolicySpec_ROUTE {
				put(spec, policy.GetInheritance() == api.Policy_OVERRIDE)
			}
		}
		if target.Kind != inlineLevel {
			continue
		}
		for _, spec := range chain[target.Port].Spec.GetTrafficPolicies() {
			// Of several entries of a kind the last one counts.
			put(spec, false)
		}
	}
	return filters
}

// inlineLevel stands between targets for the filters of a route in the chain,
// whose index is in Target.Port.
const inlineLevel = "inline"

// targetsOf lists the levels of a request, the least specific first.
func targetsOf(listener *store.Listener, chain []*match.Route) []store.Target {
	targets := gatewayTargets(listener)
	for i, route := range chain {
		targets = append(targets, routeTargets(route)...)
		targets = append(targets, store.Target{Kind: inlineLevel, Port: uint32(i)})
	}
	return targets
}

func gatewayTargets(listener *store.Listener) []store.Target {
	name := listener.Spec.GetName()
	gateway := store.Target{Kind: "gateway", Namespace: name.GetGatewayNamespace(), Name: name.GetGatewayName()}
	section := gateway
	section.Kind, section.Section = "listener", name.GetListenerName()
	return []store.Target{gateway, section}
}

func routeTargets(route *match.Route) []store.Target {
	name := route.Spec.GetName()
	whole := store.Target{Kind: "route", Namespace: name.GetNamespace(), Name: name.GetName(), RouteKind: name.GetKind()}
	if name.GetRuleName() == "" {
		return []store.Target{whole}
	}
	rule := whole
	rule.Section = name.GetRuleName()
	return []store.Target{whole, rule}
}

// PoliciesOf returns the backend policies that apply to a call. chain may be
// empty for calls that no route makes, such as mirrors.
func PoliciesOf(v store.View, d Decision, reference *api.BackendReference, inline []*api.BackendPolicySpec) BackendPolicies {
	policies := BackendPolicies{}
	// The most specific level comes first here, and within one the first entry
	// of a kind.
	put := func(specs ...*api.BackendPolicySpec) {
		for _, spec := range specs {
			if kind := kindOf(spec); kind != "" && policies[kind] == nil {
				policies[kind] = spec
			}
		}
	}
	put(inline...)
	backend := v.Backend(reference.GetBackend())
	put(backend.GetInlinePolicies()...)

	var targets []store.Target
	for i := len(d.Chain) - 1; i >= 0; i-- {
		levels := routeTargets(d.Chain[i])
		for j := len(levels) - 1; j >= 0; j-- {
			targets = append(targets, levels[j])
		}
	}
	if service := reference.GetService(); service != nil {
		whole := store.Target{Kind: "service", Namespace: service.GetNamespace(), Name: service.GetHostname()}
		port := whole
		port.Port = reference.GetPort()
		targets = append(targets, port, whole)
	} else if backend != nil {
		targets = append(targets, store.Target{Kind: "backend", Namespace: backend.GetName().GetNamespace(), Name: backend.GetName().GetName()})
	}
	if d.Listener != nil {
		levels := gatewayTargets(d.Listener)
		targets = append(targets, levels[1], levels[0])
	}
	for _, target := range targets {
		for _, policy := range v.Policies(target) {
			if spec := policy.GetBackend(); spec != nil {
				put(spec)
			}
		}
	}
	return policies
}
