package gateways

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/references"
)

// Inputs are what listeners depend on.
type Inputs struct {
	Gateways           krt.Collection[*gwv1.Gateway]
	ListenerSets       krt.Collection[*gwv1.ListenerSet]
	Namespaces         krt.Collection[*corev1.Namespace]
	Classes            krt.Collection[Class]
	ClientCertificates krt.Collection[ClientCertificate]
	Certificates       references.Certificates
}

// Collections are what becomes of Gateways and ListenerSets.
type Collections struct {
	Gateways     krt.Collection[Gateway]
	ListenerSets krt.Collection[ListenerSet]
	// Parents are both kinds as routes see them.
	Parents krt.Collection[Parent]
}

// New builds the collections. Every object is first judged by itself; then
// listeners are compared, on nothing but what they claim; then every object
// takes in what the comparison says of it. So an event costs its own object and
// a pass over the claims on its ports, and wakes others only if it decides
// something about them.
func New(in Inputs, opts krt.OptionsBuilder) Collections {
	all := newJudged(in, opts)
	hosts := krt.NewCollection(all, func(_ krt.HandlerContext, j judged) *host { return &j.host }, opts.WithName("gateways/ListenerSetHosts")...)
	candidates := newCandidates(in, hosts, opts)

	own := krt.NewCollection(all, func(_ krt.HandlerContext, j judged) *claims {
		return &claims{NamespacedName: j.NamespacedName, gateway: j.NamespacedName, list: claimsOf(j.states)}
	}, opts.WithName("gateways/OwnClaims")...)
	sets := krt.NewCollection(candidates, func(_ krt.HandlerContext, c candidate) *claims {
		return &claims{NamespacedName: c.NamespacedName, gateway: c.gateway, created: c.created, list: claimsOf(c.states)}
	}, opts.WithName("gateways/Claims")...)
	rulings := newRulings(own, sets, newOwners(own, sets, opts), opts)

	var built Collections
	built.ListenerSets = newListenerSets(candidates, rulings, opts)
	built.Gateways = newGateways(all, newPortUses(built.ListenerSets, opts), opts)
	built.Parents = newParents(built.Gateways, built.ListenerSets, opts)
	return built
}

// labelsOf looks up the labels of a Namespace, and depends on nothing else of
// it.
func labelsOf(ctx krt.HandlerContext, namespaces krt.Collection[*corev1.Namespace], name string) map[string]string {
	found := krt.PartialFetch(ctx, namespaces,
		func(n *corev1.Namespace) map[string]string { return n.Labels }, maps.Equal, krt.FilterKey(name))
	if len(found) == 0 {
		return nil
	}
	return found[0]
}
