package routes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/conditions"
	"agentgateway.dev/controller/pkg/gateways"
)

// maxParents is the limit of the API on status.parents.
const maxParents = 32

// attachment is one parentRef that names an object of ours.
type attachment struct {
	ref       gwv1.ParentReference
	parent    gateways.Parent
	listeners []gateways.Listener
	refusal   *refusal
}

// refusal is why a parentRef attaches to nothing.
type refusal struct {
	rank    int
	reason  gwv1.RouteConditionReason
	message string
}

// The more a listener has in common with what the route asked for, the more
// its refusal tells; the highest rank is reported.
const (
	// rankNone: the parent has no listener at all.
	rankNone = iota
	// rankParent: neither sectionName nor port fit.
	rankParent
	// rankPort: the port fits, but not the sectionName.
	rankPort
	// rankSection: the sectionName fits, but not the port.
	rankSection
	rankHostname
	rankNotAllowed
)

// tellsMore orders refusals. Among equals the text decides, and not the order
// of the listeners.
func (r *refusal) tellsMore(other *refusal) bool {
	return r.rank > other.rank || r.rank == other.rank && r.message < other.message
}

// attach evaluates every parentRef on its own. References to objects that
// aren't ours leave no trace.
func attach(ctx krt.HandlerContext, in Inputs, route source) []attachment {
	var attachments []attachment
	for _, ref := range route.parentRefs {
		ref = withDefaults(ref, route.meta.Namespace)
		if *ref.Group != gwv1.GroupName {
			continue
		}
		key := gateways.ParentKey(string(*ref.Kind), string(*ref.Namespace), string(ref.Name))
		parent := krt.FetchOne(ctx, in.Parents, krt.FilterKey(key))
		if parent == nil {
			continue
		}
		a := attachment{ref: ref, parent: *parent}
		a.refusal = &refusal{reason: gwv1.RouteReasonNoMatchingParent,
			message: fmt.Sprintf("%s %s/%s has no listener that routes can attach to", parent.Kind, parent.Namespace, parent.Name)}
		for _, listener := range parent.Listeners {
			if !listener.Served {
				continue
			}
			if refused := refuse(ctx, in, route, a, listener); refused != nil {
				if refused.tellsMore(a.refusal) {
					a.refusal = refused
				}
				continue
			}
			a.listeners = append(a.listeners, listener)
		}
		if len(a.listeners) > 0 {
			a.refusal = nil
		}
		attachments = append(attachments, a)
	}
	return attachments
}

// refuse returns why listener doesn't take the route, nil if it does. The
// order of the checks is that of the reasons that users need to see first.
func refuse(ctx krt.HandlerContext, in Inputs, route source, a attachment, listener gateways.Listener) *refusal {
	port := a.ref.Port == nil || int32(*a.ref.Port) == listener.Port
	section := a.ref.SectionName == nil || string(*a.ref.SectionName) == listener.Name
	switch {
	case !port && !section:
		return &refusal{rankParent, gwv1.RouteReasonNoMatchingParent, fmt.Sprintf("port %d not found", *a.ref.Port)}
	case !port:
		return &refusal{rankSection, gwv1.RouteReasonNoMatchingParent, fmt.Sprintf("port %d not found", *a.ref.Port)}
	case !section:
		return &refusal{rankPort, gwv1.RouteReasonNoMatchingParent, fmt.Sprintf("sectionName %q not found", *a.ref.SectionName)}
	case !anyIntersects(listener.Hostname, route.hostnames):
		return &refusal{rankHostname, gwv1.RouteReasonNoMatchingListenerHostname,
			fmt.Sprintf("no hostnames matched parent hostname %q", listener.Hostname)}
	case !namespaceAllowed(ctx, in, a.parent.Namespace, route.meta.Namespace, listener):
		return &refusal{rankNotAllowed, gwv1.RouteReasonNotAllowedByListeners,
			fmt.Sprintf("hostnames matched parent hostname %q, but namespace %q is not allowed by the parent", listener.Hostname, route.meta.Namespace)}
	case !slices.Contains(listener.Kinds, route.kind.name):
		return &refusal{rankNotAllowed, gwv1.RouteReasonNotAllowedByListeners,
			fmt.Sprintf("kind %s is not allowed by listener %q; it takes: %s", route.kind.name, listener.Name, cmp.Or(strings.Join(listener.Kinds, ", "), "nothing"))}
	default:
		return nil
	}
}

