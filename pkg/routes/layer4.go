package routes

import (
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"
)

// NewTCPRoutes translates TCPRoutes. An event costs the rules of its route
// times the listeners that it attaches to.
func NewTCPRoutes(routes krt.Collection[*gwv1.TCPRoute], in Inputs, opts krt.OptionsBuilder) krt.Collection[Route] {
	return krt.NewCollection(routes, func(ctx krt.HandlerContext, route *gwv1.TCPRoute) *Route {
		from := source{kind: tcpRoute, meta: route.ObjectMeta, parentRefs: route.Spec.ParentRefs}
		return new(translate(ctx, in, from, route.Spec.Rules, func(r *rule, spec gwv1.TCPRouteRule) {
			r.named(spec.Name)
			r.connect(spec.BackendRefs)
		}))
	}, opts.WithName("routes/TCPRoutes")...)
}

// NewTLSRoutes translates TLSRoutes, at the cost of TCPRoutes. Their hostnames
// are the server names that clients ask for.
func NewTLSRoutes(routes krt.Collection[*gwv1.TLSRoute], in Inputs, opts krt.OptionsBuilder) krt.Collection[Route] {
	return krt.NewCollection(routes, func(ctx krt.HandlerContext, route *gwv1.TLSRoute) *Route {
		from := source{kind: tlsRoute, meta: route.ObjectMeta, hostnames: texts(route.Spec.Hostnames), parentRefs: route.Spec.ParentRefs}
		return new(translate(ctx, in, from, route.Spec.Rules, func(r *rule, spec gwv1.TLSRouteRule) {
			r.named(spec.Name)
			r.connect(spec.BackendRefs)
		}))
	}, opts.WithName("routes/TLSRoutes")...)
}

// connect translates backendRefs, which have no filters here.
func (r *rule) connect(specs []gwv1.BackendRef) {
	refs := make([]gwv1.HTTPBackendRef, 0, len(specs))
	for _, spec := range specs {
		refs = append(refs, gwv1.HTTPBackendRef{BackendRef: spec})
	}
	r.refer(refs)
}
