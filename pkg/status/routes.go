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

// routeKinds is what all kinds of routes have in common when their status is
// written.
type routeKinds struct {
	rest    rest.Interface
	desired map[string]krt.Collection[routes.Route]
	// own are the controllerNames of entries that are ours.
	own []string
}

type updater[T any] interface {
	UpdateStatus(context.Context, T, metav1.UpdateOptions) (T, error)
}

// route is a pointer to a kind of route R.
type route[R any] interface {
	*R
	controllers.ComparableObject
}

// routeKind makes the Kind of the routes in live, which paths of the API call
// resource. client is the typed client of a namespace, and status says where a
// route has its status.
func routeKind[R any, T route[R], C updater[T]](all routeKinds, name, resource string, live krt.Collection[T], client func(namespace string) C, status func(T) *gwv1.RouteStatus) Kind {
	return Of(Registration[T, routes.Route]{
		Name: name, Live: live, Desired: all.desired[name], Prefix: name + "/",
		Merge: func(live T, desired routes.Route, now metav1.Time) (T, bool) {
			parents, differs := mergeParents(status(live).Parents, desired.Parents, all.own, live.GetNamespace(), now)
			merged := T(new(R))
			identify(merged, live)
			status(merged).Parents = parents
			return merged, differs
		},
		Update: func(ctx context.Context, route T) (string, error) {
			return put(ctx, all.rest, resource, route, client(route.GetNamespace()).UpdateStatus)
		},
	})
}
