package status

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/controllers"
	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/routes"
)

// routeKind is what sets one kind of route T apart when its status is written
// by a client C.
type routeKind[T controllers.ComparableObject, C updater[T]] struct {
	name string
	live krt.Collection[T]
	// parents returns status.parents of a route.
	parents func(T) []gwv1.RouteParentStatus
	// make returns a route of which only the metadata and the status count.
	make func(metav1.ObjectMeta, gwv1.RouteStatus) T
	// resource names the kind in paths of the API, and rest asks for these.
	resource string
	rest     rest.Interface
	// client returns the typed client of a namespace.
	client func(namespace string) C
}

type updater[T any] interface {
	UpdateStatus(context.Context, T, metav1.UpdateOptions) (T, error)
}

// of makes the Kind. Entries that carry one of own are ours.
func (k routeKind[T, C]) of(desired map[string]krt.Collection[routes.Route], own []string) Kind {
	return Of(Registration[T, routes.Route]{
		Name: k.name, Live: k.live, Desired: desired[k.name], Prefix: k.name + "/",
		Merge: func(live T, route routes.Route, now metav1.Time) (T, bool) {
			parents, differs := mergeParents(k.parents(live), route.Parents, own, live.GetNamespace(), now)
			return k.make(identity(live), gwv1.RouteStatus{Parents: parents}), differs
		},
		Update: func(ctx context.Context, route T) (string, error) {
			return put(ctx, k.rest, k.resource, route, k.client(route.GetNamespace()).UpdateStatus)
		},
	})
}
