package status

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"agentgateway.dev/controller/pkg/conditions"
	"agentgateway.dev/controller/pkg/gateways"
)

var (
	before = metav1.NewTime(time.Unix(1000, 0))
	now    = metav1.NewTime(time.Unix(2000, 0))
	ours   = []string{gateways.DefaultController, gateways.AliasController}
)

func at(when metav1.Time, condition metav1.Condition) metav1.Condition {
	condition.LastTransitionTime = when
	return condition
}

func entry(controller, name string, list ...metav1.Condition) gwv1.RouteParentStatus {
	return gwv1.RouteParentStatus{
		ParentRef:      gwv1.ParentReference{Name: gwv1.ObjectName(name)},
		ControllerName: gwv1.GatewayController(controller),
		Conditions:     list,
	}
}

func TestMergeParents(t *testing.T) {
	accepted := conditions.True("Accepted", "Accepted", "", 1)
	refused := conditions.False("Accepted", "NotAllowedByListeners", "no", 1)
	foreign := entry("example.com/other", "gw", at(before, refused))
	spelledOut := entry(ours[0], "gw", at(before, accepted))
	group, kind, namespace := gwv1.Group(gwv1.GroupName), gwv1.Kind("Gateway"), gwv1.Namespace("default")
	spelledOut.ParentRef.Group, spelledOut.ParentRef.Kind, spelledOut.ParentRef.Namespace = &group, &kind, &namespace
	others := conditions.True("example.com/Audited", "Yes", "", 1)

	for _, test := range []struct {
		name          string
		live, desired []gwv1.RouteParentStatus
		want          []gwv1.RouteParentStatus
		same          bool
	}{
		{
			name:    "a new route",
			desired: []gwv1.RouteParentStatus{entry(ours[0], "gw", accepted)},
			want:    []gwv1.RouteParentStatus{entry(ours[0], "gw", at(now, accepted))},
		},
		{
			name: "nothing of ours and nothing of others is an empty list",
			want: []gwv1.RouteParentStatus{}, same: true,
		},
		{
			name:    "nothing to do",
			live:    []gwv1.RouteParentStatus{entry(ours[0], "gw", at(before, accepted))},
			desired: []gwv1.RouteParentStatus{entry(ours[0], "gw", accepted)},
			want:    []gwv1.RouteParentStatus{entry(ours[0], "gw", at(before, accepted))}, same: true,
		},
		{
			name:    "nothing to do with defaults spelled out",
			live:    []gwv1.RouteParentStatus{spelledOut},
			desired: []gwv1.RouteParentStatus{entry(ours[0], "gw", accepted)},
			want:    []gwv1.RouteParentStatus{entry(ours[0], "gw", at(before, accepted))}, same: true,
		},
		{
			name:    "a status that changes has a new transition time",
			live:    []gwv1.RouteParentStatus{entry(ours[0], "gw", at(before, accepted))},
			desired: []gwv1.RouteParentStatus{entry(ours[0], "gw", refused)},
			want:    []gwv1.RouteParentStatus{entry(ours[0], "gw", at(now, refused))},
		},
		{
			name:    "others stay untouched and first",
			live:    []gwv1.RouteParentStatus{entry(ours[0], "old", at(before, accepted)), foreign},
			desired: []gwv1.RouteParentStatus{entry(ours[0], "gw", accepted)},
			want:    []gwv1.RouteParentStatus{foreign, entry(ours[0], "gw", at(now, accepted))},
		},
		{
			name: "a route that is no longer ours loses our entries",
			live: []gwv1.RouteParentStatus{entry(ours[0], "gw", at(before, accepted)), foreign},
			want: []gwv1.RouteParentStatus{foreign},
		},
		{
			name:    "the other name of ours is replaced",
			live:    []gwv1.RouteParentStatus{entry(ours[1], "gw", at(before, accepted))},
			desired: []gwv1.RouteParentStatus{entry(ours[0], "gw", accepted)},
			want:    []gwv1.RouteParentStatus{entry(ours[0], "gw", at(before, accepted))},
		},
		{
			name:    "a condition that others added to our entry stays",
			live:    []gwv1.RouteParentStatus{entry(ours[0], "gw", at(before, accepted), at(before, others))},
			desired: []gwv1.RouteParentStatus{entry(ours[0], "gw", accepted)},
			want:    []gwv1.RouteParentStatus{entry(ours[0], "gw", at(before, accepted), at(before, others))}, same: true,
		},
		{
			name:    "a condition of ours that is no longer desired goes",
			live:    []gwv1.RouteParentStatus{entry(ours[0], "gw", at(before, accepted), conditions.True("PartiallyInvalid", "UnsupportedValue", "", 1))},
			desired: []gwv1.RouteParentStatus{entry(ours[0], "gw", accepted)},
			want:    []gwv1.RouteParentStatus{entry(ours[0], "gw", at(before, accepted))},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, differs := mergeParents(test.live, test.desired, ours, "default", now)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("parents (-want +got):\n%s", diff)
			}
			if differs == test.same {
				t.Errorf("differs is %v", differs)
			}
			if again, differs := mergeParents(got, test.desired, ours, "default", metav1.Now()); differs || cmp.Diff(got, again) != "" {
				t.Error("merging again is not the end of it")
			}
		})
	}
}

