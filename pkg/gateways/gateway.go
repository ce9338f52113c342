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
	// Listeners are its own, without those of ListenerSets.
	Listeners []Listener
	// Ports are those that its own listeners and those of its ListenerSets ask
	// for, ascending.
	Ports []Port
	// Resources are its own listeners, and the binds of all Ports.
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
		slices.EqualFunc(g.Listeners, other.Listeners, Listener.Equals) && slices.Equal(g.Ports, other.Ports) &&
		slices.EqualFunc(g.Resources, other.Resources, resources.Resource.Equals) &&
		conditions.Equal(g.conditions, other.conditions) &&
		slices.EqualFunc(g.listeners, other.listeners, equalListenerStatus)
}

// judged is a Gateway of ours by itself, without its ListenerSets.
type judged struct {
	host
	generation int64
	// fault is what is wrong with the Gateway as a whole.
	fault  *problem
	states []state
	// conditions are all but Accepted.
	conditions []metav1.Condition
}

// Equals compares everything.
func (j judged) Equals(other judged) bool {
	return j.host.Equals(other.host) && j.generation == other.generation && j.fault.equals(other.fault) &&
		slices.EqualFunc(j.states, other.states, state.equals) && conditions.Equal(j.conditions, other.conditions)
}

// newJudged judges every Gateway whose class is ours. An event costs the
// listeners of its Gateway.
func newJudged(in Inputs, opts krt.OptionsBuilder) krt.Collection[judged] {
	return krt.NewCollection(in.Gateways, func(ctx krt.HandlerContext, gateway *gwv1.Gateway) *judged {
		class := krt.FetchOne(ctx, in.Classes, krt.FilterKey(string(gateway.Spec.GatewayClassName)))
		if class == nil {
			return nil
		}
		j := judge(ctx, in, gateway, class.Controller)
		return &j
	}, opts.WithName("gateways/Judged")...)
}

func judge(ctx krt.HandlerContext, in Inputs, gateway *gwv1.Gateway, controller string) judged {
	name := types.NamespacedName{Namespace: gateway.Namespace, Name: gateway.Name}
	j := judged{
		host:       host{NamespacedName: name, controller: controller, allowed: allowedListeners(gateway.Spec.AllowedListeners)},
		generation: gateway.Generation,
	}
	hard, soft := judgeAddresses(gateway)
	j.closed = hard != nil
	if !j.closed {
		j.validation = newFrontendValidation(ctx, in.Certificates, gateway)
		d := declarer{From: ownerOf(gateway), name: gateway.Name, gateway: name, certificates: in.Certificates, validation: j.validation}
		for _, spec := range gateway.Spec.Listeners {
			j.states = append(j.states, d.judge(ctx, spec))
		}
		soft = firstOf(soft, markInternal(gateway.Annotations, j.states))
		resolveConflicts(j.states)
	}
	j.fault = firstOf(hard, soft)
	j.conditions = append(j.conditions, programmed(gateway, hard))
	if condition := resolvedRefs(ctx, in.ClientCertificates, gateway); condition != nil {
		j.conditions = append(j.conditions, *condition)
	}
	if allowsFallback(gateway) {
		j.conditions = append(j.conditions, conditions.True(string(gwv1.GatewayConditionInsecureFrontendValidationMode),
			string(gwv1.GatewayReasonConfigurationChanged),
			"spec.tls.frontend lets clients in without a valid certificate (mode AllowInsecureFallback)", gateway.Generation))
	}
	return j
}

// judgeAddresses returns what is wrong with spec.addresses: hard problems stop
// the whole Gateway, soft ones are only reported. One IP address can be asked
// for; whether it is one, and whether there is any beside those of other types,
// is judged by provisioning, whose verdict goes over this one.
func judgeAddresses(gateway *gwv1.Gateway) (hard, soft *problem) {
	var ips []string
	hostname := false
	for i, address := range gateway.Spec.Addresses {
		switch addressType := addressTypeOf(address); addressType {
		case gwv1.HostnameAddressType:
			hostname = true
		case gwv1.IPAddressType:
			ips = append(ips, address.Value)
		default:
			soft = firstOf(soft, &problem{reason: string(gwv1.GatewayReasonUnsupportedAddress),
				message: fmt.Sprintf("spec.addresses[%d].type %q is not supported; use IPAddress", i, addressType)})
		}
	}
	if len(ips) > 1 && !hostname {
		hard = &problem{reason: string(gwv1.GatewayReasonInvalid),
			message: fmt.Sprintf("only Hostname is supported, ignoring [%s]", strings.Join(ips, " "))}
	}
	return hard, soft
}

