package status

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"agentgateway.dev/controller/pkg/conditions"
	"agentgateway.dev/controller/pkg/policies"
)

// ancestorEntry is an entry for a Gateway, as it is desired and as the API
// server stores it.
func ancestorEntry(controller, name string, list ...metav1.Condition) gwv1.PolicyAncestorStatus {
	return gwv1.PolicyAncestorStatus{
		AncestorRef: gwv1.ParentReference{
			Group: new(gwv1.Group(gwv1.GroupName)), Kind: new(gwv1.Kind("Gateway")), Namespace: new(gwv1.Namespace("default")), Name: gwv1.ObjectName(name),
		},
		ControllerName: gwv1.GatewayController(controller),
		Conditions:     list,
	}
}

func TestMergeAncestors(t *testing.T) {
	const other = "example.com/other"
	accepted := conditions.True("Accepted", "Accepted", "", 1)
	refused := conditions.False("Accepted", "Conflicted", "no", 1)
	audited := conditions.True("example.com/Audited", "Yes", "", 1)
	foreign := ancestorEntry(other, "gw", at(before, refused))
	short := ancestorEntry(ours[0], "gw", at(before, accepted))
	short.AncestorRef = gwv1.ParentReference{Name: "gw"}
	type list = []gwv1.PolicyAncestorStatus

	for _, test := range []struct {
		name                string
		live, desired, want list
		same                bool
	}{
		{
			name:    "a new policy",
			desired: list{ancestorEntry(ours[0], "gw", accepted)},
			want:    list{ancestorEntry(ours[0], "gw", at(now, accepted))},
		},
		{
			name: "nothing of ours and nothing of others is an empty list",
			want: list{}, same: true,
		},
		{
			name:    "nothing to do",
			live:    list{ancestorEntry(ours[0], "gw", at(before, accepted))},
			desired: list{ancestorEntry(ours[0], "gw", accepted)},
			want:    list{ancestorEntry(ours[0], "gw", at(before, accepted))}, same: true,
		},
		{
			name:    "nothing to do with defaults left out",
			live:    list{short},
			desired: list{ancestorEntry(ours[0], "gw", accepted)},
			want:    list{ancestorEntry(ours[0], "gw", at(before, accepted))}, same: true,
		},
		{
			name:    "a status that changes has a new transition time",
			live:    list{ancestorEntry(ours[0], "gw", at(before, accepted))},
			desired: list{ancestorEntry(ours[0], "gw", refused)},
			want:    list{ancestorEntry(ours[0], "gw", at(now, refused))},
		},
		{
			name:    "others stay untouched and first, with the same Gateway too",
			live:    list{ancestorEntry(ours[0], "old", at(before, accepted)), foreign, ancestorEntry(other, "gw2")},
			desired: list{ancestorEntry(ours[0], "gw", accepted)},
			want:    list{foreign, ancestorEntry(other, "gw2"), ancestorEntry(ours[0], "gw", at(now, accepted))},
		},
		{
			name: "a policy that no Gateway of ours uses loses our entries",
			live: list{ancestorEntry(ours[0], "gw", at(before, accepted)), foreign},
			want: list{foreign},
		},
		{
			name:    "the other name of ours is replaced",
			live:    list{ancestorEntry(ours[1], "gw", at(before, accepted))},
			desired: list{ancestorEntry(ours[0], "gw", accepted)},
			want:    list{ancestorEntry(ours[0], "gw", at(before, accepted))},
		},
		{
			name:    "a condition that others added to our entry stays",
			live:    list{ancestorEntry(ours[0], "gw", at(before, accepted), at(before, audited))},
			desired: list{ancestorEntry(ours[0], "gw", accepted)},
			want:    list{ancestorEntry(ours[0], "gw", at(before, accepted), at(before, audited))}, same: true,
		},
		{
			name:    "a condition of ours that is no longer desired goes",
			live:    list{ancestorEntry(ours[0], "gw", at(before, accepted), conditions.True("ResolvedRefs", "ResolvedRefs", "", 1))},
			desired: list{ancestorEntry(ours[0], "gw", accepted)},
			want:    list{ancestorEntry(ours[0], "gw", at(before, accepted))},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, differs := mergeAncestors(test.live, test.desired, ours, "default", now)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("ancestors (-want +got):\n%s", diff)
			}
			if differs == test.same {
				t.Errorf("differs is %v", differs)
			}
			if again, differs := mergeAncestors(got, test.desired, ours, "default", metav1.Now()); differs || cmp.Diff(got, again) != "" {
				t.Error("merging again is not the end of it")
			}
		})
	}
}

