package provision

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/gateways"
)

// class is what provisioning reads of a GatewayClass. Its status, which
// changes on its own, is not part of it.
type class struct {
	name, controller string
	parameters       gwv1.ParametersReference
}

// ResourceName is the name of the class.
func (c class) ResourceName() string { return c.name }

// Equals compares everything.
func (c class) Equals(other class) bool {
	a, b := c.parameters, other.parameters
	return c.name == other.name && c.controller == other.controller && a.Group == b.Group && a.Kind == b.Kind && a.Name == b.Name && equalPointers(a.Namespace, b.Namespace)
}

func newClasses(classes krt.Collection[*gwv1.GatewayClass], opts krt.OptionsBuilder) krt.Collection[class] {
	return krt.NewCollection(classes, func(_ krt.HandlerContext, object *gwv1.GatewayClass) *class {
		c := &class{name: object.Name, controller: string(object.Spec.ControllerName)}
		if object.Spec.ParametersRef != nil {
			c.parameters = *object.Spec.ParametersRef
		}
		return c
	}, opts.WithName("provision/Classes")...)
}

// subject is what provisioning reads of a Gateway of ours: neither its status
// nor what its routes, certificates and policies make of it.
type subject struct {
	// gateway holds only the fields that are rendered.
	gateway    *gwv1.Gateway
	controller string
	ports      []Port
}

// ResourceName is the key "<namespace>/<name>".
func (s subject) ResourceName() string { return s.gateway.Namespace + "/" + s.gateway.Name }

// Equals compares everything.
func (s subject) Equals(other subject) bool {
	a, b := s.gateway, other.gateway
	return s.controller == other.controller && slices.Equal(s.ports, other.ports) &&
		a.Name == b.Name && a.Namespace == b.Namespace && a.UID == b.UID && a.Generation == b.Generation &&
		a.Spec.GatewayClassName == b.Spec.GatewayClassName &&
		slices.EqualFunc(a.Spec.Addresses, b.Spec.Addresses, equalAddresses) &&
		// Rarely set and small, so that reflection costs little.
		equality.Semantic.DeepEqual(a.Spec.Infrastructure, b.Spec.Infrastructure)
}

func equalAddresses(a, b gwv1.GatewaySpecAddress) bool {
	return a.Value == b.Value && equalPointers(a.Type, b.Type)
}

func equalPointers[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// newSubjects selects the Gateways that are to be provisioned: those of our
// classes that aren't being deleted. judged tells which are ours, and their
// listeners. An event costs its Gateway's listeners.
//
// A Gateway that gets another class is judged anew a moment later. Until then
// it is nobody's: with its new class and its old verdict it would be applied
// once more, and its pods restarted for another's class.
func newSubjects(objects krt.Collection[*gwv1.Gateway], judged krt.Collection[gateways.Gateway], classes krt.Collection[class], opts krt.OptionsBuilder) krt.Collection[subject] {
	return krt.NewCollection(objects, func(ctx krt.HandlerContext, gateway *gwv1.Gateway) *subject {
		if gateway.DeletionTimestamp != nil {
			return nil
		}
		own := krt.FetchOne(ctx, judged, krt.FilterKey(gateway.Namespace+"/"+gateway.Name))
		class := krt.FetchOne(ctx, classes, krt.FilterKey(string(gateway.Spec.GatewayClassName)))
		if own == nil || class == nil || class.controller != own.Controller {
			return nil
		}
		s := &subject{controller: own.Controller, gateway: &gwv1.Gateway{
			ObjectMeta: metav1.ObjectMeta{Name: gateway.Name, Namespace: gateway.Namespace, UID: gateway.UID, Generation: gateway.Generation},
			Spec: gwv1.GatewaySpec{
				GatewayClassName: gateway.Spec.GatewayClassName,
				Infrastructure:   gateway.Spec.Infrastructure,
				Addresses:        gateway.Spec.Addresses,
			},
		}}
		for _, port := range own.Ports {
			s.ports = append(s.ports, Port{Number: port.Number, Internal: port.Internal})
		}
		// The order and number of listeners don't matter, only their ports.
		slices.SortFunc(s.ports, func(a, b Port) int {
			return cmp.Or(cmp.Compare(a.Number, b.Number), compareBools(a.Internal, b.Internal))
		})
		s.ports = slices.Compact(s.ports)
		return s
	}, opts.WithName("provision/Subjects")...)
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}
