package status

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"agentgateway.dev/controller/pkg/conditions"
	"agentgateway.dev/controller/pkg/gateways"
)

// The condition types that are ours. Conditions of other types are somebody
// else's and stay.
var (
	classConditions   = []string{string(gwv1.GatewayClassConditionStatusAccepted)}
	gatewayConditions = []string{
		string(gwv1.GatewayConditionAccepted), string(gwv1.GatewayConditionProgrammed),
		string(gwv1.GatewayConditionResolvedRefs), string(gwv1.GatewayConditionInsecureFrontendValidationMode),
	}
	listenerConditions = []string{
		string(gwv1.ListenerConditionAccepted), string(gwv1.ListenerConditionConflicted),
		string(gwv1.ListenerConditionProgrammed), string(gwv1.ListenerConditionResolvedRefs),
	}
	listenerSetConditions = []string{string(gwv1.ListenerSetConditionAccepted), string(gwv1.ListenerSetConditionProgrammed)}
	routeConditions       = []string{
		string(gwv1.RouteConditionAccepted), string(gwv1.RouteConditionResolvedRefs), string(gwv1.RouteConditionPartiallyInvalid),
	}
)

// maxParents is the length of status.parents that the API server accepts.
const maxParents = 32

// mergeClass sets the conditions of a class, and the features of the managed
// one.
func mergeClass(live *gwv1.GatewayClass, desired gateways.Class, now metav1.Time) (*gwv1.GatewayClass, bool) {
	status := gwv1.GatewayClassStatus{
		Conditions:        conditions.Merge(live.Status.Conditions, desired.Conditions(), classConditions, now),
		SupportedFeatures: live.Status.SupportedFeatures,
	}
	if desired.Managed {
		status.SupportedFeatures = make([]gwv1.SupportedFeature, 0, len(gateways.Features))
		for _, name := range gateways.Features {
			status.SupportedFeatures = append(status.SupportedFeatures, gwv1.SupportedFeature{Name: gwv1.FeatureName(name)})
		}
	}
	if sameConditions(live.Status.Conditions, status.Conditions) && slices.Equal(live.Status.SupportedFeatures, status.SupportedFeatures) {
		return nil, false
	}
	return &gwv1.GatewayClass{ObjectMeta: identity(live), Status: status}, true
}

// mergeGateway sets conditions, listeners and the number of ListenerSets, and
// the addresses once they are known. What else there is stays as it is.
func mergeGateway(live *gwv1.Gateway, desired gateways.Status, now metav1.Time) (*gwv1.Gateway, bool) {
	status := live.Status
	status.Conditions = conditions.Merge(live.Status.Conditions, desired.Conditions, gatewayConditions, now)
	status.Listeners = mergeListeners(live.Status.Listeners, desired.Listeners, now)
	status.AttachedListenerSets = &desired.AttachedListenerSets
	// Older versions of the API drop the number: its absence alone is no reason
	// to write a zero again and again.
	var attached int32
	if live.Status.AttachedListenerSets != nil {
		attached = *live.Status.AttachedListenerSets
	}
	if desired.Provisioned {
		status.Addresses = desired.Addresses
	}
	if sameConditions(live.Status.Conditions, status.Conditions) && slices.EqualFunc(live.Status.Listeners, status.Listeners, sameListener) &&
		attached == desired.AttachedListenerSets && slices.EqualFunc(live.Status.Addresses, status.Addresses, gateways.EqualAddress) {
		return nil, false
	}
	return &gwv1.Gateway{ObjectMeta: identity(live), Status: status}, true
}

// mergeListenerSet sets conditions and listeners.
func mergeListenerSet(live *gwv1.ListenerSet, desired gateways.Status, now metav1.Time) (*gwv1.ListenerSet, bool) {
	before := make([]gwv1.ListenerStatus, 0, len(live.Status.Listeners))
	for _, listener := range live.Status.Listeners {
		before = append(before, gwv1.ListenerStatus(listener))
	}
	merged := mergeListeners(before, desired.Listeners, now)
	status := gwv1.ListenerSetStatus{Conditions: conditions.Merge(live.Status.Conditions, desired.Conditions, listenerSetConditions, now)}
	for _, listener := range merged {
		status.Listeners = append(status.Listeners, gwv1.ListenerEntryStatus(listener))
	}
	if sameConditions(live.Status.Conditions, status.Conditions) && slices.EqualFunc(before, merged, sameListener) {
		return nil, false
	}
	return &gwv1.ListenerSet{ObjectMeta: identity(live), Status: status}, true
}