// TestMergeAncestorsKeepsTheLimit counts what is left of ours beside the
// entries of others, and what the summary says of the rest.
func TestMergeAncestorsKeepsTheLimit(t *testing.T) {
	for _, test := range []struct {
		others, ours int
		// kept is how many of ours are left, beside the summary.
		kept    int
		summary string
	}{
		{others: 0, ours: 16, kept: 16},
		{others: 0, ours: 17, kept: 15, summary: "2 AncestorRefs ignored due to max status size"},
		{others: 0, ours: 20, kept: 15, summary: "5 AncestorRefs ignored due to max status size"},
		{others: 10, ours: 6, kept: 6},
		{others: 10, ours: 10, kept: 5, summary: "5 AncestorRefs ignored due to max status size"},
		{others: 15, ours: 1, kept: 1},
		{others: 15, ours: 3, kept: 0, summary: "3 AncestorRefs ignored due to max status size"},
		{others: 16, ours: 3, kept: 0},
	} {
		t.Run(fmt.Sprintf("%d of others and %d of ours", test.others, test.ours), func(t *testing.T) {
			var live, desired []gwv1.PolicyAncestorStatus
			for i := range test.others {
				live = append(live, ancestorEntry("example.com/other", fmt.Sprintf("theirs%02d", i)))
			}
			for i := range test.ours {
				desired = append(desired, ancestorEntry(ours[0], fmt.Sprintf("ours%02d", i), conditions.True("Accepted", "Accepted", "", 4)))
			}
			got, _ := mergeAncestors(live, desired, ours, "default", now)
			if len(got) > policies.MaxAncestors {
				t.Fatalf("%d entries, more than the API server accepts", len(got))
			}
			if diff := cmp.Diff(live, got[:test.others:test.others]); test.others > 0 && diff != "" {
				t.Errorf("entries of others (-want +got):\n%s", diff)
			}
			rest := got[test.others:]
			for i := range test.kept {
				if want := fmt.Sprintf("ours%02d", i); string(rest[i].AncestorRef.Name) != want {
					t.Errorf("entry %d is of %s, want %s", i, rest[i].AncestorRef.Name, want)
				}
			}
			rest = rest[test.kept:]
			if test.summary == "" {
				if len(rest) > 0 {
					t.Errorf("unexpected entries %+v", rest)
				}
			} else {
				want := []gwv1.PolicyAncestorStatus{{
					AncestorRef:    gwv1.ParentReference{Group: new(gwv1.Group("agentgateway.dev")), Name: "StatusSummary"},
					ControllerName: gwv1.GatewayController(ours[0]),
					Conditions:     []metav1.Condition{at(now, conditions.True("StatusSummarized", "StatusSummary", test.summary, 4))},
				}}
				if diff := cmp.Diff(want, rest); diff != "" {
					t.Errorf("summary (-want +got):\n%s", diff)
				}
				// This is how the API server stores it.
				rest[0].AncestorRef.Kind = new(gwv1.Kind("Gateway"))
			}
			if _, differs := mergeAncestors(got, desired, ours, "default", metav1.Now()); differs {
				t.Error("a list that doesn't fit is written again and again")
			}
		})
	}
}
