package status

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	inferencev1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"
	inferenceclient "sigs.k8s.io/gateway-api-inference-extension/client-go/clientset/versioned"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/backends"
	"agentgateway.dev/controller/pkg/conditions"
	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/references"
)

// poolConditions are the condition types that are ours in a parent of a pool.
var poolConditions = []string{string(inferencev1.InferencePoolConditionAccepted), string(inferencev1.InferencePoolConditionResolvedRefs)}

// InferencePools is the kind of InferencePools, for controllers that serve
// them. Entries that carry one of controllers are ours.
func InferencePools(in *inputs.Inputs, desired krt.Collection[backends.InferencePool], client inferenceclient.Interface, controllers []string) Kind {
	return Of(Registration[*inferencev1.InferencePool, backends.InferencePool]{
		Name: references.InferencePoolKind, Live: in.Statuses.InferencePools, Desired: desired,
		Merge: func(live *inferencev1.InferencePool, pool backends.InferencePool, now metav1.Time) (*inferencev1.InferencePool, bool) {
			parents, differs := mergePoolParents(live.Status.Parents, pool.Parents, controllers, live.Namespace, now)
			return &inferencev1.InferencePool{ObjectMeta: identity(live), Status: inferencev1.InferencePoolStatus{Parents: parents}}, differs
		},
		Update: func(ctx context.Context, pool *inferencev1.InferencePool) (string, error) {
			return put(ctx, client.InferenceV1().RESTClient(), "inferencepools", pool, client.InferenceV1().InferencePools(pool.Namespace).UpdateStatus)
		},
	})
}

// mergePoolParents is mergeParents for pools, whose references to parents are
// of another type.
func mergePoolParents(live, desired []inferencev1.ParentStatus, controllers []string, namespace string, now metav1.Time) (merged []inferencev1.ParentStatus, differs bool) {
	merged = make([]inferencev1.ParentStatus, 0, len(live)+len(desired))
	before := map[parent][]metav1.Condition{}
	for _, entry := range live {
		if slices.Contains(controllers, string(entry.ControllerName)) {
			before[poolParentOf(entry, namespace)] = entry.Conditions
		} else {
			merged = append(merged, entry)
		}
	}
	for _, entry := range desired {
		if len(merged) >= maxParents {
			break
		}
		entry.Conditions = conditions.Merge(before[poolParentOf(entry, namespace)], entry.Conditions, poolConditions, now)
		merged = append(merged, entry)
	}
	return merged, !slices.EqualFunc(live, merged, func(a, b inferencev1.ParentStatus) bool {
		return a.ControllerName == b.ControllerName && poolParentOf(a, namespace) == poolParentOf(b, namespace) && sameConditions(a.Conditions, b.Conditions)
	})
}

// poolParentOf fills the defaults of a pool's parentRef in.
func poolParentOf(entry inferencev1.ParentStatus, namespace string) parent {
	p := parent{group: gwv1.GroupName, kind: "Gateway", namespace: namespace, name: string(entry.ParentRef.Name)}
	if ref := entry.ParentRef.Group; ref != nil {
		p.group = string(*ref)
	}
	if ref := entry.ParentRef.Kind; ref != "" {
		p.kind = string(ref)
	}
	if ref := entry.ParentRef.Namespace; ref != "" {
		p.namespace = string(ref)
	}
	return p
}
