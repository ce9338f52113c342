package gateways

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/conditions"
	"agentgateway.dev/controller/pkg/resources"
)

// Gateway is a Gateway of ours, judged and translated.
type Gateway struct {
	types.NamespacedName
	// Controller is the controllerName of its class, which its routes' status
	// is written under.
	Controller string
	Generation int64
	Listeners  []Listener
	// Resources are its binds and listeners.
	Resources []resources.Resource

	// conditions and listeners are the status as far as it doesn't depend on
	// the routes.
	conditions []metav1.Condition
	listeners  []gwv1.ListenerStatus
}

// ResourceName is the key "<namespace>/<name>".
func (g Gateway) ResourceName() string { return g.String() }

// Equals compares everything.
func (g Gateway) Equals(other Gateway) bool {
	return g.NamespacedName == other.NamespacedName && g.Controller == other.Controller && g.Generation == other.Generation &&
		slices.EqualFunc(g.Listeners, other.Listeners, Listener.Equals) &&
		slices.EqualFunc(g.Resources, other.Resources, resources.Resource.Equals) &&
		conditions.Equal(g.conditions, other.conditions) &&
		slices.EqualFunc(g.listeners, other.listeners, equalListenerStatus)
}

// NewGateways translates every Gateway whose class is ours. An event costs the
// listeners of its Gateway.
func NewGateways(gateways krt.Collection[*gwv1.Gateway], classes krt.Collection[Class], opts krt.OptionsBuilder) krt.Collection[Gateway] {
	return krt.NewCollection(gateways, func(ctx krt.HandlerContext, gateway *gwv1.Gateway) *Gateway {
		class := krt.FetchOne(ctx, classes, krt.FilterKey(string(gateway.Spec.GatewayClassName)))
		if class == nil {
			return nil
		}
		translated := translate(gateway, class.Controller)
		return &translated
	}, opts.WithName("gateways/Gateways")...)
}

func translate(gateway *gwv1.Gateway, controller string) Gateway {
	translated := Gateway{
		NamespacedName: types.NamespacedName{Namespace: gateway.Namespace, Name: gateway.Name},
		Controller:     controller,
		Generation:     gateway.Generation,
	}
	hard, soft := judgeAddresses(gateway)
	internal, badAnnotation := internalPorts(gateway)
	if soft == nil {
		soft = badAnnotation
	}
	if hard != nil {
		translated.conditions = gatewayConditions(gateway, nil, hard)
		return translated
	}
	states := make([]*state, 0, len(gateway.Spec.Listeners))
	for _, spec := range gateway.Spec.Listeners {
		s := judge(gateway, spec)
		s.Internal = internal[s.Port]
		states = append(states, s)
	}
	resolveConflicts(states)
	for _, s := range states {
		translated.Listeners = append(translated.Listeners, s.Listener)
		translated.listeners = append(translated.listeners, s.status(gateway.Generation))
	}
	translated.conditions = gatewayConditions(gateway, states, soft)
	translated.Resources = wire(translated.NamespacedName, translated.Listeners)
	return translated
}

// judgeAddresses returns what is wrong with spec.addresses: hard problems stop
// the whole Gateway, soft ones are only reported.
func judgeAddresses(gateway *gwv1.Gateway) (hard, soft *problem) {
	var values []string
	hostname := false
	for i, address := range gateway.Spec.Addresses {
		addressType := gwv1.IPAddressType
		if address.Type != nil {
			addressType = *address.Type
		}
		switch addressType {
		case gwv1.HostnameAddressType:
			hostname = true
		case gwv1.IPAddressType:
		default:
			soft = &problem{reason: string(gwv1.GatewayReasonUnsupportedAddress),
				message: fmt.Sprintf("spec.addresses[%d].type %q is not supported; use IPAddress", i, addressType)}
		}
		values = append(values, address.Value)
	}
	if len(values) > 1 && !hostname && soft == nil {
		hard = &problem{reason: string(gwv1.GatewayReasonInvalid),
			message: fmt.Sprintf("only Hostname is supported, ignoring [%s]", strings.Join(values, " "))}
	}
	return hard, soft
}

func gatewayConditions(gateway *gwv1.Gateway, states []*state, p *problem) []metav1.Condition {
	generation := gateway.Generation
	accepted := conditions.True(string(gwv1.GatewayConditionAccepted), string(gwv1.GatewayReasonAccepted), "", generation)
	if p != nil {
		accepted = conditions.False(string(gwv1.GatewayConditionAccepted), p.reason, p.message, generation)
	} else if bad, good := tally(states); len(bad) > 0 {
		message := "Some listeners are not accepted: " + strings.Join(bad, "; ")
		accepted = conditions.False(string(gwv1.GatewayConditionAccepted), string(gwv1.GatewayReasonListenersNotValid), message, generation)
		if good {
			accepted.Status = metav1.ConditionTrue
		}
	}
	programmed := conditions.True(string(gwv1.GatewayConditionProgrammed), string(gwv1.GatewayReasonProgrammed), "Successfully programmed Gateway", generation)
	if slices.ContainsFunc(gateway.Spec.Addresses, func(a gwv1.GatewaySpecAddress) bool {
		return a.Type != nil && *a.Type == gwv1.HostnameAddressType
	}) {
		programmed = conditions.False(string(gwv1.GatewayConditionProgrammed), string(gwv1.GatewayReasonAddressNotUsable), "Hostname addresses may not be used", generation)
	} else if p != nil && states == nil {
		programmed = conditions.False(string(gwv1.GatewayConditionProgrammed), string(gwv1.GatewayReasonInvalid), p.message, generation)
	}
	list := append([]metav1.Condition{accepted, programmed}, untranslated(gateway)...)
	conditions.Sort(list)
	return list
}

// untranslated reports the parts of a Gateway that have no effect yet, under
// the condition that Gateway API has for them.
func untranslated(gateway *gwv1.Gateway) []metav1.Condition {
	if gateway.Spec.TLS == nil || gateway.Spec.TLS.Backend == nil {
		return nil
	}
	return []metav1.Condition{conditions.False(string(gwv1.GatewayConditionResolvedRefs), "InvalidClientCertificateRef",
		"spec.tls.backend.clientCertificateRef is not applied by this version", gateway.Generation)}
}

// tally lists the listeners that aren't served, with why, and tells whether
// any is accepted.
func tally(states []*state) (bad []string, anyAccepted bool) {
	for _, s := range states {
		if s.programmed() {
			anyAccepted = true
			continue
		}
		bad = append(bad, s.Name+": "+s.firstOf(s.conflicted, s.accepted).message)
	}
	return bad, anyAccepted
}
