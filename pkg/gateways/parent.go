package gateways

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"istio.io/istio/pkg/kube/krt"
)

// Parent is what routes see of an object they attach to. It changes less often
// than the Gateway it comes from, and every change of it costs all routes
// attached to it.
type Parent struct {
	// Kind and name of the object that a parentRef names.
	Kind string
	types.NamespacedName
	// Gateway is the Gateway whose proxies serve the listeners.
	Gateway    types.NamespacedName
	Controller string
	Listeners  []Listener
}

// ParentKey is the key of the parent with this kind and name.
func ParentKey(kind, namespace, name string) string { return kind + "/" + namespace + "/" + name }

// ResourceName is ParentKey of the object.
func (p Parent) ResourceName() string { return ParentKey(p.Kind, p.Namespace, p.Name) }

// Equals compares everything.
func (p Parent) Equals(other Parent) bool {
	return p.Kind == other.Kind && p.NamespacedName == other.NamespacedName && p.Gateway == other.Gateway &&
		p.Controller == other.Controller && slices.EqualFunc(p.Listeners, other.Listeners, Listener.Equals)
}

// newParents projects Gateways and ListenerSets to parents. A ListenerSet that
// its Gateway doesn't take is none.
func newParents(gateways krt.Collection[Gateway], sets krt.Collection[ListenerSet], opts krt.OptionsBuilder) krt.Collection[Parent] {
	return krt.JoinCollection([]krt.Collection[Parent]{
		krt.NewCollection(gateways, func(_ krt.HandlerContext, gateway Gateway) *Parent {
			return &Parent{
				Kind:           gatewayKind,
				NamespacedName: gateway.NamespacedName,
				Gateway:        gateway.NamespacedName,
				Controller:     gateway.Controller,
				Listeners:      gateway.Listeners,
			}
		}, opts.WithName("gateways/GatewayParents")...),
		krt.NewCollection(sets, func(_ krt.HandlerContext, set ListenerSet) *Parent {
			if !set.Attached {
				return nil
			}
			return &Parent{
				Kind:           listenerSetKind,
				NamespacedName: set.NamespacedName,
				Gateway:        set.Gateway,
				Controller:     set.Controller,
				Listeners:      set.Listeners,
			}
		}, opts.WithName("gateways/ListenerSetParents")...),
		// The kind in the key keeps them apart.
	}, append(opts.WithName("gateways/Parents"), krt.WithJoinUnchecked())...)
}

// AttachmentKey names a listener of a Gateway for counting what attaches to it.
func AttachmentKey(gateway types.NamespacedName, listenerKey string) string {
	return gateway.String() + "|" + listenerKey
}
