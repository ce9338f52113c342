package references

import (
	"testing"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	gwv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"istio.io/istio/pkg/kube/krt"
)

func grant(name string, from []gwv1beta1.ReferenceGrantFrom, to ...gwv1beta1.ReferenceGrantTo) *gwv1beta1.ReferenceGrant {
	return &gwv1beta1.ReferenceGrant{
		ObjectMeta: metav1.ObjectMeta{Namespace: "target", Name: name},
		Spec:       gwv1beta1.ReferenceGrantSpec{From: from, To: to},
	}
}

func routesOf(namespaces ...gwv1.Namespace) []gwv1beta1.ReferenceGrantFrom {
	var from []gwv1beta1.ReferenceGrantFrom
	for _, namespace := range namespaces {
		from = append(from, gwv1beta1.ReferenceGrantFrom{Group: gwv1.GroupName, Kind: "HTTPRoute", Namespace: namespace})
	}
	return from
}

func toService(name *gwv1.ObjectName) gwv1beta1.ReferenceGrantTo {
	return gwv1beta1.ReferenceGrantTo{Kind: "Service", Name: name}
}

var web = To{Kind: "Service", Namespace: "target", Name: "web"}

func TestPermit(t *testing.T) {
	route := From{Group: gwv1.GroupName, Kind: "HTTPRoute", Namespace: "own"}
	secret := gwv1beta1.ReferenceGrantTo{Kind: "Secret"}
	for _, test := range []struct {
		name   string
		grants []*gwv1beta1.ReferenceGrant
		from   From
		to     To
		want   bool
	}{
		{"the same namespace needs no grant", nil, From{gwv1.GroupName, "HTTPRoute", "target"}, web, true},
		{"no grant", nil, route, web, false},
		{"any Service", []*gwv1beta1.ReferenceGrant{grant("g", routesOf("own"), toService(nil))}, route, web, true},
		{"an empty name is any", []*gwv1beta1.ReferenceGrant{grant("g", routesOf("own"), toService(new(gwv1.ObjectName(""))))}, route, web, true},
		{"that Service", []*gwv1beta1.ReferenceGrant{grant("g", routesOf("own"), toService(new(gwv1.ObjectName("web"))))}, route, web, true},
		{"another Service", []*gwv1beta1.ReferenceGrant{grant("g", routesOf("own"), toService(new(gwv1.ObjectName("other"))))}, route, web, false},
		{"another kind of target", []*gwv1beta1.ReferenceGrant{grant("g", routesOf("own"), secret)}, route, web, false},
		{"another namespace", []*gwv1beta1.ReferenceGrant{grant("g", routesOf("third"), toService(nil))}, route, web, false},
		{"another kind of route", []*gwv1beta1.ReferenceGrant{grant("g", routesOf("own"), toService(nil))}, From{gwv1.GroupName, "GRPCRoute", "own"}, web, false},
		{"another group of route", []*gwv1beta1.ReferenceGrant{grant("g", routesOf("own"), toService(nil))}, From{"example.com", "HTTPRoute", "own"}, web, false},
		{"every from with every to", []*gwv1beta1.ReferenceGrant{grant("g", routesOf("third", "own"), secret, toService(nil))}, route, web, true},
		{"several grants add up", []*gwv1beta1.ReferenceGrant{grant("a", routesOf("third"), toService(nil)), grant("b", routesOf("own"), toService(nil))}, route, web, true},
		{"the long name of the core group", []*gwv1beta1.ReferenceGrant{grant("g", routesOf("own"), gwv1beta1.ReferenceGrantTo{Group: "core", Kind: "Service"})}, route, web, true},
		{"an unknown kind is ignored", []*gwv1beta1.ReferenceGrant{grant("g", append(routesOf("own"), gwv1beta1.ReferenceGrantFrom{Group: "x", Kind: "Y", Namespace: "own"}), gwv1beta1.ReferenceGrantTo{Group: "x", Kind: "Z"}, toService(nil))}, route, web, true},
		{"a grant beside the target's namespace", []*gwv1beta1.ReferenceGrant{grant("g", routesOf("own"), toService(nil))}, route, To{Kind: "Service", Namespace: "elsewhere", Name: "web"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			opts := options(t)
			grants := NewGrants(krt.NewStaticCollection(nil, test.grants, opts.WithName("grants")...))
			if got := grants.Permit(krt.TestingDummyContext{}, test.from, test.to); got != test.want {
				t.Errorf("permitted: got %v, want %v", got, test.want)
			}
		})
	}
}

// TestPermitFollowsGrants checks that a reference follows the grants that
// concern it, and isn't asked again for others.
func TestPermitFollowsGrants(t *testing.T) {
	opts := options(t)
	collection := krt.NewStaticCollection[*gwv1beta1.ReferenceGrant](nil, nil, opts.WithName("grants")...)
	grants := NewGrants(collection)
	route := From{Group: gwv1.GroupName, Kind: "HTTPRoute", Namespace: "own"}
	asked := make(chan bool, 100)
	subjects := krt.NewStaticCollection(nil, []*corev1.ConfigMap{{ObjectMeta: metav1.ObjectMeta{Namespace: "own", Name: "subject"}}}, opts.WithName("subjects")...)
	answers := krt.NewCollection(subjects, func(ctx krt.HandlerContext, subject *corev1.ConfigMap) *string {
		permitted := grants.Permit(ctx, route, web)
		asked <- permitted
		return nil
	}, opts.WithName("answers")...)
	answers.WaitUntilSynced(t.Context().Done())
	want := func(what string, permitted bool) {
		t.Helper()
		if got := receive(t, asked); got != permitted {
			t.Fatalf("%s: permitted is %v, want %v", what, got, permitted)
		}
	}
	want("without grants", false)
	// Were it asked again for these, the answer to the next would come late.
	collection.UpdateObject(grant("unrelated", routesOf("third"), toService(nil)))
	collection.UpdateObject(grant("other", routesOf("own"), toService(new(gwv1.ObjectName("other")))))
	collection.UpdateObject(grant("right", routesOf("own"), toService(nil)))
	want("granted", true)
	collection.UpdateObject(grant("right", routesOf("third"), toService(nil)))
	want("changed to another namespace", false)
	collection.UpdateObject(grant("right", routesOf("own"), toService(nil)))
	want("granted again", true)
	collection.DeleteObject("target/right")
	want("deleted", false)
	if len(asked) > 0 {
		t.Errorf("asked %d times too often", len(asked))
	}
}

func options(t *testing.T) krt.OptionsBuilder {
	t.Helper()
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	return krt.NewOptionsBuilder(stop, "", nil)
}
