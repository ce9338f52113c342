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

// Status is the desired status of a Gateway or ListenerSet of ours, without
// transition times.
type Status struct {
	types.NamespacedName
	Conditions []metav1.Condition
	Listeners  []gwv1.ListenerStatus
	// AttachedListenerSets is the number of ListenerSets with a listener that
	// works; ListenerSets have none themselves.
	AttachedListenerSets int32
	// Provisioned tells that Addresses are known; else those that are there stay.
	Provisioned bool
	Addresses   []gwv1.GatewayStatusAddress
}

// ResourceName is the key "<namespace>/<name>".
func (s Status) ResourceName() string { return s.String() }

// Equals compares everything.
func (s Status) Equals(other Status) bool {
	return s.NamespacedName == other.NamespacedName && conditions.Equal(s.Conditions, other.Conditions) &&
		slices.EqualFunc(s.Listeners, other.Listeners, equalListenerStatus) && s.AttachedListenerSets == other.AttachedListenerSets &&
		s.Provisioned == other.Provisioned && slices.EqualFunc(s.Addresses, other.Addresses, EqualAddress)
}

// EqualAddress compares type and value.
func EqualAddress(a, b gwv1.GatewayStatusAddress) bool {
	return a.Value == b.Value && (a.Type == nil) == (b.Type == nil) && (a.Type == nil || *a.Type == *b.Type)
}

// NewStatuses adds the numbers of attached routes and ListenerSets to what is
// known of each Gateway. A route that comes or goes costs the listeners of its
// Gateways, not the routes on them.
func NewStatuses(gateways krt.Collection[Gateway], sets krt.Collection[ListenerSet], attached krt.Collection[krtx.Count], opts krt.OptionsBuilder) krt.Collection[Status] {
	accepted := krtx.NewCount(sets, func(set ListenerSet) []string {
		if !set.Accepted {
			return nil
		}
		return []string{set.Gateway.String()}
	}, opts, "gateways/AttachedListenerSets")
	return krt.NewCollection(gateways, func(ctx krt.HandlerContext, gateway Gateway) *Status {
		status := &Status{
			NamespacedName: gateway.NamespacedName,
			Conditions:     gateway.conditions,
			Listeners:      counted(ctx, attached, gateway.NamespacedName, gateway.Listeners, gateway.listeners),
		}
		if count := krt.FetchOne(ctx, accepted, krt.FilterKey(gateway.ResourceName())); count != nil {
			status.AttachedListenerSets = int32(count.N)
		}
		return status
	}, opts.WithName("gateways/Statuses")...)
}

// NewListenerSetStatuses does for ListenerSets what NewStatuses does for
// Gateways.
func NewListenerSetStatuses(sets krt.Collection[ListenerSet], attached krt.Collection[krtx.Count], opts krt.OptionsBuilder) krt.Collection[Status] {
	return krt.NewCollection(sets, func(ctx krt.HandlerContext, set ListenerSet) *Status {
		if set.pending {
			return nil
		}
		return &Status{
			NamespacedName: set.NamespacedName,
			Conditions:     set.conditions,
			Listeners:      counted(ctx, attached, set.Gateway, set.Listeners, set.listeners),
		}
	}, opts.WithName("gateways/ListenerSetStatuses")...)
}

// counted adds the numbers of attached routes to statuses, which are those of
// listeners in the same order.
func counted(ctx krt.HandlerContext, attached krt.Collection[krtx.Count], gateway types.NamespacedName, listeners []Listener, statuses []gwv1.ListenerStatus) []gwv1.ListenerStatus {
	keys := make([]string, 0, len(listeners))
	for _, listener := range listeners {
		keys = append(keys, AttachmentKey(gateway, listener.Key))
	}
	numbers := map[string]int{}
	// Without keys the fetch would mean everything. The filter sorts the keys
	// that it is given in place, hence the copy.
	if len(keys) > 0 {
		for _, count := range krt.Fetch(ctx, attached, krt.FilterKeys(slices.Clone(keys)...)) {
			numbers[count.Key] = count.N
		}
	}
	var out []gwv1.ListenerStatus
	for i, status := range statuses {
		status.AttachedRoutes = int32(numbers[keys[i]])
		out = append(out, status)
	}
	return out
}

func equalListenerStatus(a, b gwv1.ListenerStatus) bool {
	return a.Name == b.Name && a.AttachedRoutes == b.AttachedRoutes && conditions.Equal(a.Conditions, b.Conditions) &&
		slices.EqualFunc(a.SupportedKinds, b.SupportedKinds, equalKind)
}

func equalKind(a, b gwv1.RouteGroupKind) bool {
	return a.Kind == b.Kind && (a.Group == nil) == (b.Group == nil) && (a.Group == nil || *a.Group == *b.Group)
}
