package graph

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// child is route i without parents, for others to delegate to.
func child(i int, weight int32) *gwv1.HTTPRoute {
	route := numbered(i, weight)
	route.Spec.ParentRefs = nil
	return route
}

// delegator is a route that hands over to the routes of its namespace that
// selector names and that list no parents.
func delegator(name, selector string, weight int32) *gwv1.HTTPRoute {
	route := numbered(0, weight)
	route.Name = name
	ref := &route.Spec.Rules[0].BackendRefs[0].BackendRef
	ref.Group, ref.Kind, ref.Name = new(gwv1.Group(gwv1.GroupName)), new(gwv1.Kind("HTTPRoute")), gwv1.ObjectName(selector)
	return route
}

// TestOneChildOfManyTellsOneResource changes a child among 1,000, and then
// what of their parent is none of theirs.
func TestOneChildOfManyTellsOneResource(t *testing.T) {
	const size = 1000
	const group = ".00.routegroup.default.parent.default.wildcard"
	initial := []*gwv1.HTTPRoute{delegator("parent", "*", 1)}
	for i := range size {
		initial = append(initial, child(i, 1))
	}
	for _, test := range []struct {
		name   string
		change *gwv1.HTTPRoute
		want   []string
	}{
		{"a child", child(500, 7), []string{"delta: ~route/default/r00500" + group}},
		{"a child that leaves", numbered(500, 1), []string{"delta: +route/default/r00500.00.http -route/default/r00500" + group}},
		{"the parent's weight", delegator("parent", "*", 7), []string{"delta: ~route/default/parent.00.http"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCrowdOf(t, initial)
			heard := watch(t, c.built)
			c.routes.UpdateObject(test.change)
			// This goes the same way as what its children could tell, behind it.
			c.routes.UpdateObject(delegator("end", "r00000", 1))
			lines := heard.until(t, "+route/default/end.00.http", "+route/default/r00000.00.routegroup.default.end.default.r00000")
			got := slices.DeleteFunc(lines, func(line string) bool { return strings.Contains(line, "end.") })
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("deltas on all feeds (-want +got):\n%s", diff)
			}
		})
	}
}
