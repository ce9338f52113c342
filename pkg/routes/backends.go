package routes

import (
	"fmt"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/references"
)

// refer translates the backendRefs of a rule. A reference that doesn't
// resolve keeps its place and weight, so that its share of the requests, and no
// more, gets an error.
func (r *rule) refer(refs []gwv1.HTTPBackendRef) {
	for i, ref := range refs {
		path := fmt.Sprintf("backendRefs[%d]", i)
		backend := &api.RouteBackend{Weight: 1}
		if ref.Weight != nil {
			backend.Weight = *ref.Weight
		}
		if backend.GetWeight() < 0 {
			r.faults = append(r.faults, unsupported("%s.weight %d is negative", path, backend.GetWeight()))
			continue
		}
		if r.route.kind.delegates && delegatesTo(ref.BackendObjectReference) {
			if len(ref.Filters) > 0 {
				// The proxy applies filters of a reference to the backend that it
				// comes to, and would skip them on the way to other routes.
				r.faults = append(r.faults, invalid(gwv1.RouteReasonIncompatibleFilters,
					"%s.filters are not supported on a reference to HTTPRoutes; give them to the rule, or to the routes", path))
			}
			backend.RouteGroupKey = new(groupOf(r.route.name(), ref.BackendObjectReference).key())
		} else {
			resolved := r.resolve(path+": ", ref.BackendObjectReference)
			backend.Backend = resolved.Reference
			r.usable = r.usable || resolved.Problem == nil && backend.GetWeight() > 0
		}
		f := &filters{ctx: r.ctx, in: r.in, from: r.from, prefix: r.prefix, allowed: r.route.kind.backendFilters, place: "on a backendRef"}
		for j, filter := range ref.Filters {
			f.add(fmt.Sprintf("%s.filters[%d].", path, j), filter)
		}
		r.faults, r.uses = append(r.faults, f.faults...), append(r.uses, f.uses...)
		backend.BackendPolicies = f.backendPolicies()
		r.backends = append(r.backends, backend)
	}
}

func (r *rule) resolve(path string, ref gwv1.BackendObjectReference) references.Backend {
	backend := r.in.Backends.Resolve(r.ctx, r.from, ref)
	if backend.Problem != nil {
		r.faults = append(r.faults, referenceFault(path, backend.Problem, false))
	}
	if backend.Key != "" {
		r.uses = append(r.uses, backend.Key)
	}
	return backend
}
