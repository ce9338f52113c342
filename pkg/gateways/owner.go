package gateways

import (
	"k8s.io/apimachinery/pkg/types"

	"istio.io/istio/pkg/kube/krt"
)

// Owner is all that a status which names a Gateway needs to know of it. It
// changes with the Gateway's class only.
type Owner struct {
	types.NamespacedName
	// Controller is the controllerName of the Gateway's class.
	Controller string
}

// ResourceName is the key "<namespace>/<name>".
func (o Owner) ResourceName() string { return o.String() }

// Equals compares everything.
func (o Owner) Equals(other Owner) bool { return o == other }

// NewOwners projects gateways. An event costs one small object.
func NewOwners(gateways krt.Collection[Gateway], opts krt.OptionsBuilder) krt.Collection[Owner] {
	return krt.NewCollection(gateways, func(_ krt.HandlerContext, gateway Gateway) *Owner {
		return &Owner{NamespacedName: gateway.NamespacedName, Controller: gateway.Controller}
	}, opts.WithName("gateways/Owners")...)
}
