package status

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"agentgateway.dev/controller/pkg/conditions"
	"agentgateway.dev/controller/pkg/policies"
)

// policyConditions are the condition types that are ours in an ancestor of a
// policy.
var policyConditions = []string{
	string(gwv1.PolicyConditionAccepted), string(gwv1.BackendTLSPolicyConditionResolvedRefs), policies.ConditionStatusSummarized,
}

// mergeAncestors returns status.ancestors of a policy: the entries of other
// controllers as they are and where they are, then as many of desired as fit.
// An entry is ours when it carries one of our controllerNames.
func mergeAncestors(live, desired []gwv1.PolicyAncestorStatus, controllers []string, namespace string, now metav1.Time) (merged []gwv1.PolicyAncestorStatus, differs bool) {
	merged = make([]gwv1.PolicyAncestorStatus, 0, policies.MaxAncestors)
	before := map[parent][]metav1.Condition{}
	for _, entry := range live {
		if slices.Contains(controllers, string(entry.ControllerName)) {
			before[refOf(entry.AncestorRef, namespace)] = entry.Conditions
		} else {
			merged = append(merged, entry)
		}
	}
	for _, entry := range policies.FitAncestors(desired, policies.MaxAncestors-len(merged)) {
		entry.Conditions = conditions.Merge(before[refOf(entry.AncestorRef, namespace)], entry.Conditions, policyConditions, now)
		merged = append(merged, entry)
	}
	return merged, !slices.EqualFunc(live, merged, func(a, b gwv1.PolicyAncestorStatus) bool {
		return a.ControllerName == b.ControllerName && refOf(a.AncestorRef, namespace) == refOf(b.AncestorRef, namespace) &&
			sameConditions(a.Conditions, b.Conditions)
	})
}

// refOf is parentOf for the reference of an ancestor. The API server fills in
// the kind of the summary's as well, which no comparison may take for a
// difference.
func refOf(ref gwv1.ParentReference, namespace string) parent {
	return parentOf(gwv1.RouteParentStatus{ParentRef: ref}, namespace)
}
