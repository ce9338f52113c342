// Package gateways turns GatewayClasses, Gateways and ListenerSets into the
// listeners that routes attach to, the binds and listeners that proxies serve,
// and the status of these kinds.
package gateways

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/conditions"
)

const (
	// DefaultController is the controllerName of our GatewayClasses.
	DefaultController = "agentgateway.dev/controller"
	// AliasController is a controllerName that existing installations carry; it
	// is served like the default one.
	AliasController = "agentgateway.dev/agentgateway"
)

// Class is a GatewayClass of ours.
type Class struct {
	Name       string
	Controller string
	Generation int64
	// Managed marks the class that the controller itself creates and keeps; it
	// alone lists the supported features.
	Managed bool
}

// ResourceName is the name of the class.
func (c Class) ResourceName() string { return c.Name }

// Equals compares everything.
func (c Class) Equals(other Class) bool { return c == other }

// Conditions is the status of the class.
func (c Class) Conditions() []metav1.Condition {
	return []metav1.Condition{conditions.True(string(gwv1.GatewayClassConditionStatusAccepted),
		string(gwv1.GatewayClassReasonAccepted), "GatewayClass accepted by agentgateway controller", c.Generation)}
}

// NewClasses selects the classes that name one of the controllers.
func NewClasses(classes krt.Collection[*gwv1.GatewayClass], controllers []string, managed string, opts krt.OptionsBuilder) krt.Collection[Class] {
	return krt.NewCollection(classes, func(_ krt.HandlerContext, class *gwv1.GatewayClass) *Class {
		controller := string(class.Spec.ControllerName)
		if !slices.Contains(controllers, controller) {
			return nil
		}
		return &Class{Name: class.Name, Controller: controller, Generation: class.Generation, Managed: class.Name == managed}
	}, opts.WithName("gateways/Classes")...)
}