// mergeListeners returns desired with the conditions of others and the
// transition times that live has. Listeners that aren't desired are dropped.
func mergeListeners(live, desired []gwv1.ListenerStatus, now metav1.Time) []gwv1.ListenerStatus {
	merged := make([]gwv1.ListenerStatus, 0, len(desired))
	for _, listener := range desired {
		var before []metav1.Condition
		for _, old := range live {
			if old.Name == listener.Name {
				before = old.Conditions
			}
		}
		listener.Conditions = conditions.Merge(before, listener.Conditions, listenerConditions, now)
		if listener.SupportedKinds == nil {
			listener.SupportedKinds = []gwv1.RouteGroupKind{}
		}
		merged = append(merged, listener)
	}
	return merged
}

// mergeParents returns status.parents of a route: the entries of other
// controllers as they are and where they are, then desired. An entry is ours
// when it carries one of our controllerNames, so that changing from one to the
// other leaves nothing behind.
func mergeParents(live, desired []gwv1.RouteParentStatus, controllers []string, namespace string, now metav1.Time) (merged []gwv1.RouteParentStatus, differs bool) {
	merged = make([]gwv1.RouteParentStatus, 0, len(live)+len(desired))
	ours := make([]gwv1.RouteParentStatus, 0, len(desired))
	for _, entry := range live {
		if slices.Contains(controllers, string(entry.ControllerName)) {
			ours = append(ours, entry)
		} else {
			merged = append(merged, entry)
		}
	}
	for _, entry := range desired {
		if len(merged) >= maxParents {
			break
		}
		var before []metav1.Condition
		for _, old := range ours {
			if parentOf(old, namespace) == parentOf(entry, namespace) {
				before = old.Conditions
			}
		}
		entry.Conditions = conditions.Merge(before, entry.Conditions, routeConditions, now)
		merged = append(merged, entry)
	}
	return merged, !slices.EqualFunc(live, merged, func(a, b gwv1.RouteParentStatus) bool {
		return a.ControllerName == b.ControllerName && parentOf(a, namespace) == parentOf(b, namespace) && sameConditions(a.Conditions, b.Conditions)
	})
}

// parent is a parentRef with its defaults filled in.
type parent struct {
	group, kind, namespace, name, section string
	port                                  int32
}

func parentOf(entry gwv1.RouteParentStatus, namespace string) parent {
	p := parent{group: gwv1.GroupName, kind: "Gateway", namespace: namespace, name: string(entry.ParentRef.Name)}
	if ref := entry.ParentRef.Group; ref != nil {
		p.group = string(*ref)
	}
	if ref := entry.ParentRef.Kind; ref != nil {
		p.kind = string(*ref)
	}
	if ref := entry.ParentRef.Namespace; ref != nil {
		p.namespace = string(*ref)
	}
	if ref := entry.ParentRef.SectionName; ref != nil {
		p.section = string(*ref)
	}
	if ref := entry.ParentRef.Port; ref != nil {
		p.port = int32(*ref)
	}
	return p
}

func sameListener(a, b gwv1.ListenerStatus) bool {
	return a.Name == b.Name && a.AttachedRoutes == b.AttachedRoutes && sameConditions(a.Conditions, b.Conditions) &&
		slices.EqualFunc(a.SupportedKinds, b.SupportedKinds, func(x, y gwv1.RouteGroupKind) bool {
			return x.Kind == y.Kind && groupOf(x) == groupOf(y)
		})
}

// groupOf returns the group of a kind with its default filled in.
func groupOf(kind gwv1.RouteGroupKind) string {
	if kind.Group == nil {
		return gwv1.GroupName
	}
	return string(*kind.Group)
}

// sameConditions compares without transition times, and without order:
// another controller that adds its own condition must not start a fight about
// where it stands.
func sameConditions(a, b []metav1.Condition) bool {
	byType := func(list []metav1.Condition) []metav1.Condition {
		sorted := slices.Clone(list)
		slices.SortStableFunc(sorted, func(x, y metav1.Condition) int { return strings.Compare(x.Type, y.Type) })
		return sorted
	}
	return conditions.Equal(byType(a), byType(b))
}
