package routes

import (
	"fmt"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/references"
)

// backends translates the backendRefs of a rule. A reference that doesn't
// resolve keeps its place and weight, so that its share of the requests, and no
// more, gets an error.
func (r *rule) backends(ctx krt.HandlerContext, in Inputs, from references.From, refs []gwv1.HTTPBackendRef) {
	for i, ref := range refs {
		path := fmt.Sprintf("backendRefs[%d]", i)
		weight := int32(1)
		if ref.Weight != nil {
			weight = *ref.Weight
		}
		if weight < 0 {
			r.faults = append(r.faults, unsupported("%s.weight %d is negative", path, weight))
			continue
		}
		backend := in.Backends.Resolve(ctx, from, ref.BackendObjectReference)
		if backend.Problem != nil {
			r.faults = append(r.faults, referenceFault(path+": ", backend.Problem, false))
		}
		if backend.Key != "" {
			r.uses = append(r.uses, backend.Key)
		}
		f := &filters{ctx: ctx, in: in, from: from, prefix: r.prefix}
		for j, filter := range ref.Filters {
			f.addToBackend(fmt.Sprintf("%s.filters[%d].", path, j), filter)
		}
		r.faults, r.uses = append(r.faults, f.faults...), append(r.uses, f.uses...)
		r.route.Backends = append(r.route.Backends, &api.RouteBackend{
			Backend:         backend.Reference,
			Weight:          weight,
			BackendPolicies: f.backendPolicies(),
		})
	}
}

// addToBackend translates a filter of a backendRef, where the proxy knows
// fewer kinds.
func (f *filters) addToBackend(path string, spec gwv1.HTTPRouteFilter) {
	switch spec.Type {
	case gwv1.HTTPRouteFilterRequestHeaderModifier, gwv1.HTTPRouteFilterResponseHeaderModifier,
		gwv1.HTTPRouteFilterRequestRedirect, gwv1.HTTPRouteFilterRequestMirror:
		f.add(path, spec)
	default:
		f.fail(invalid(gwv1.RouteReasonIncompatibleFilters, "%stype %q is not supported on a backendRef", path, spec.Type))
	}
}
