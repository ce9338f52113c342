package inputs

import (
	"maps"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	inferencev1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/controllers"
	"istio.io/istio/pkg/kube/kclient"
	"istio.io/istio/pkg/kube/krt"
)

// Statuses are the kinds whose status is written, for who compares it. They
// hold the same objects as the collections of the same name in Inputs, which
// have no event for a change of the status alone: nothing is derived from it
// but the addresses of the mesh's Gateways, and each of our own writes would
// otherwise translate its object once more.
type Statuses struct {
	GatewayClasses     krt.Collection[*gwv1.GatewayClass]
	Gateways           krt.Collection[*gwv1.Gateway]
	ListenerSets       krt.Collection[*gwv1.ListenerSet]
	HTTPRoutes         krt.Collection[*gwv1.HTTPRoute]
	GRPCRoutes         krt.Collection[*gwv1.GRPCRoute]
	TCPRoutes          krt.Collection[*gwv1.TCPRoute]
	TLSRoutes          krt.Collection[*gwv1.TLSRoute]
	BackendTLSPolicies krt.Collection[*gwv1.BackendTLSPolicy]
	InferencePools     krt.Collection[*inferencev1.InferencePool]
}

// withoutStatus is an informer that has no event for a change of the status
// alone.
type withoutStatus[T controllers.ComparableObject] struct{ kclient.Informer[T] }

func (i withoutStatus[T]) AddEventHandler(handler cache.ResourceEventHandler) cache.ResourceEventHandlerRegistration {
	return i.Informer.AddEventHandler(exceptStatus{handler})
}

type exceptStatus struct{ cache.ResourceEventHandler }

// OnUpdate implements cache.ResourceEventHandler.
func (h exceptStatus) OnUpdate(before, after any) {
	old, isObject := before.(metav1.Object)
	now, isObjectToo := after.(metav1.Object)
	if isObject && isObjectToo && sameButStatus(old, now) {
		return
	}
	h.ResourceEventHandler.OnUpdate(before, after)
}

// sameButStatus compares by generation, which the API server raises with every
// change of the spec. An object without one may have changed in any way.
func sameButStatus(before, after metav1.Object) bool {
	return before.GetGeneration() == after.GetGeneration() && after.GetGeneration() != 0 &&
		before.GetUID() == after.GetUID() &&
		before.GetDeletionTimestamp().Equal(after.GetDeletionTimestamp()) &&
		maps.Equal(before.GetLabels(), after.GetLabels()) &&
		maps.Equal(before.GetAnnotations(), after.GetAnnotations())
}

// sharing is the projection of k. It also lets an object of which only the
// status is new have the rest in common with the one before it, which
// collections that have no event for it go on holding.
func sharing[T controllers.ComparableObject](k Kind, stored func(key string) T) func(any) (any, error) {
	return func(arrived any) (any, error) {
		projected, err := k.transform(arrived)
		object, ok := projected.(T)
		if err != nil || !ok {
			return projected, err
		}
		before := stored(krt.GetKey(object))
		if !controllers.IsNil(before) && sameButStatus(before, object) {
			object.SetName(before.GetName())
			object.SetNamespace(before.GetNamespace())
			object.SetUID(before.GetUID())
			object.SetLabels(before.GetLabels())
			object.SetAnnotations(before.GetAnnotations())
			spec := reflect.ValueOf(object).Elem().FieldByName("Spec")
			spec.Set(reflect.ValueOf(before).Elem().FieldByName("Spec"))
		}
		return object, nil
	}
}
