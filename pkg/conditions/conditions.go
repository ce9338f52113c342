// Package conditions builds and compares status conditions. Translators leave
// LastTransitionTime zero: it belongs to the writer, who alone knows what was
// there before.
package conditions

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxMessage is the length that the API server accepts in a condition's
// message, in bytes of UTF-8 here, which is never more lenient.
const maxMessage = 32768

// True returns a condition with status True.
func True(conditionType, reason, message string, generation int64) metav1.Condition {
	return condition(conditionType, metav1.ConditionTrue, reason, message, generation)
}

// False returns a condition with status False.
func False(conditionType, reason, message string, generation int64) metav1.Condition {
	return condition(conditionType, metav1.ConditionFalse, reason, message, generation)
}

func condition(conditionType string, status metav1.ConditionStatus, reason, message string, generation int64) metav1.Condition {
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage-len(ellipsis)], "") + ellipsis
	}
	return metav1.Condition{Type: conditionType, Status: status, Reason: reason, Message: message, ObservedGeneration: generation}
}

const ellipsis = "…"

// Equal compares two lists in order, without transition times.
func Equal(a, b []metav1.Condition) bool {
	return slices.EqualFunc(a, b, func(x, y metav1.Condition) bool {
		x.LastTransitionTime, y.LastTransitionTime = metav1.Time{}, metav1.Time{}
		return x == y
	})
}

// Sort orders conditions by type, the order in which they are written.
func Sort(list []metav1.Condition) {
	slices.SortFunc(list, func(a, b metav1.Condition) int { return strings.Compare(a.Type, b.Type) })
}

// Merge returns live with desired put over it: conditions of types in owned
// are replaced by those in desired or removed, others stay as they are. A
// condition whose status stays the same keeps its transition time, any other
// gets now.
func Merge(live, desired []metav1.Condition, owned []string, now metav1.Time) []metav1.Condition {
	var merged []metav1.Condition
	for _, condition := range live {
		if !slices.Contains(owned, condition.Type) && !has(desired, condition.Type) {
			merged = append(merged, condition)
		}
	}
	for _, condition := range desired {
		condition.LastTransitionTime = now
		for _, before := range live {
			if before.Type == condition.Type && before.Status == condition.Status {
				condition.LastTransitionTime = before.LastTransitionTime
			}
		}
		merged = append(merged, condition)
	}
	Sort(merged)
	return merged
}

func has(list []metav1.Condition, conditionType string) bool {
	return slices.ContainsFunc(list, func(c metav1.Condition) bool { return c.Type == conditionType })
}
