package routes

import (
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"
)

// NewHTTPRoutes translates HTTPRoutes. An event costs the rules of its route
// times the listeners that it attaches to and the groups that it belongs to; a
// change of a Gateway's listeners costs the routes attached to that Gateway.
func NewHTTPRoutes(routes krt.Collection[*gwv1.HTTPRoute], in Inputs, opts krt.OptionsBuilder) krt.Collection[Route] {
	in.delegations = newDelegations(routes, in, opts)
	return krt.NewCollection(routes, func(ctx krt.HandlerContext, route *gwv1.HTTPRoute) *Route {
		return new(translate(ctx, in, httpSource(route), route.Spec.Rules, (*rule).http))
	}, opts.WithName("routes/HTTPRoutes")...)
}

func httpSource(route *gwv1.HTTPRoute) source {
	return source{kind: httpRoute, meta: route.ObjectMeta, hostnames: texts(route.Spec.Hostnames), parentRefs: route.Spec.ParentRefs}
}

func (r *rule) http(spec gwv1.HTTPRouteRule) {
	r.named(spec.Name)
	r.match(matches(spec.Matches))
	r.filter(spec.Filters)
	r.policy(timeouts(spec.Timeouts))
	r.policy(retry(spec.Retry))
	r.refer(spec.BackendRefs)
}
