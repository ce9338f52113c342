package status

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// BenchmarkCompareRoute is the comparison of a route's status with what is
// desired: without a difference, which is what most events end in, and with a
// new generation.
func BenchmarkCompareRoute(b *testing.B) {
	const controller = "example.com/controller"
	entry := func(generation int64) []gwv1.RouteParentStatus {
		conditions := make([]metav1.Condition, 0, 2)
		for _, kind := range []gwv1.RouteConditionType{gwv1.RouteConditionAccepted, gwv1.RouteConditionResolvedRefs} {
			conditions = append(conditions, metav1.Condition{
				Type: string(kind), Status: metav1.ConditionTrue, ObservedGeneration: generation, Reason: string(kind),
				LastTransitionTime: metav1.NewTime(time.Unix(0, 0)),
			})
		}
		return []gwv1.RouteParentStatus{{ParentRef: gwv1.ParentReference{Name: "gw"}, ControllerName: controller, Conditions: conditions}}
	}
	for _, test := range []struct {
		name    string
		desired []gwv1.RouteParentStatus
		differs bool
	}{{"same", entry(1), false}, {"new generation", entry(2), true}} {
		b.Run(test.name, func(b *testing.B) {
			live, now := entry(1), metav1.Now()
			b.ReportAllocs()
			for b.Loop() {
				if _, differs := mergeParents(live, test.desired, []string{controller}, "ns", now); differs != test.differs {
					b.Fatal("the comparison is wrong")
				}
			}
		})
	}
}
