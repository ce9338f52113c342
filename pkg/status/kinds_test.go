package status

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayfake "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned/fake"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/conditions"
	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/policies"
)

// TestBackendTLSPolicyIsWritten takes a policy through its registration: from
// the desired ancestors to the object that the API server is given.
func TestBackendTLSPolicyIsWritten(t *testing.T) {
	opts := krt.NewOptionsBuilder(t.Context().Done(), "", nil)
	accepted := conditions.True("Accepted", "Accepted", "", 1)
	theirs := ancestorEntry("example.com/other", "gw", at(before, accepted))
	live := &gwv1.BackendTLSPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "u"},
		Status:     gwv1.PolicyStatus{Ancestors: []gwv1.PolicyAncestorStatus{theirs}},
	}
	client := gatewayfake.NewSimpleClientset(live.DeepCopy())
	in := inputs.FromObjects(nil, opts)
	in.Statuses.BackendTLSPolicies = krt.NewStaticCollection(nil, []*gwv1.BackendTLSPolicy{live}, opts.WithName("live")...)
	desired := policies.Status{
		Kind: "BackendTLSPolicy", NamespacedName: types.NamespacedName{Namespace: "default", Name: "web"},
		Ancestors: []gwv1.PolicyAncestorStatus{ancestorEntry(ours[0], "gw", accepted)},
	}
	kinds := Kinds(in, Desired{
		BackendTLSPolicies: krt.NewStaticCollection(nil, []policies.Status{desired}, opts.WithName("desired")...),
	}, client, ours)
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.name == "BackendTLSPolicy" })
	if i < 0 {
		t.Fatal("the kind isn't registered")
	}
	outcome := kinds[i].compare("default/web", now)
	if outcome.write == nil {
		t.Fatal("there is nothing to write")
	}
	if _, err := outcome.write(t.Context()); err != nil {
		t.Fatal(err)
	}
	stored, err := client.GatewayV1().BackendTLSPolicies("default").Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := []gwv1.PolicyAncestorStatus{theirs, ancestorEntry(ours[0], "gw", at(now, accepted))}
	if diff := cmp.Diff(want, stored.Status.Ancestors); diff != "" {
		t.Errorf("stored ancestors (-want +got):\n%s", diff)
	}
}