func addressTypeOf(address gwv1.GatewaySpecAddress) gwv1.AddressType {
	if address.Type == nil {
		return gwv1.IPAddressType
	}
	return *address.Type
}

func programmed(gateway *gwv1.Gateway, hard *problem) metav1.Condition {
	kind := string(gwv1.GatewayConditionProgrammed)
	hostname := slices.ContainsFunc(gateway.Spec.Addresses, func(a gwv1.GatewaySpecAddress) bool {
		return addressTypeOf(a) == gwv1.HostnameAddressType
	})
	switch {
	case hostname:
		return conditions.False(kind, string(gwv1.GatewayReasonAddressNotUsable), "Hostname addresses may not be used", gateway.Generation)
	case hard != nil:
		return conditions.False(kind, string(gwv1.GatewayReasonInvalid), hard.message, gateway.Generation)
	default:
		return conditions.True(kind, string(gwv1.GatewayReasonProgrammed), "Successfully programmed Gateway", gateway.Generation)
	}
}

// resolvedRefs reports on the client certificate, the only reference that a
// Gateway has as a whole.
func resolvedRefs(ctx krt.HandlerContext, certificates krt.Collection[ClientCertificate], gateway *gwv1.Gateway) *metav1.Condition {
	if gateway.Spec.TLS == nil || gateway.Spec.TLS.Backend == nil {
		return nil
	}
	kind := string(gwv1.GatewayConditionResolvedRefs)
	condition := conditions.True(kind, string(gwv1.GatewayReasonResolvedRefs), noErrors, gateway.Generation)
	if gateway.Spec.TLS.Backend.ClientCertificateRef == nil {
		return &condition
	}
	certificate := krt.FetchOne(ctx, certificates, krt.FilterKey(gateway.Namespace+"/"+gateway.Name))
	if certificate != nil && certificate.Invalid {
		condition = conditions.False(kind, certificate.Reason, certificate.Message, gateway.Generation)
	}
	return &condition
}

// newGateways finishes the judged Gateways with the ports that ListenerSets
// use. An event costs the Gateway's own listeners; a ListenerSet is one only
// when it is the first or the last that uses a port in its way.
func newGateways(all krt.Collection[judged], uses portUses, opts krt.OptionsBuilder) krt.Collection[Gateway] {
	return krt.NewCollection(all, func(ctx krt.HandlerContext, j judged) *Gateway {
		asked := uses.fetch(ctx, j.NamespacedName)
		gateway := &Gateway{NamespacedName: j.NamespacedName, Controller: j.controller, Generation: j.generation}
		for _, s := range j.states {
			gateway.Listeners = append(gateway.Listeners, s.Listener)
			gateway.listeners = append(gateway.listeners, s.status(j.generation))
			asked = append(asked, useOf(s.Listener))
			if s.Served {
				gateway.Resources = append(gateway.Resources, s.wire(j.NamespacedName, types.NamespacedName{}))
			}
		}
		for _, port := range newPorts(asked) {
			gateway.Ports = append(gateway.Ports, Port{Number: port.number, Internal: port.internal()})
		}
		served := newPorts(slices.DeleteFunc(asked, func(use portUse) bool { return !use.served }))
		for _, port := range served {
			gateway.Resources = append(gateway.Resources, port.wire(j.NamespacedName))
		}
		gateway.conditions = append([]metav1.Condition{j.accepted(disagreement(served))}, j.conditions...)
		conditions.Sort(gateway.conditions)
		return gateway
	}, opts.WithName("gateways/Gateways")...)
}

// accepted judges the Gateway as a whole by its own listeners; those of
// ListenerSets are none of its condition.
func (j judged) accepted(disagreement *problem) metav1.Condition {
	kind := string(gwv1.GatewayConditionAccepted)
	if p := firstOf(j.fault, disagreement); p != nil {
		return conditions.False(kind, p.reason, p.message, j.generation)
	}
	var bad []string
	anyAccepted := false
	for _, s := range j.states {
		anyAccepted = anyAccepted || s.accepted()
		if fault := s.fault(); fault != nil {
			bad = append(bad, s.Name+": "+fault.message)
		}
	}
	if len(bad) == 0 {
		return conditions.True(kind, string(gwv1.GatewayReasonAccepted), "", j.generation)
	}
	condition := conditions.False(kind, string(gwv1.GatewayReasonListenersNotValid),
		"Some listeners are not accepted: "+strings.Join(bad, "; "), j.generation)
	if anyAccepted {
		condition.Status = metav1.ConditionTrue
	}
	return condition
}
