package gateways

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/conditions"
	"agentgateway.dev/controller/pkg/references"
	"agentgateway.dev/controller/pkg/resources"
)

const (
	gatewayKind     = "Gateway"
	listenerSetKind = "ListenerSet"
)

// ListenerSet is a ListenerSet whose Gateway is ours, judged and translated.
type ListenerSet struct {
	types.NamespacedName
	// Gateway is the Gateway that serves the listeners.
	Gateway    types.NamespacedName
	Controller string
	// Attached tells whether the Gateway lets the ListenerSet attach; routes
	// have it as a parent only then.
	Attached  bool
	Listeners []Listener
	// Resources are its listeners, for the proxies of the Gateway.
	Resources []resources.Resource
	// Accepted tells whether at least one listener works.
	Accepted bool

	// pending ListenerSets are new, and what their neighbours make of them isn't
	// known yet.
	pending bool
	// conditions and listeners are the status as far as it doesn't depend on
	// the routes.
	conditions []metav1.Condition
	listeners  []gwv1.ListenerStatus
}

// ResourceName is the key "<namespace>/<name>".
func (l ListenerSet) ResourceName() string { return l.String() }

// Equals compares everything.
func (l ListenerSet) Equals(other ListenerSet) bool {
	return l.NamespacedName == other.NamespacedName && l.Gateway == other.Gateway && l.Controller == other.Controller &&
		l.Attached == other.Attached && l.Accepted == other.Accepted && l.pending == other.pending &&
		slices.EqualFunc(l.Listeners, other.Listeners, Listener.Equals) &&
		slices.EqualFunc(l.Resources, other.Resources, resources.Resource.Equals) &&
		conditions.Equal(l.conditions, other.conditions) &&
		slices.EqualFunc(l.listeners, other.listeners, equalListenerStatus)
}

// candidate is a ListenerSet judged by itself, without the other listeners of
// its Gateway.
type candidate struct {
	types.NamespacedName
	gateway    types.NamespacedName
	controller string
	generation int64
	created    time.Time
	// refused is why the Gateway doesn't take the ListenerSet, and fault what
	// else is wrong with it as a whole.
	refused, fault *problem
	states         []state
}

// ResourceName is the key "<namespace>/<name>".
func (c candidate) ResourceName() string { return c.String() }

// Equals compares everything.
func (c candidate) Equals(other candidate) bool {
	return c.NamespacedName == other.NamespacedName && c.gateway == other.gateway && c.controller == other.controller &&
		c.generation == other.generation && c.created.Equal(other.created) && c.refused.equals(other.refused) &&
		c.fault.equals(other.fault) && slices.EqualFunc(c.states, other.states, state.equals)
}

// host is what ListenerSets depend on of their Gateway: neither its status nor
// its own listeners.
type host struct {
	types.NamespacedName
	controller string
	// closed says that the Gateway as a whole serves nothing.
	closed     bool
	allowed    Namespaces
	validation frontendValidation
}

// ResourceName is the key "<namespace>/<name>".
func (h host) ResourceName() string { return h.String() }

// Equals compares everything.
func (h host) Equals(other host) bool {
	return h.NamespacedName == other.NamespacedName && h.controller == other.controller && h.closed == other.closed &&
		h.allowed == other.allowed && h.validation.equals(other.validation)
}

// newCandidates judges every ListenerSet whose Gateway is ours. An event costs
// the listeners of its ListenerSet; a change of what a Gateway says about
// ListenerSets costs all of them.
func newCandidates(in Inputs, hosts krt.Collection[host], opts krt.OptionsBuilder) krt.Collection[candidate] {
	return krt.NewCollection(in.ListenerSets, func(ctx krt.HandlerContext, set *gwv1.ListenerSet) *candidate {
		gateway, ok := parentOf(set)
		if !ok {
			return nil
		}
		host := krt.FetchOne(ctx, hosts, krt.FilterKey(gateway.String()))
		if host == nil {
			return nil
		}
		c := &candidate{
			NamespacedName: types.NamespacedName{Namespace: set.Namespace, Name: set.Name},
			gateway:        gateway,
			controller:     host.controller,
			generation:     set.Generation,
			created:        set.CreationTimestamp.Time,
		}
		if c.refused = host.refuse(ctx, in.Namespaces, set.Namespace); c.refused != nil {
			return c
		}
		d := declarer{
			From: references.From{Group: gwv1.GroupName, Kind: listenerSetKind, Namespace: set.Namespace},
			name: set.Name, gateway: gateway, certificates: in.Certificates, validation: host.validation,
		}
		for _, entry := range set.Spec.Listeners {
			c.states = append(c.states, d.judge(ctx, listenerOf(entry)))
		}
		c.fault = markInternal(set.Annotations, c.states)
		return c
	}, opts.WithName("gateways/Candidates")...)
}

// parentOf returns the Gateway that a ListenerSet names.
func parentOf(set *gwv1.ListenerSet) (types.NamespacedName, bool) {
	ref := set.Spec.ParentRef
	if ref.Group != nil && *ref.Group != gwv1.GroupName || ref.Kind != nil && *ref.Kind != gatewayKind {
		return types.NamespacedName{}, false
	}
	gateway := types.NamespacedName{Namespace: set.Namespace, Name: string(ref.Name)}
	if ref.Namespace != nil {
		gateway.Namespace = string(*ref.Namespace)
	}
	return gateway, true
}