func TestMergeParentsTruncates(t *testing.T) {
	var live, desired []gwv1.RouteParentStatus
	for i := range 20 {
		live = append(live, entry("example.com/other", fmt.Sprint("theirs", i)))
		desired = append(desired, entry(ours[0], fmt.Sprint("ours", i)))
	}
	got, _ := mergeParents(live, desired, ours, "default", now)
	if len(got) != maxParents || got[19].ParentRef.Name != "theirs19" || got[20].ParentRef.Name != "ours0" {
		t.Errorf("%d entries, want all of the others and as many of ours as fit", len(got))
	}
	if _, differs := mergeParents(got, desired, ours, "default", now); differs {
		t.Error("a truncated list is written again and again")
	}
}

func TestMergeGateway(t *testing.T) {
	accepted := conditions.True("Accepted", "Accepted", "", 2)
	listener := func(name string, attached int32, list ...metav1.Condition) gwv1.ListenerStatus {
		return gwv1.ListenerStatus{
			Name: gwv1.SectionName(name), AttachedRoutes: attached, Conditions: list, SupportedKinds: []gwv1.RouteGroupKind{{Kind: "HTTPRoute"}},
		}
	}
	theirs := at(before, conditions.True("example.com/Certified", "Yes", "", 1))
	addressType := gwv1.IPAddressType
	live := &gwv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "gw", UID: "u", ResourceVersion: "7", Labels: map[string]string{"a": "b"}},
		Spec:       gwv1.GatewaySpec{GatewayClassName: "agentgateway"},
		Status: gwv1.GatewayStatus{
			Addresses:  []gwv1.GatewayStatusAddress{{Type: &addressType, Value: "10.0.0.1"}},
			Conditions: []metav1.Condition{theirs, at(before, accepted)},
			Listeners:  []gwv1.ListenerStatus{listener("gone", 1), listener("http", 1, at(before, accepted))},
		},
	}
	desired := gateways.Status{
		NamespacedName: types.NamespacedName{Namespace: "default", Name: "gw"},
		Conditions:     []metav1.Condition{accepted},
		Listeners:      []gwv1.ListenerStatus{listener("http", 2, accepted)},

		AttachedListenerSets: 3,
	}
	untouched := live.DeepCopy()
	got, differs := mergeGateway(live, desired, now)
	if !differs {
		t.Fatal("a removed listener and another number of routes are no difference")
	}
	want := &gwv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "gw", UID: "u", ResourceVersion: "7"},
		Status: gwv1.GatewayStatus{
			Addresses:            live.Status.Addresses,
			Conditions:           []metav1.Condition{at(before, accepted), theirs},
			Listeners:            []gwv1.ListenerStatus{listener("http", 2, at(before, accepted))},
			AttachedListenerSets: new(int32(3)),
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("written Gateway (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(untouched, live); diff != "" {
		t.Errorf("the live Gateway was changed (-want +got):\n%s", diff)
	}
	// The same conditions in another order are no reason to write: whoever
	// put them so would put them so again.
	got.Status.Conditions[0], got.Status.Conditions[1] = got.Status.Conditions[1], got.Status.Conditions[0]
	if _, differs := mergeGateway(got, desired, metav1.Now()); differs {
		t.Error("the order of conditions is fought about")
	}
}

