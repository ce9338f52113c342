package store

import (
	"maps"
	"slices"

	api "agentgateway.dev/controller/apis/xds"
)

// Target is what a policy is attached to, in a form that can be looked up. Only
// the fields of its kind are set; comparisons are exact.
type Target struct {
	// Kind is "gateway", "listener", "route", "backend" or "service".
	Kind string
	// Namespace and Name identify the object; Name is the hostname of a service.
	Namespace, Name string
	// Section is a listener name, rule name, or AI provider or MCP target name.
	Section string
	// RouteKind distinguishes routes of equal names.
	RouteKind string
	// Port is a service port, 0 for the whole service.
	Port uint32
}

// targetOf returns the zero Target for targets that this tool never looks up:
// gateway ports and listener sets count for frontend policies and for the
// gateway phase only.
func targetOf(target *api.PolicyTarget) Target {
	switch kind := target.GetKind().(type) {
	case *api.PolicyTarget_Gateway:
		gateway := kind.Gateway
		switch {
		case gateway.Port != nil:
			return Target{}
		case gateway.Listener != nil:
			return Target{Kind: "listener", Namespace: gateway.GetNamespace(), Name: gateway.GetName(), Section: gateway.GetListener()}
		}
		return Target{Kind: "gateway", Namespace: gateway.GetNamespace(), Name: gateway.GetName()}
	case *api.PolicyTarget_Route:
		route := kind.Route
		return Target{Kind: "route", Namespace: route.GetNamespace(), Name: route.GetName(), Section: route.GetRouteRule(), RouteKind: route.GetKind()}
	case *api.PolicyTarget_Backend:
		return Target{Kind: "backend", Namespace: kind.Backend.GetNamespace(), Name: kind.Backend.GetName(), Section: kind.Backend.GetSection()}
	case *api.PolicyTarget_Service:
		return Target{Kind: "service", Namespace: kind.Service.GetNamespace(), Name: kind.Service.GetHostname(), Port: kind.Service.GetPort()}
	}
	return Target{}
}

func (s *State) putPolicy(policy *api.Policy) {
	s.removePolicy(policy.GetKey())
	s.policies[policy.GetKey()] = policy
	target := targetOf(policy.GetTarget())
	if s.targets[target] == nil {
		s.targets[target] = map[string]*api.Policy{}
	}
	s.targets[target][policy.GetKey()] = policy
}

func (s *State) removePolicy(key string) {
	policy := s.policies[key]
	if policy == nil {
		return
	}
	delete(s.policies, key)
	target := targetOf(policy.GetTarget())
	delete(s.targets[target], key)
	if len(s.targets[target]) == 0 {
		delete(s.targets, target)
	}
}

// Policies returns the policies of one target in ascending order of key. Where
// several of one kind exist the real proxy picks at random.
func (v View) Policies(target Target) []*api.Policy {
	var policies []*api.Policy
	held := v.state.targets[target]
	for _, key := range slices.Sorted(maps.Keys(held)) {
		policies = append(policies, held[key])
	}
	return policies
}
