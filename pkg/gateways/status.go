package gateways

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/conditions"
	"agentgateway.dev/controller/pkg/krtx"
)

// Status is the desired status of a Gateway of ours, without transition times.
type Status struct {
	types.NamespacedName
	Conditions []metav1.Condition
	Listeners  []gwv1.ListenerStatus
	// Provisioned tells that Addresses are known; else those that are there stay.
	Provisioned bool
	Addresses   []gwv1.GatewayStatusAddress
}

// ResourceName is the key "<namespace>/<name>".
func (s Status) ResourceName() string { return s.String() }

// Equals compares everything.
func (s Status) Equals(other Status) bool {
	return s.NamespacedName == other.NamespacedName && conditions.Equal(s.Conditions, other.Conditions) &&
		slices.EqualFunc(s.Listeners, other.Listeners, equalListenerStatus) &&
		s.Provisioned == other.Provisioned && slices.EqualFunc(s.Addresses, other.Addresses, EqualAddress)
}

// EqualAddress compares type and value.
func EqualAddress(a, b gwv1.GatewayStatusAddress) bool {
	return a.Value == b.Value && (a.Type == nil) == (b.Type == nil) && (a.Type == nil || *a.Type == *b.Type)
}

// NewStatuses adds the numbers of attached routes to what is known of each
// Gateway. A route that comes or goes costs the listeners of its Gateways, not
// the routes on them.
func NewStatuses(gateways krt.Collection[Gateway], attached krt.Collection[krtx.Count], opts krt.OptionsBuilder) krt.Collection[Status] {
	return krt.NewCollection(gateways, func(ctx krt.HandlerContext, gateway Gateway) *Status {
		status := &Status{NamespacedName: gateway.NamespacedName, Conditions: gateway.conditions}
		keys := make([]string, 0, len(gateway.Listeners))
		for _, listener := range gateway.Listeners {
			keys = append(keys, AttachmentKey(gateway.NamespacedName, listener.Key))
		}
		numbers := map[string]int{}
		// Without keys the fetch would mean everything. The filter sorts the keys
		// that it is given in place, hence the copy.
		if len(keys) > 0 {
			for _, count := range krt.Fetch(ctx, attached, krt.FilterKeys(slices.Clone(keys)...)) {
				numbers[count.Key] = count.N
			}
		}
		for i, listener := range gateway.listeners {
			listener.AttachedRoutes = int32(numbers[keys[i]])
			status.Listeners = append(status.Listeners, listener)
		}
		return status
	}, opts.WithName("gateways/Statuses")...)
}

func equalListenerStatus(a, b gwv1.ListenerStatus) bool {
	return a.Name == b.Name && a.AttachedRoutes == b.AttachedRoutes && conditions.Equal(a.Conditions, b.Conditions) &&
		slices.EqualFunc(a.SupportedKinds, b.SupportedKinds, func(x, y gwv1.RouteGroupKind) bool {
			return x.Kind == y.Kind && (x.Group == nil) == (y.Group == nil) && (x.Group == nil || *x.Group == *y.Group)
		})
}
