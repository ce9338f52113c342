package golden

import (
	"math/rand/v2"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// randomRouteMeta is the metadata of a route of kind: labels by which parents
// select it, and sometimes a time of creation.
func randomRouteMeta(rng *rand.Rand, names ...string) metav1.ObjectMeta {
	meta := named(rng, names...)
	if created := rng.IntN(3); created > 0 {
		meta.CreationTimestamp = metav1.NewTime(time.Unix(int64(created), 0))
	}
	meta.Labels = pick(rng, nil, map[string]string{"app": "one"}, map[string]string{"app": "two", "extra": "x"})
	return meta
}

func randomParents(rng *rand.Rand) []gwv1.ParentReference {
	return some(rng, 3, func(rng *rand.Rand) gwv1.ParentReference {
		ref := gwv1.ParentReference{
			Namespace:   maybe[gwv1.Namespace](rng, "a", "b"),
			Name:        often[gwv1.ObjectName](rng, "g1", "g2", "absent"),
			SectionName: often(rng, nil, new(gwv1.SectionName("l0")), new(gwv1.SectionName("l1"))),
			Port:        often(rng, nil, new(gwv1.PortNumber(80))),
		}
		if rng.IntN(3) == 0 {
			ref.Kind, ref.Name = new(gwv1.Kind("ListenerSet")), pick[gwv1.ObjectName](rng, "ls1", "ls2", "ls3", "g1")
		}
		return ref
	})
}

func randomHostnames(rng *rand.Rand) []gwv1.Hostname {
	return some(rng, 2, func(rng *rand.Rand) gwv1.Hostname { return pick[gwv1.Hostname](rng, "x.test", "*.test", "other.org") })
}

func randomBackend(rng *rand.Rand) gwv1.BackendRef {
	return gwv1.BackendRef{BackendObjectReference: randomReference(rng), Weight: maybe[int32](rng, 0, 3)}
}

// delegate makes an HTTPRoute one of those that delegate to each other, often
// in circles and to themselves.
func delegate(rng *rand.Rand, route *gwv1.HTTPRoute) {
	group, kind := new(gwv1.Group(gwv1.GroupName)), new(gwv1.Kind("HTTPRoute"))
	if rng.IntN(3) == 0 {
		route.Spec.ParentRefs = nil
	}
	for range rng.IntN(2) {
		route.Spec.ParentRefs = append(route.Spec.ParentRefs, gwv1.ParentReference{
			Group: group, Kind: kind, Namespace: maybe[gwv1.Namespace](rng, "a", "b"), Name: pick[gwv1.ObjectName](rng, "r1", "r2", "r3"),
		})
	}
	for i := range route.Spec.Rules {
		for range rng.IntN(3) {
			route.Spec.Rules[i].BackendRefs = append(route.Spec.Rules[i].BackendRefs, gwv1.HTTPBackendRef{BackendRef: gwv1.BackendRef{
				BackendObjectReference: gwv1.BackendObjectReference{
					Group: group, Kind: kind, Namespace: maybe[gwv1.Namespace](rng, "a", "b"),
					Name: pick[gwv1.ObjectName](rng, "*", "app=one", "extra=x", "r1", "r2", "r3", "r4"),
				},
			}})
		}
	}
}

func randomGRPCRoute(rng *rand.Rand) *gwv1.GRPCRoute {
	route := &gwv1.GRPCRoute{TypeMeta: typed("GRPCRoute"), ObjectMeta: randomRouteMeta(rng, "r1", "r2", "c1")}
	route.Spec.ParentRefs, route.Spec.Hostnames = randomParents(rng), randomHostnames(rng)
	route.Spec.Rules = some(rng, 2, func(rng *rand.Rand) gwv1.GRPCRouteRule {
		return gwv1.GRPCRouteRule{
			Matches: some(rng, 2, func(rng *rand.Rand) gwv1.GRPCRouteMatch {
				return gwv1.GRPCRouteMatch{Method: &gwv1.GRPCMethodMatch{
					Type:    often(rng, nil, new(gwv1.GRPCMethodMatchRegularExpression), new(gwv1.GRPCMethodMatchType("Unknown"))),
					Service: maybe(rng, "shop.Cart", "shop.List"), Method: maybe(rng, "Get"),
				}}
			}),
			Filters: some(rng, 1, func(rng *rand.Rand) gwv1.GRPCRouteFilter {
				return gwv1.GRPCRouteFilter{Type: gwv1.GRPCRouteFilterRequestMirror, RequestMirror: &gwv1.HTTPRequestMirrorFilter{BackendRef: randomReference(rng)}}
			}),
			BackendRefs: some(rng, 2, func(rng *rand.Rand) gwv1.GRPCBackendRef { return gwv1.GRPCBackendRef{BackendRef: randomBackend(rng)} }),
		}
	})
	return route
}

func randomTCPRoute(rng *rand.Rand) *gwv1.TCPRoute {
	route := &gwv1.TCPRoute{TypeMeta: typed("TCPRoute"), ObjectMeta: randomRouteMeta(rng, "r1", "r2")}
	route.Spec.ParentRefs = randomParents(rng)
	route.Spec.Rules = []gwv1.TCPRouteRule{{BackendRefs: some(rng, 3, randomBackend)}}
	return route
}

func randomTLSRoute(rng *rand.Rand) *gwv1.TLSRoute {
	route := &gwv1.TLSRoute{TypeMeta: typed("TLSRoute"), ObjectMeta: randomRouteMeta(rng, "r1", "r2")}
	route.Spec.ParentRefs, route.Spec.Hostnames = randomParents(rng), randomHostnames(rng)
	route.Spec.Rules = []gwv1.TLSRouteRule{{BackendRefs: some(rng, 3, randomBackend)}}
	return route
}
