package status

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayclient "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/gateways"
	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/routes"
)

// Desired are the collections that say what the status should be.
type Desired struct {
	Classes  krt.Collection[gateways.Class]
	Gateways krt.Collection[gateways.Status]
	// HTTPRoutes are keyed by "HTTPRoute/<namespace>/<name>".
	HTTPRoutes krt.Collection[routes.Route]
}

// Kinds lists every kind whose status is written. Entries of routes that carry
// one of controllers are ours.
func Kinds(in *inputs.Inputs, desired Desired, client gatewayclient.Interface, controllers []string) []Kind {
	api := client.GatewayV1()
	none := metav1.UpdateOptions{}
	return []Kind{
		Of(Registration[*gwv1.GatewayClass, gateways.Class]{
			Name: "GatewayClass", Live: in.GatewayClasses, Desired: desired.Classes, Merge: mergeClass,
			Update: func(ctx context.Context, class *gwv1.GatewayClass) (*gwv1.GatewayClass, error) {
				return api.GatewayClasses().UpdateStatus(ctx, class, none)
			},
		}),
		Of(Registration[*gwv1.Gateway, gateways.Status]{
			Name: "Gateway", Live: in.Gateways, Desired: desired.Gateways, Merge: mergeGateway,
			Update: func(ctx context.Context, gateway *gwv1.Gateway) (*gwv1.Gateway, error) {
				return api.Gateways(gateway.Namespace).UpdateStatus(ctx, gateway, none)
			},
		}),
		Of(Registration[*gwv1.HTTPRoute, routes.Route]{
			Name: "HTTPRoute", Live: in.HTTPRoutes, Desired: desired.HTTPRoutes, Prefix: "HTTPRoute/",
			Merge: func(live *gwv1.HTTPRoute, route routes.Route, now metav1.Time) (*gwv1.HTTPRoute, bool) {
				parents, differs := mergeParents(live.Status.Parents, route.Parents, controllers, live.Namespace, now)
				return &gwv1.HTTPRoute{
					ObjectMeta: identity(live),
					Status:     gwv1.HTTPRouteStatus{RouteStatus: gwv1.RouteStatus{Parents: parents}},
				}, differs
			},
			Update: func(ctx context.Context, route *gwv1.HTTPRoute) (*gwv1.HTTPRoute, error) {
				return api.HTTPRoutes(route.Namespace).UpdateStatus(ctx, route, none)
			},
		}),
	}
}
