package gateways

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"agentgateway.dev/controller/pkg/conditions"
)

// Listener is one listener of a Gateway, with everything that a route needs to
// know to attach to it.
type Listener struct {
	// Key is the key of the listener on the wire, "<namespace>/<name>.<listener>".
	Key      string
	Name     string
	Port     int32
	Hostname string
	Protocol gwv1.ProtocolType
	// Kinds are the route kinds that may attach, all of the Gateway API group.
	Kinds []string
	// Namespaces says from where routes may attach.
	Namespaces Namespaces
	// Served is false for a listener that takes no routes: its protocol is not
	// supported or it conflicts with another one.
	Served bool
	// Internal listeners are reached only by re-entry, not by a socket.
	Internal bool
}

// Equals compares everything.
func (l Listener) Equals(other Listener) bool {
	return l.Key == other.Key && l.Name == other.Name && l.Port == other.Port && l.Hostname == other.Hostname &&
		l.Protocol == other.Protocol && slices.Equal(l.Kinds, other.Kinds) && l.Namespaces == other.Namespaces &&
		l.Served == other.Served && l.Internal == other.Internal
}

// Namespaces is allowedRoutes.namespaces in a comparable form.
type Namespaces struct {
	From gwv1.FromNamespaces
	// Selector is the canonical text of the label selector; it matters only
	// with FromNamespaces Selector. Matching parses it again, which is cheap for
	// the few requirements that selectors have.
	Selector string
}

// Matches reports whether routes of namespace may attach, when the listener
// belongs to an object in own. own labels are those of the route's Namespace.
func (n Namespaces) Matches(own, namespace string, namespaceLabels map[string]string) bool {
	switch n.From {
	case gwv1.NamespacesFromAll:
		return true
	case gwv1.NamespacesFromSame:
		return own == namespace
	case gwv1.NamespacesFromSelector:
		selector, err := labels.Parse(n.Selector)
		if err != nil || n.Selector == "" {
			return false
		}
		set := labels.Set{}
		for key, value := range namespaceLabels {
			set[key] = value
		}
		set["kubernetes.io/metadata.name"] = namespace
		return selector.Matches(set)
	default:
		return false
	}
}

// state is a listener while its Gateway is being judged.
type state struct {
	Listener
	spec gwv1.Listener
	// The parts of its status; a nil problem is a good one.
	accepted, conflicted, resolved *problem
	// programmed is false when the proxy can't serve the listener, whatever the
	// reason.
	kinds []gwv1.RouteGroupKind
}

// problem is the reason and message of a condition that isn't as it should be.
type problem struct {
	reason, message string
}

// judge translates what a listener says by itself, without its neighbours.
func judge(gateway *gwv1.Gateway, spec gwv1.Listener) *state {
	s := &state{spec: spec}
	s.Listener = Listener{
		Key:        gateway.Namespace + "/" + gateway.Name + "." + string(spec.Name),
		Name:       string(spec.Name),
		Port:       int32(spec.Port),
		Protocol:   spec.Protocol,
		Namespaces: allowedNamespaces(spec.AllowedRoutes),
		Served:     true,
	}
	if spec.Hostname != nil {
		s.Hostname = strings.ToLower(string(*spec.Hostname))
	}
	s.accepted = s.judgeProtocol()
	if s.accepted == nil {
		s.accepted = judgePort(s.Port)
	}
	s.kinds, s.resolved = supportedKinds(spec)
	for _, kind := range s.kinds {
		s.Kinds = append(s.Kinds, string(kind.Kind))
	}
	s.Served = s.accepted == nil
	return s
}

func allowedNamespaces(allowed *gwv1.AllowedRoutes) Namespaces {
	if allowed == nil || allowed.Namespaces == nil || allowed.Namespaces.From == nil {
		return Namespaces{From: gwv1.NamespacesFromSame}
	}
	n := Namespaces{From: *allowed.Namespaces.From}
	if n.From == gwv1.NamespacesFromSelector && allowed.Namespaces.Selector != nil {
		selector, err := metav1.LabelSelectorAsSelector(allowed.Namespaces.Selector)
		if err == nil {
			n.Selector = selector.String()
		}
	}
	return n
}

// programmed tells whether the proxy serves the listener.
func (s *state) programmed() bool { return s.accepted == nil && s.conflicted == nil }

// status returns the listener's status without the number of routes. The
// table of conditions is that of Gateway API, with every condition present.
func (s *state) status(generation int64) gwv1.ListenerStatus {
	list := []metav1.Condition{
		condition(gwv1.ListenerConditionAccepted, s.firstOf(s.accepted, s.conflicted), gwv1.ListenerReasonAccepted, generation),
		condition(gwv1.ListenerConditionResolvedRefs, s.resolved, gwv1.ListenerReasonResolvedRefs, generation),
	}
	switch {
	case s.conflicted != nil:
		list = append(list,
			conditions.True(string(gwv1.ListenerConditionConflicted), s.conflicted.reason, s.conflicted.message, generation),
			conditions.False(string(gwv1.ListenerConditionProgrammed), s.conflicted.reason, s.conflicted.message, generation))
	case s.accepted != nil:
		list = append(list,
			conditions.False(string(gwv1.ListenerConditionConflicted), string(gwv1.ListenerReasonNoConflicts), noErrors, generation),
			conditions.False(string(gwv1.ListenerConditionProgrammed), string(gwv1.ListenerReasonInvalid), s.accepted.message, generation))
	default:
		list = append(list,
			conditions.False(string(gwv1.ListenerConditionConflicted), string(gwv1.ListenerReasonNoConflicts), noErrors, generation),
			conditions.True(string(gwv1.ListenerConditionProgrammed), string(gwv1.ListenerReasonProgrammed), noErrors, generation))
	}
	conditions.Sort(list)
	// Never nil: the API wants a list.
	kinds := append([]gwv1.RouteGroupKind{}, s.kinds...)
	return gwv1.ListenerStatus{Name: s.spec.Name, SupportedKinds: kinds, Conditions: list}
}

const noErrors = "No errors found"

func (s *state) firstOf(problems ...*problem) *problem {
	for _, p := range problems {
		if p != nil {
			return p
		}
	}
	return nil
}

func condition(conditionType gwv1.ListenerConditionType, p *problem, good gwv1.ListenerConditionReason, generation int64) metav1.Condition {
	if p != nil {
		return conditions.False(string(conditionType), p.reason, p.message, generation)
	}
	return conditions.True(string(conditionType), string(good), noErrors, generation)
}