// namespaceAllowed looks the namespace's labels up only where a selector asks
// for them: elsewhere the route doesn't depend on its Namespace.
func namespaceAllowed(ctx krt.HandlerContext, in Inputs, own, namespace string, listener gateways.Listener) bool {
	var labels map[string]string
	if listener.Namespaces.From == gwv1.NamespacesFromSelector {
		if found := krt.FetchOne(ctx, in.Namespaces, krt.FilterKey(namespace)); found != nil {
			labels = found.Labels
		}
	}
	return listener.Namespaces.Matches(own, namespace, labels)
}

// withDefaults fills in group, kind and namespace of a parentRef.
func withDefaults(ref gwv1.ParentReference, namespace string) gwv1.ParentReference {
	if ref.Group == nil {
		ref.Group = new(gwv1.Group(gwv1.GroupName))
	}
	if ref.Kind == nil {
		ref.Kind = new(gwv1.Kind("Gateway"))
	}
	if ref.Namespace == nil {
		ref.Namespace = new(gwv1.Namespace(namespace))
	}
	return ref
}

// parentStatuses turns the attachments and what is known of the rules into our
// entries of status.parents.
func parentStatuses(attachments []attachment, generation int64, verdict verdict) []gwv1.RouteParentStatus {
	statuses := []gwv1.RouteParentStatus{}
	for _, a := range attachments {
		accepted := verdict.accepted(generation)
		if a.refusal != nil {
			accepted = conditions.False(string(gwv1.RouteConditionAccepted), string(a.refusal.reason), a.refusal.message, generation)
		}
		list := []metav1.Condition{accepted, verdict.resolvedRefs(generation)}
		if partially := verdict.partiallyInvalid(generation); partially != nil && a.refusal == nil {
			list = append(list, *partially)
		}
		conditions.Sort(list)
		statuses = append(statuses, gwv1.RouteParentStatus{
			ParentRef:      a.ref,
			ControllerName: gwv1.GatewayController(a.parent.Controller),
			Conditions:     list,
		})
	}
	slices.SortStableFunc(statuses, func(a, b gwv1.RouteParentStatus) int {
		return comparableRef(a.ParentRef).compare(comparableRef(b.ParentRef))
	})
	statuses = slices.CompactFunc(statuses, func(a, b gwv1.RouteParentStatus) bool {
		return comparableRef(a.ParentRef) == comparableRef(b.ParentRef)
	})
	return statuses[:min(len(statuses), maxParents)]
}

// parentKey is a parentRef with its defaults, as a value that can be compared.
type parentKey struct {
	group, kind, namespace, name, section string
	port                                  int32
}

func comparableRef(ref gwv1.ParentReference) parentKey {
	key := parentKey{name: string(ref.Name)}
	if ref.Group != nil {
		key.group = string(*ref.Group)
	}
	if ref.Kind != nil {
		key.kind = string(*ref.Kind)
	}
	if ref.Namespace != nil {
		key.namespace = string(*ref.Namespace)
	}
	if ref.SectionName != nil {
		key.section = string(*ref.SectionName)
	}
	if ref.Port != nil {
		key.port = int32(*ref.Port)
	}
	return key
}

func (k parentKey) compare(other parentKey) int {
	return cmp.Or(strings.Compare(k.group, other.group), strings.Compare(k.kind, other.kind),
		strings.Compare(k.namespace, other.namespace), strings.Compare(k.name, other.name),
		strings.Compare(k.section, other.section), cmp.Compare(k.port, other.port))
}
