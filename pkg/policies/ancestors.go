package policies

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"agentgateway.dev/controller/pkg/conditions"
	"agentgateway.dev/controller/pkg/references"
)

// MaxAncestors is the length of status.ancestors that the API server accepts,
// over all controllers.
const MaxAncestors = 16

// Status is the desired status of a policy of any kind, without transition
// times.
type Status struct {
	Kind string
	types.NamespacedName
	// Ancestors are our entries of status.ancestors, all of them, sorted. It is
	// empty, not absent, for a policy that concerns no Gateway of ours.
	Ancestors []gwv1.PolicyAncestorStatus
}

// ResourceName is the key "<kind>/<namespace>/<name>".
func (s Status) ResourceName() string { return s.Kind + "/" + s.Namespace + "/" + s.Name }

// Equals compares everything. Ancestors are always Gateways with their
// namespace, so that these two names tell them apart.
func (s Status) Equals(other Status) bool {
	return s.Kind == other.Kind && s.NamespacedName == other.NamespacedName &&
		slices.EqualFunc(s.Ancestors, other.Ancestors, func(a, b gwv1.PolicyAncestorStatus) bool {
			return gatewayOf(a) == gatewayOf(b) && a.ControllerName == b.ControllerName && conditions.Equal(a.Conditions, b.Conditions)
		})
}

// ancestor returns the entry for a Gateway. It becomes the owner of list.
func ancestor(gateway types.NamespacedName, controller string, list []metav1.Condition) gwv1.PolicyAncestorStatus {
	conditions.Sort(list)
	return gwv1.PolicyAncestorStatus{
		AncestorRef: gwv1.ParentReference{
			Group:     new(gwv1.Group(gwv1.GroupName)),
			Kind:      new(gwv1.Kind("Gateway")),
			Namespace: new(gwv1.Namespace(gateway.Namespace)),
			Name:      gwv1.ObjectName(gateway.Name),
		},
		ControllerName: gwv1.GatewayController(controller),
		Conditions:     list,
	}
}

func gatewayOf(entry gwv1.PolicyAncestorStatus) types.NamespacedName {
	gateway := types.NamespacedName{Name: string(entry.AncestorRef.Name)}
	if entry.AncestorRef.Namespace != nil {
		gateway.Namespace = string(*entry.AncestorRef.Namespace)
	}
	return gateway
}

func compareNames(a, b types.NamespacedName) int {
	return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
}

const (
	// summaryName names the entry that stands for those that don't fit.
	summaryName = "StatusSummary"
	// ConditionStatusSummarized is the type of that entry's condition.
	ConditionStatusSummarized = "StatusSummarized"
)

// FitAncestors cuts ancestors to room entries. When not all fit, the last one
// that does is a summary which says how many are missing. Where there is no
// room at all, nothing is said.
func FitAncestors(ancestors []gwv1.PolicyAncestorStatus, room int) []gwv1.PolicyAncestorStatus {
	if len(ancestors) <= room {
		return ancestors
	}
	if room <= 0 {
		return nil
	}
	kept := room - 1
	fitting := slices.Clone(ancestors[:kept])
	message := fmt.Sprintf("%d AncestorRefs ignored due to max status size", len(ancestors)-kept)
	var generation int64
	if first := ancestors[0].Conditions; len(first) > 0 {
		generation = first[0].ObservedGeneration
	}
	return append(fitting, gwv1.PolicyAncestorStatus{
		AncestorRef:    gwv1.ParentReference{Group: new(gwv1.Group(references.AgentgatewayGroup)), Name: summaryName},
		ControllerName: ancestors[0].ControllerName,
		Conditions:     []metav1.Condition{conditions.True(ConditionStatusSummarized, summaryName, message, generation)},
	})
}
