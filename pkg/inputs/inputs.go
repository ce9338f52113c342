// Package inputs is the left end of the flow: every watched kind as one krt
// collection, each built once. The same struct is filled from informers
// (FromCluster) or from files (FromObjects); nothing to the right can tell.
package inputs

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	gwv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/apis/v1alpha1"
)

// Inputs holds one collection per watched kind. A kind whose CRD is not
// installed is an empty, synced collection that fills when the CRD appears.
type Inputs struct {
	Namespaces     krt.Collection[*corev1.Namespace]
	Nodes          krt.Collection[*corev1.Node]
	Pods           krt.Collection[*corev1.Pod]
	Services       krt.Collection[*corev1.Service]
	Secrets        krt.Collection[*corev1.Secret]
	ConfigMaps     krt.Collection[*corev1.ConfigMap]
	EndpointSlices krt.Collection[*discoveryv1.EndpointSlice]

	GatewayClasses     krt.Collection[*gwv1.GatewayClass]
	Gateways           krt.Collection[*gwv1.Gateway]
	ListenerSets       krt.Collection[*gwv1.ListenerSet]
	HTTPRoutes         krt.Collection[*gwv1.HTTPRoute]
	GRPCRoutes         krt.Collection[*gwv1.GRPCRoute]
	TCPRoutes          krt.Collection[*gwv1.TCPRoute]
	TLSRoutes          krt.Collection[*gwv1.TLSRoute]
	BackendTLSPolicies krt.Collection[*gwv1.BackendTLSPolicy]
	ReferenceGrants    krt.Collection[*gwv1beta1.ReferenceGrant]

	AgentgatewayParameters krt.Collection[*v1alpha1.AgentgatewayParameters]
}
