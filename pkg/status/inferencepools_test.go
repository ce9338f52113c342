package status

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	inferencev1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"
	inferencefake "sigs.k8s.io/gateway-api-inference-extension/client-go/clientset/versioned/fake"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/backends"
	"agentgateway.dev/controller/pkg/conditions"
	"agentgateway.dev/controller/pkg/inputs"
)

func poolEntry(controller, gateway string, list ...metav1.Condition) inferencev1.ParentStatus {
	return inferencev1.ParentStatus{
		ParentRef:      inferencev1.ParentReference{Name: inferencev1.ObjectName(gateway)},
		ControllerName: inferencev1.ControllerName(controller), Conditions: list,
	}
}

// TestInferencePoolIsWritten takes a pool from the desired parents to the
// object that the API server is given, and then finds nothing more to write.
func TestInferencePoolIsWritten(t *testing.T) {
	opts := krt.NewOptionsBuilder(t.Context().Done(), "", nil)
	accepted, resolved := conditions.True("Accepted", "Accepted", "", 2), conditions.True("ResolvedRefs", "ResolvedRefs", "", 2)
	theirs := poolEntry("example.com/other", "gw", at(before, accepted))
	nobodys := poolEntry("", "gw", at(before, accepted))
	extended := metav1.Condition{Type: "Exported", Status: metav1.ConditionFalse, Reason: "NotRequested", LastTransitionTime: before}
	live := &inferencev1.InferencePool{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "llama", UID: "u"},
		Status: inferencev1.InferencePoolStatus{Parents: []inferencev1.ParentStatus{
			poolEntry(ours[1], "gw", at(before, accepted), extended), theirs, poolEntry(ours[0], "gone", at(before, accepted)), nobodys,
		}},
	}
	client := inferencefake.NewSimpleClientset(live.DeepCopy())
	in := inputs.FromObjects(nil, opts)
	objects := krt.NewStaticCollection(nil, []*inferencev1.InferencePool{live}, opts.WithName("live")...)
	in.Statuses.InferencePools = objects
	desired := backends.InferencePool{
		NamespacedName: types.NamespacedName{Namespace: "default", Name: "llama"},
		Parents:        []inferencev1.ParentStatus{poolEntry(ours[0], "gw", accepted, resolved)},
	}
	kind := InferencePools(in, krt.NewStaticCollection(nil, []backends.InferencePool{desired}, opts.WithName("desired")...), client, ours)
	outcome := kind.compare("default/llama", now)
	if outcome.write == nil {
		t.Fatal("there is nothing to write")
	}
	if _, err := outcome.write(t.Context()); err != nil {
		t.Fatal(err)
	}
	stored, err := client.InferenceV1().InferencePools("default").Get(t.Context(), "llama", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := []inferencev1.ParentStatus{
		theirs, nobodys,
		poolEntry(ours[0], "gw", at(before, accepted), extended, at(now, resolved)),
	}
	if diff := cmp.Diff(want, stored.Status.Parents); diff != "" {
		t.Errorf("stored parents (-want +got):\n%s", diff)
	}
	objects.UpdateObject(stored)
	if kind.compare("default/llama", now).write != nil {
		t.Error("there is more to write")
	}
}
