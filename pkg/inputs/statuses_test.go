package inputs

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

func testRoute(change func(*gwv1.HTTPRoute)) *gwv1.HTTPRoute {
	route := &gwv1.HTTPRoute{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "u", Generation: 3, ResourceVersion: "7", Labels: map[string]string{"app": "web"}},
		Spec:       gwv1.HTTPRouteSpec{Hostnames: []gwv1.Hostname{"web.example.com"}},
	}
	change(route)
	return route
}

// TestEventsWithoutStatus checks which updates collections hear of.
func TestEventsWithoutStatus(t *testing.T) {
	gone := metav1.Now()
	for _, test := range []struct {
		name   string
		change func(*gwv1.HTTPRoute)
		want   bool
	}{
		{"status", func(r *gwv1.HTTPRoute) {
			r.ResourceVersion = "8"
			r.Status.Parents = []gwv1.RouteParentStatus{{ControllerName: "example.com/other"}}
		}, false},
		{"spec", func(r *gwv1.HTTPRoute) { r.Generation = 4 }, true},
		{"label", func(r *gwv1.HTTPRoute) { r.Labels = map[string]string{"app": "api"} }, true},
		{"annotation", func(r *gwv1.HTTPRoute) { r.Annotations = map[string]string{"a": "b"} }, true},
		{"another object of that name", func(r *gwv1.HTTPRoute) { r.UID = types.UID("v") }, true},
		{"deletion", func(r *gwv1.HTTPRoute) { r.DeletionTimestamp = &gone }, true},
	} {
		heard := false
		handler := exceptStatus{cache.ResourceEventHandlerFuncs{UpdateFunc: func(any, any) { heard = true }}}
		handler.OnUpdate(testRoute(func(*gwv1.HTTPRoute) {}), testRoute(test.change))
		if heard != test.want {
			t.Errorf("%s: heard %v", test.name, heard)
		}
	}
	// Fake API servers count no generations.
	heard := false
	old := func(r *gwv1.HTTPRoute) { r.Generation = 0 }
	exceptStatus{cache.ResourceEventHandlerFuncs{UpdateFunc: func(any, any) { heard = true }}}.OnUpdate(testRoute(old), testRoute(old))
	if !heard {
		t.Error("an object without a generation is taken for unchanged")
	}
}

// TestSharing checks that a new status doesn't bring a second copy of the
// spec, and that a new spec is never replaced by an old one.
func TestSharing(t *testing.T) {
	before := testRoute(func(*gwv1.HTTPRoute) {})
	stored := map[string]*gwv1.HTTPRoute{"default/web": before}
	transform := sharing(Kind{}, func(key string) *gwv1.HTTPRoute { return stored[key] })

	status := func(r *gwv1.HTTPRoute) {
		r.ResourceVersion = "8"
		r.Status.Parents = []gwv1.RouteParentStatus{{ControllerName: "example.com/other"}}
	}
	transformed, err := transform(testRoute(status))
	if err != nil {
		t.Fatal(err)
	}
	got, ok := transformed.(*gwv1.HTTPRoute)
	if !ok {
		t.Fatalf("got %T", transformed)
	}
	if diff := cmp.Diff(testRoute(status), got); diff != "" {
		t.Errorf("sharing changed the object (-want +got):\n%s", diff)
	}
	if &got.Spec.Hostnames[0] != &before.Spec.Hostnames[0] {
		t.Error("the spec is held twice")
	}

	changed := func(r *gwv1.HTTPRoute) { r.Generation, r.Spec.Hostnames = 4, []gwv1.Hostname{"new.example.com"} }
	transformed, err = transform(testRoute(changed))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(testRoute(changed), transformed); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	other := func(r *gwv1.HTTPRoute) { r.Name = "other" }
	if transformed, err = transform(testRoute(other)); err != nil || cmp.Diff(testRoute(other), transformed) != "" {
		t.Errorf("an unknown object became %v, %v", transformed, err)
	}
}
