package status

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayclient "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned"
	gatewayv1 "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned/typed/apis/v1"

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
		routeKind[*gwv1.HTTPRoute, gatewayv1.HTTPRouteInterface]{
			name: "HTTPRoute", live: in.Statuses.HTTPRoutes,
			resource: "httproutes", rest: rest, client: api.HTTPRoutes,
			parents: func(r *gwv1.HTTPRoute) []gwv1.RouteParentStatus { return r.Status.Parents },
			make: func(meta metav1.ObjectMeta, status gwv1.RouteStatus) *gwv1.HTTPRoute {
				return &gwv1.HTTPRoute{ObjectMeta: meta, Status: gwv1.HTTPRouteStatus{RouteStatus: status}}
			},
		}.of(desired.Routes, controllers),
		routeKind[*gwv1.GRPCRoute, gatewayv1.GRPCRouteInterface]{
			name: "GRPCRoute", live: in.Statuses.GRPCRoutes,
			resource: "grpcroutes", rest: rest, client: api.GRPCRoutes,
			parents: func(r *gwv1.GRPCRoute) []gwv1.RouteParentStatus { return r.Status.Parents },
			make: func(meta metav1.ObjectMeta, status gwv1.RouteStatus) *gwv1.GRPCRoute {
				return &gwv1.GRPCRoute{ObjectMeta: meta, Status: gwv1.GRPCRouteStatus{RouteStatus: status}}
			},
		}.of(desired.Routes, controllers),
		routeKind[*gwv1.TCPRoute, gatewayv1.TCPRouteInterface]{
			name: "TCPRoute", live: in.Statuses.TCPRoutes,
			resource: "tcproutes", rest: rest, client: api.TCPRoutes,
			parents: func(r *gwv1.TCPRoute) []gwv1.RouteParentStatus { return r.Status.Parents },
			make: func(meta metav1.ObjectMeta, status gwv1.RouteStatus) *gwv1.TCPRoute {
				return &gwv1.TCPRoute{ObjectMeta: meta, Status: gwv1.TCPRouteStatus{RouteStatus: status}}
			},
		}.of(desired.Routes, controllers),
		routeKind[*gwv1.TLSRoute, gatewayv1.TLSRouteInterface]{
			name: "TLSRoute", live: in.Statuses.TLSRoutes,
			resource: "tlsroutes", rest: rest, client: api.TLSRoutes,
			parents: func(r *gwv1.TLSRoute) []gwv1.RouteParentStatus { return r.Status.Parents },
			make: func(meta metav1.ObjectMeta, status gwv1.RouteStatus) *gwv1.TLSRoute {
				return &gwv1.TLSRoute{ObjectMeta: meta, Status: gwv1.TLSRouteStatus{RouteStatus: status}}
			},
		}.of(desired.Routes, controllers),
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
