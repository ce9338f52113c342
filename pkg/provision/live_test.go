package provision

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"istio.io/istio/pkg/kube/krt"
)

// liveObject is an object as the watch shows it, with the fields that each
// manager applied or set.
func liveObject(uid string, entries ...metav1.ManagedFieldsEntry) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: "default", Name: "gw", UID: types.UID(uid), ManagedFields: entries,
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "gateway.networking.k8s.io/v1", Kind: "Gateway", Name: "gw", Controller: new(true)}},
	}}
}

func entry(manager, subresource, fields string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationApply, Subresource: subresource, FieldsV1: metav1.NewFieldsV1(fields)}
}

// TestOnlyOurFieldsMatter checks what makes an applied object be applied again.
func TestOnlyOurFieldsMatter(t *testing.T) {
	before := liveObject("1", entry("us", "", "{}"))
	desired := Desired{NamespacedName: types.NamespacedName{Namespace: "default", Name: "gw"}, Controller: "us"}
	object := Applied{kind: 0, Name: "gw", Body: "body"}
	last := record{body: "body", stamp: stamp(before, "us")}
	for name, test := range map[string]struct {
		live    *metav1.PartialObjectMetadata
		current bool
	}{
		"nothing changed":           {liveObject("1", entry("us", "", "{}")), true},
		"others set other fields":   {liveObject("1", entry("them", "", `{"f:x":{}}`), entry("us", "", "{}")), true},
		"a subresource was written": {liveObject("1", entry("us", "", "{}"), entry("us", "status", `{"f:y":{}}`)), true},
		"a field was taken":         {liveObject("1", entry("us", "", `{"f:x":{}}`)), false},
		"all fields were taken":     {liveObject("1", entry("them", "", "{}")), false},
		"it was made anew":          {liveObject("2", entry("us", "", "{}")), false},
		"it is gone":                {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			var objects []*metav1.PartialObjectMetadata
			if test.live != nil {
				objects = append(objects, project(test.live, []string{"us"}).(*metav1.PartialObjectMetadata))
			}
			r := &term{memory: newMemory(nil), Applier: &Applier{live: []live{{objects: krt.NewStaticCollection(nil, objects)}}}}
			if got := r.current(desired, object, last); got != test.current {
				t.Errorf("current is %v", got)
			}
			if test.live != nil && unchanged(before, test.live) != test.current {
				t.Error("the event is judged otherwise")
			}
		})
	}
	other := last
	other.body = "another"
	r := &term{memory: newMemory(nil), Applier: &Applier{live: []live{{objects: krt.NewStaticCollection(nil, []*metav1.PartialObjectMetadata{before})}}}}
	if r.current(desired, object, other) {
		t.Error("another body counts as applied")
	}
}

// TestTheWatchMayBeBehind checks that what was just applied isn't applied
// again because the watch doesn't show it yet, and is once it shows that it is
// gone.
func TestTheWatchMayBeBehind(t *testing.T) {
	at := place{objectKey{0, "gw"}, "default"}
	desired := Desired{NamespacedName: types.NamespacedName{Namespace: "default", Name: "gw"}, Controller: "us"}
	object := Applied{kind: 0, Name: "gw", Body: "body"}
	before, after := liveObject("1", entry("us", "", "{}")), liveObject("1", entry("us", "", `{"f:x":{}}`))
	before.ResourceVersion, after.ResourceVersion = "5", "6"
	last := record{body: "body", stamp: stamp(after, "us")}
	objects := krt.NewStaticCollection[*metav1.PartialObjectMetadata](nil, nil)
	r := &term{memory: newMemory(nil), Applier: &Applier{live: []live{{objects: objects}}}}
	is := func(what string, want bool) {
		t.Helper()
		if got := r.current(desired, object, last); got != want {
			t.Errorf("%s: current is %v", what, got)
		}
	}
	is("it was never there", false)
	r.memory.await(at, "")
	is("it isn't shown yet", true)
	objects.UpdateObject(after)
	r.memory.sighted(at)
	is("it is shown", true)
	objects.DeleteObject("default/gw")
	r.memory.sighted(at)
	is("it is gone", false)

	objects.UpdateObject(before)
	is("it is as before", false)
	r.memory.await(at, "5")
	is("the change isn't shown yet", true)
	other := liveObject("1", entry("us", "", `{"f:y":{}}`))
	other.ResourceVersion = "7"
	objects.UpdateObject(other)
	is("somebody else was quicker", false)
}
