package gateways

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/conditions"
	"agentgateway.dev/controller/pkg/references"
)

// state is a listener while its Gateway is being judged: what it says by
// itself, and then what its neighbours make of it.
type state struct {
	Listener
	kinds []gwv1.RouteGroupKind
	tls   *api.TLSConfig
	// unsupported is why the listener can't exist: it has no part in anything.
	unsupported *problem
	// refused is why it isn't accepted although it is sent, conflicted why its
	// neighbours keep it from being sent.
	refused, conflicted *problem
	// resolved is what is wrong with its references, and unserviceable why it
	// can't serve.
	resolved, unserviceable *problem
	// unsendable marks a listener that no message can be made of.
	unsendable bool
}

// problem is the reason and message of a condition that isn't as it should be.
type problem struct {
	reason, message string
}

func (p *problem) equals(other *problem) bool {
	return p == other || p != nil && other != nil && *p == *other
}

// firstOf returns the first problem that there is.
func firstOf(problems ...*problem) *problem {
	for _, p := range problems {
		if p != nil {
			return p
		}
	}
	return nil
}

func (s state) equals(other state) bool {
	return s.Listener.Equals(other.Listener) && slices.EqualFunc(s.kinds, other.kinds, equalKind) && proto.Equal(s.tls, other.tls) &&
		s.unsupported.equals(other.unsupported) && s.refused.equals(other.refused) && s.conflicted.equals(other.conflicted) &&
		s.resolved.equals(other.resolved) && s.unserviceable.equals(other.unserviceable) && s.unsendable == other.unsendable
}

// declarer is the Gateway or ListenerSet that declares listeners, as far as
// judging them depends on it.
type declarer struct {
	references.From
	name string
	// gateway is the Gateway that the listeners belong to, the declarer itself
	// or the parent of a ListenerSet.
	gateway      types.NamespacedName
	certificates references.Certificates
	validation   frontendValidation
}

// judge translates what a listener says by itself, without its neighbours.
func (d declarer) judge(ctx krt.HandlerContext, spec gwv1.Listener) state {
	s := state{Listener: Listener{
		Name:       string(spec.Name),
		Port:       int32(spec.Port),
		Protocol:   spec.Protocol,
		Namespaces: allowedNamespaces(spec.AllowedRoutes),
	}}
	s.Key, s.RouteSuffix = d.keys(s.Name)
	if spec.Hostname != nil {
		s.Hostname = strings.ToLower(string(*spec.Hostname))
	}
	s.unsupported = firstOf(s.judgeProtocol(), judgePort(s.Port))
	s.kinds, s.resolved = supportedKinds(spec)
	for _, kind := range s.kinds {
		s.Kinds = append(s.Kinds, string(kind.Kind))
	}
	if s.unsupported == nil {
		s.terminate(ctx, d, spec)
	}
	s.Served = s.sendable()
	return s
}

// keys returns what Listener says of Key and RouteSuffix.
//
// All names may have dots in them, so that joining them with dots can give two
// listeners of one Gateway the same text. Where that is possible those of a
// ListenerSet are joined with a slash, which no name has.
func (d declarer) keys(listener string) (key, routeSuffix string) {
	plain := d.name + "." + listener
	if d.Kind == gatewayKind {
		return d.Namespace + "/" + plain, listener
	}
	if !strings.Contains(d.name, ".") && !(d.Namespace == d.gateway.Namespace && strings.HasPrefix(plain, d.gateway.Name+".")) {
		return d.Namespace + "/" + plain, d.Namespace + "." + plain
	}
	key = d.Namespace + "/" + d.name + ".ls/" + listener
	return key, key
}

// conflict takes the listener out of service.
func (s *state) conflict(p *problem) {
	s.conflicted = p
	s.Served = s.sendable()
}

func (s *state) sendable() bool {
	return s.unsupported == nil && s.conflicted == nil && !s.unsendable
}

// accepted tells whether the condition Accepted is true.
func (s *state) accepted() bool {
	return s.unsupported == nil && s.conflicted == nil && s.refused == nil
}

// programmed tells whether connections can be served.
func (s *state) programmed() bool { return s.accepted() && s.unserviceable == nil }

// fault is why the listener isn't programmed.
func (s *state) fault() *problem {
	return firstOf(s.conflicted, s.unsupported, s.refused, s.unserviceable)
}

// status returns the listener's status without the number of routes. The
// table of conditions is that of Gateway API, with every condition present.
func (s *state) status(generation int64) gwv1.ListenerStatus {
	list := []metav1.Condition{
		condition(gwv1.ListenerConditionAccepted, firstOf(s.unsupported, s.conflicted, s.refused), gwv1.ListenerReasonAccepted, generation),
		condition(gwv1.ListenerConditionResolvedRefs, s.resolved, gwv1.ListenerReasonResolvedRefs, generation),
	}
	if s.conflicted != nil {
		list = append(list,
			conditions.True(string(gwv1.ListenerConditionConflicted), s.conflicted.reason, s.conflicted.message, generation),
			conditions.False(string(gwv1.ListenerConditionProgrammed), s.conflicted.reason, s.conflicted.message, generation))
	} else {
		var unprogrammed *problem
		if fault := s.fault(); fault != nil {
			unprogrammed = &problem{string(gwv1.ListenerReasonInvalid), fault.message}
		}
		list = append(list,
			conditions.False(string(gwv1.ListenerConditionConflicted), string(gwv1.ListenerReasonNoConflicts), noErrors, generation),
			condition(gwv1.ListenerConditionProgrammed, unprogrammed, gwv1.ListenerReasonProgrammed, generation))
	}
	conditions.Sort(list)
	// Never nil: the API wants a list.
	kinds := append([]gwv1.RouteGroupKind{}, s.kinds...)
	return gwv1.ListenerStatus{Name: gwv1.SectionName(s.Name), SupportedKinds: kinds, Conditions: list}
}

const noErrors = "No errors found"

func condition(conditionType gwv1.ListenerConditionType, p *problem, good gwv1.ListenerConditionReason, generation int64) metav1.Condition {
	if p != nil {
		return conditions.False(string(conditionType), p.reason, p.message, generation)
	}
	return conditions.True(string(conditionType), string(good), noErrors, generation)
}