// TestMergeAttachedListenerSets: the number alone is reason to write, unless an
// API that doesn't know the field has dropped a zero.
func TestMergeAttachedListenerSets(t *testing.T) {
	accepted := conditions.True("Accepted", "Accepted", "", 1)
	live := &gwv1.Gateway{Status: gwv1.GatewayStatus{Conditions: []metav1.Condition{at(before, accepted)}}}
	desired := gateways.Status{Conditions: []metav1.Condition{accepted}}
	if _, differs := mergeGateway(live, desired, now); differs {
		t.Error("a zero that isn't there is written for itself")
	}
	desired.AttachedListenerSets = 1
	got, differs := mergeGateway(live, desired, now)
	if !differs || *got.Status.AttachedListenerSets != 1 {
		t.Errorf("another number isn't written: %+v", got)
	}
	desired.AttachedListenerSets = 0
	got, differs = mergeGateway(got, desired, now)
	if !differs || got.Status.AttachedListenerSets == nil || *got.Status.AttachedListenerSets != 0 {
		t.Errorf("a zero that follows another number isn't written: %+v", got)
	}
}

func TestMergeListenerSet(t *testing.T) {
	accepted, certified := conditions.True("Accepted", "Accepted", "", 2), conditions.True("example.com/Certified", "Yes", "", 1)
	pending := metav1.Condition{Type: "Programmed", Status: metav1.ConditionUnknown, Reason: "Pending"}
	programmed := conditions.True("Programmed", "Programmed", "", 2)
	kinds := []gwv1.RouteGroupKind{{Kind: "HTTPRoute"}}
	live := &gwv1.ListenerSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "ls", UID: "u", ResourceVersion: "7", Labels: map[string]string{"a": "b"}},
		Status: gwv1.ListenerSetStatus{
			Conditions: []metav1.Condition{at(before, accepted), at(before, pending), at(before, certified)},
			Listeners: []gwv1.ListenerEntryStatus{
				{Name: "gone", Conditions: []metav1.Condition{at(before, accepted)}},
				{Name: "l", SupportedKinds: kinds, Conditions: []metav1.Condition{at(before, accepted), at(before, certified)}},
			},
		},
	}
	desired := gateways.Status{
		Conditions: []metav1.Condition{accepted, programmed},
		Listeners:  []gwv1.ListenerStatus{{Name: "l", SupportedKinds: kinds, AttachedRoutes: 1, Conditions: []metav1.Condition{accepted}}},
	}
	untouched := live.DeepCopy()
	got, differs := mergeListenerSet(live, desired, now)
	if !differs {
		t.Fatal("no difference")
	}
	want := &gwv1.ListenerSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "ls", UID: "u", ResourceVersion: "7"},
		Status: gwv1.ListenerSetStatus{
			Conditions: []metav1.Condition{at(before, accepted), at(now, programmed), at(before, certified)},
			Listeners: []gwv1.ListenerEntryStatus{
				{Name: "l", SupportedKinds: kinds, AttachedRoutes: 1, Conditions: []metav1.Condition{at(before, accepted), at(before, certified)}},
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("written ListenerSet (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(untouched, live); diff != "" {
		t.Errorf("the live ListenerSet was changed (-want +got):\n%s", diff)
	}
	if _, differs := mergeListenerSet(got, desired, metav1.Now()); differs {
		t.Error("merging again is not the end of it")
	}
	// One that its Gateway doesn't take any more has no listeners.
	refused := gateways.Status{Conditions: []metav1.Condition{conditions.False("Accepted", "NotAllowed", "", 2)}}
	if got, differs := mergeListenerSet(got, refused, now); !differs || len(got.Status.Listeners) != 0 {
		t.Errorf("the listeners of a refused ListenerSet stay: %+v", got)
	}
}

func TestMergeClass(t *testing.T) {
	live := &gwv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: "c", Generation: 3}}
	plain, differs := mergeClass(live, gateways.Class{Name: "c", Controller: ours[0], Generation: 3}, now)
	if !differs || len(plain.Status.SupportedFeatures) != 0 || len(plain.Status.Conditions) != 1 {
		t.Errorf("status of a class of the user: %+v", plain)
	}
	managed := gateways.Class{Name: "c", Controller: ours[0], Generation: 3, Managed: true}
	got, differs := mergeClass(plain, managed, now)
	if !differs || len(got.Status.SupportedFeatures) != len(gateways.Features) {
		t.Fatalf("status of the managed class: %+v", got)
	}
	if condition := got.Status.Conditions[0]; condition.Type != "Accepted" || condition.Status != "True" || condition.ObservedGeneration != 3 {
		t.Errorf("condition of the managed class: %+v", condition)
	}
	if _, differs := mergeClass(got, managed, metav1.Now()); differs {
		t.Error("merging again is not the end of it")
	}
}