// refuse returns why no ListenerSet of namespace may attach, nil if they may.
// Labels are looked up only for a selector: elsewhere ListenerSets don't depend
// on their Namespace.
func (h host) refuse(ctx krt.HandlerContext, namespaces krt.Collection[*corev1.Namespace], namespace string) *problem {
	if h.closed {
		return &problem{string(gwv1.ListenerSetReasonParentNotAccepted), "Gateway is not accepted"}
	}
	var labels map[string]string
	if h.allowed.From == gwv1.NamespacesFromSelector {
		labels = labelsOf(ctx, namespaces, namespace)
	}
	if !h.allowed.Matches(h.Namespace, namespace, labels) {
		return &problem{string(gwv1.ListenerSetReasonNotAllowed), "Gateway does not allow ListenerSet attachment"}
	}
	return nil
}

// listenerOf is a listener of a ListenerSet as one of a Gateway. The API
// demands a port; manifests that it hasn't seen may lack one.
func listenerOf(entry gwv1.ListenerEntry) gwv1.Listener {
	listener := gwv1.Listener{
		Name: entry.Name, Hostname: entry.Hostname, Port: entry.Port, Protocol: entry.Protocol, TLS: entry.TLS, AllowedRoutes: entry.AllowedRoutes,
	}
	if listener.Port == 0 {
		switch listener.Protocol {
		case gwv1.HTTPProtocolType:
			listener.Port = 80
		case gwv1.HTTPSProtocolType:
			listener.Port = 443
		}
	}
	return listener
}

// newListenerSets finishes what candidates begin, with the rulings on their
// claims. An event costs the listeners of its ListenerSet.
func newListenerSets(candidates krt.Collection[candidate], rulings krt.Collection[ruling], opts krt.OptionsBuilder) krt.Collection[ListenerSet] {
	bySet := krt.NewIndex(rulings, "set", func(r ruling) []string { return []string{r.set.String()} })
	return krt.NewCollection(candidates, func(ctx krt.HandlerContext, c candidate) *ListenerSet {
		states, decided := c.decide(krt.Fetch(ctx, rulings, krt.FilterIndex(bySet, c.String())))
		if !decided {
			// The rulings are on their way. Until they are there the ListenerSet
			// stays what it was; one that was nothing yet is shown as pending, as
			// nothing at all would not be recomputed.
			ctx.DiscardResult()
			return &ListenerSet{NamespacedName: c.NamespacedName, Gateway: c.gateway, Controller: c.controller, pending: true}
		}
		set := c.finish(states)
		return &set
	}, opts.WithName("gateways/ListenerSets")...)
}

// decide applies the rulings to the listeners. It returns false when one of
// the claims is not ruled on.
func (c candidate) decide(rulings []ruling) (states []state, decided bool) {
	states = slices.Clone(c.states)
	for _, claim := range claimsOf(c.states) {
		contest := hostKey(c.gateway, claim)
		i := slices.IndexFunc(rulings, func(r ruling) bool {
			return r.index == claim.index && r.group == claim.group && r.contest == contest
		})
		if i < 0 {
			return nil, false
		}
		if lost := rulings[i].lost; lost != (problem{}) {
			states[claim.index].conflict(&lost)
		}
	}
	return states, true
}

func (c candidate) finish(states []state) ListenerSet {
	set := ListenerSet{
		NamespacedName: c.NamespacedName, Gateway: c.gateway, Controller: c.controller, Attached: c.refused == nil,
	}
	working := 0
	for _, s := range states {
		set.Listeners = append(set.Listeners, s.Listener)
		set.listeners = append(set.listeners, s.status(c.generation))
		if s.programmed() {
			working++
		}
		if s.Served {
			set.Resources = append(set.Resources, s.wire(c.gateway, c.NamespacedName))
		}
	}
	set.Accepted = c.refused == nil && working > 0
	set.conditions = c.conditions(working, len(states))
	return set
}

// conditions summarizes a ListenerSet of which working listeners out of all
// can be served.
func (c candidate) conditions(working, all int) []metav1.Condition {
	accepted := conditions.True(string(gwv1.ListenerSetConditionAccepted), string(gwv1.ListenerSetReasonAccepted), "Resource accepted", c.generation)
	programmed := conditions.True(string(gwv1.ListenerSetConditionProgrammed), string(gwv1.ListenerSetReasonProgrammed), "Resource programmed", c.generation)
	notValid := string(gwv1.ListenerSetReasonListenersNotValid)
	switch {
	case c.refused != nil:
		accepted = conditions.False(accepted.Type, c.refused.reason, c.refused.message, c.generation)
		programmed = conditions.False(programmed.Type, c.refused.reason, c.refused.message, c.generation)
	case working == 0:
		accepted = conditions.False(accepted.Type, notValid, "No listener is valid", c.generation)
		programmed = conditions.False(programmed.Type, notValid, "No listener is valid", c.generation)
	case working < all:
		accepted = conditions.True(accepted.Type, notValid, "Some listeners are not valid", c.generation)
	}
	if c.fault != nil {
		accepted = conditions.False(accepted.Type, c.fault.reason, c.fault.message, c.generation)
	}
	return []metav1.Condition{accepted, programmed}
}
