package routes

import (
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/gateways"
)

func delegating(selectors ...string) gwv1.HTTPRouteRule {
	var rule gwv1.HTTPRouteRule
	for _, selector := range selectors {
		rule.BackendRefs = append(rule.BackendRefs, gwv1.HTTPBackendRef{BackendRef: gwv1.BackendRef{BackendObjectReference: gwv1.BackendObjectReference{
			Group: new(gwv1.Group(gwv1.GroupName)), Kind: new(gwv1.Kind("HTTPRoute")), Name: gwv1.ObjectName(selector),
		}}})
	}
	return rule
}

// childObject is a route without parents.
func childObject(name string, labels map[string]string, rules ...gwv1.HTTPRouteRule) *gwv1.HTTPRoute {
	route := httpRouteObject(name, rules...)
	route.Spec.ParentRefs, route.Labels = nil, labels
	return route
}

func named(namespace, name string) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: name}
}

// follow returns a function that waits until exactly these resources are sent.
func follow(t *testing.T, collection krt.Collection[Route]) func(...string) {
	t.Helper()
	changed := make(chan struct{}, 100)
	settled(t, collection).RegisterBatch(func([]krt.Event[Route]) { changed <- struct{}{} }, true)
	return func(want ...string) {
		t.Helper()
		// The limit only ends a test that fails.
		limit := time.After(30 * time.Second)
		for !slices.Equal(names(t, collection), want) {
			select {
			case <-changed:
			case <-limit:
				t.Fatalf("got %v, want %v", names(t, collection), want)
			}
		}
	}
}

func TestChildrenFollowTheirParents(t *testing.T) {
	http := listener("http", gwv1.HTTPProtocolType, 80, "HTTPRoute")
	s := newStage(t, gatewayParent("gw", http), gatewayParent("gw2", http))
	web := gwv1.HTTPRouteRule{BackendRefs: []gwv1.HTTPBackendRef{{BackendRef: web()}}}
	app := map[string]string{"app": "web"}
	routes := krt.NewStaticCollection(nil, []*gwv1.HTTPRoute{
		httpRouteObject("parent", delegating("app=web")), childObject("child", app, web),
	}, s.opts.WithName("routes")...)
	translated := NewHTTPRoutes(routes, s.in, s.opts)
	want := follow(t, translated)

	const parent, child = "gw|route/default/parent.00.http", "gw|route/default/child.00.routegroup.default.parent.default.app=web"
	want(child, parent)
	// A child without the label is no child.
	routes.UpdateObject(childObject("child", nil, web))
	want(parent)
	routes.UpdateObject(childObject("child", app, web))
	want(child, parent)
	// The parent attaches to a second Gateway, and the child goes along, as
	// does what it uses.
	moved := httpRouteObject("parent", delegating("app=web"))
	moved.Spec.ParentRefs = append(moved.Spec.ParentRefs, gwv1.ParentReference{Name: "gw2"})
	routes.UpdateObject(moved)
	want("gw2|route/default/child.00.routegroup.default.parent.default.app=web", "gw2|route/default/parent.00.http", child, parent)
	uses := translated.GetKey("HTTPRoute/default/child").Uses
	if want := []string{"default/gw2|Service/default/web", "default/gw|Service/default/web"}; !slices.Equal(uses, want) {
		t.Errorf("the child uses %v, want %v", uses, want)
	}
	// Without its Gateways the parent takes nobody anywhere.
	s.parents.DeleteObject(gateways.ParentKey("Gateway", "default", "gw"))
	s.parents.DeleteObject(gateways.ParentKey("Gateway", "default", "gw2"))
	want()
}

// TestACircleKeepsNobodyAlive takes the only route away that ties a circle of
// delegations to a Gateway.
func TestACircleKeepsNobodyAlive(t *testing.T) {
	s := newStage(t, gatewayParent("gw", listener("http", gwv1.HTTPProtocolType, 80, "HTTPRoute")))
	routes := krt.NewStaticCollection(nil, []*gwv1.HTTPRoute{
		httpRouteObject("root", delegating("a")), childObject("a", nil, delegating("b")), childObject("b", nil, delegating("a", "b")),
	}, s.opts.WithName("routes")...)
	want := follow(t, NewHTTPRoutes(routes, s.in, s.opts))
	want("gw|route/default/a.00.routegroup.default.b.default.a", "gw|route/default/a.00.routegroup.default.root.default.a",
		"gw|route/default/b.00.routegroup.default.a.default.b", "gw|route/default/root.00.http")
	routes.DeleteObject("default/root")
	want()
}

// TestGroupsHaveDistinctSuffixes lists pairs of groups that one child could
// belong to, and whose keys would be equal if separators were simply replaced.
func TestGroupsHaveDistinctSuffixes(t *testing.T) {
	seen := map[string]group{}
	for _, g := range []group{
		{named("a", "p"), "t", "*"}, {named("a", "p"), "t", "wildcard"},
		{named("a", "p.t"), "t", "s=v"}, {named("a", "p"), "t", "t.s=v"}, {named("a", "p"), "t", "t/s=v"}, {named("a", "p"), "t", "t.t/s=v"},
		{named("a", "p"), "t", "x.y/z=v"}, {named("a", "p"), "t", "x/y.z=v"}, {named("a", "p"), "t", "x.y.z=v"},
	} {
		if other, taken := seen[g.suffix()]; taken {
			t.Errorf("%v and %v share %q", g, other, g.suffix())
		}
		seen[g.suffix()] = g
	}
	if got, want := (group{named("default", "parent"), "team1", "*"}).suffix(), "routegroup.default.parent.team1.wildcard"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
