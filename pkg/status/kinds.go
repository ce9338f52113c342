package status

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayclient "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/gateways"
	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/policies"
	"agentgateway.dev/controller/pkg/routes"
)

// Desired are the collections that say what the status should be.
type Desired struct {
	Classes  krt.Collection[gateways.Class]
	Gateways krt.Collection[gateways.Status]
	// ListenerSets are those whose Gateway is ours.
	ListenerSets krt.Collection[gateways.Status]
	// Routes are those of each kind, keyed by "<kind>/<namespace>/<name>".
	Routes map[string]krt.Collection[routes.Route]
	// BackendTLSPolicies are keyed by "BackendTLSPolicy/<namespace>/<name>". The
	// kind is left out where the collection is nil.
	BackendTLSPolicies krt.Collection[policies.Status]
}

// Kinds lists every kind whose status is written. Entries of routes and
// policies that carry one of controllers are ours.
func Kinds(in *inputs.Inputs, desired Desired, client gatewayclient.Interface, controllers []string) []Kind {
	api := client.GatewayV1()
	rest := api.RESTClient()
	routes := routeKinds{rest: rest, desired: desired.Routes, own: controllers}
	kinds := []Kind{
		Of(Registration[*gwv1.GatewayClass, gateways.Class]{
			Name: "GatewayClass", Live: in.Statuses.GatewayClasses, Desired: desired.Classes, Merge: mergeClass,
			Update: func(ctx context.Context, class *gwv1.GatewayClass) (string, error) {
				return put(ctx, rest, "gatewayclasses", class, api.GatewayClasses().UpdateStatus)
			},
		}),
		Of(Registration[*gwv1.Gateway, gateways.Status]{
			Name: "Gateway", Live: in.Statuses.Gateways, Desired: desired.Gateways, Merge: mergeGateway,
			Update: func(ctx context.Context, gateway *gwv1.Gateway) (string, error) {
				return put(ctx, rest, "gateways", gateway, api.Gateways(gateway.Namespace).UpdateStatus)
			},
		}),
		Of(Registration[*gwv1.ListenerSet, gateways.Status]{
			Name: "ListenerSet", Live: in.Statuses.ListenerSets, Desired: desired.ListenerSets, Merge: mergeListenerSet,
			Update: func(ctx context.Context, set *gwv1.ListenerSet) (string, error) {
				return put(ctx, rest, "listenersets", set, api.ListenerSets(set.Namespace).UpdateStatus)
			},
		}),
		routeKind(routes, "HTTPRoute", "httproutes", in.Statuses.HTTPRoutes, api.HTTPRoutes, func(r *gwv1.HTTPRoute) *gwv1.RouteStatus { return &r.Status.RouteStatus }),
		routeKind(routes, "GRPCRoute", "grpcroutes", in.Statuses.GRPCRoutes, api.GRPCRoutes, func(r *gwv1.GRPCRoute) *gwv1.RouteStatus { return &r.Status.RouteStatus }),
		routeKind(routes, "TCPRoute", "tcproutes", in.Statuses.TCPRoutes, api.TCPRoutes, func(r *gwv1.TCPRoute) *gwv1.RouteStatus { return &r.Status.RouteStatus }),
		routeKind(routes, "TLSRoute", "tlsroutes", in.Statuses.TLSRoutes, api.TLSRoutes, func(r *gwv1.TLSRoute) *gwv1.RouteStatus { return &r.Status.RouteStatus }),
	}
	return append(kinds, Of(Registration[*gwv1.BackendTLSPolicy, policies.Status]{
		Name: "BackendTLSPolicy", Live: in.Statuses.BackendTLSPolicies, Desired: desired.BackendTLSPolicies, Prefix: "BackendTLSPolicy/",
		Merge: func(live *gwv1.BackendTLSPolicy, status policies.Status, now metav1.Time) (*gwv1.BackendTLSPolicy, bool) {
			ancestors, differs := mergeAncestors(live.Status.Ancestors, status.Ancestors, controllers, live.Namespace, now)
			return &gwv1.BackendTLSPolicy{ObjectMeta: identity(live), Status: gwv1.PolicyStatus{Ancestors: ancestors}}, differs
		},
		Update: func(ctx context.Context, policy *gwv1.BackendTLSPolicy) (string, error) {
			return put(ctx, rest, "backendtlspolicies", policy, api.BackendTLSPolicies(policy.Namespace).UpdateStatus)
		},
	}))
}
