// Package inputs is the left end of the flow: every watched kind as one krt
// collection, each built once. The same struct is filled from informers
// (FromCluster) or from files (FromObjects); nothing to the right can tell.
package inputs

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	inferencev1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	gwv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
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

	// InferencePools is empty unless Features has them.
	InferencePools krt.Collection[*inferencev1.InferencePool]

	ServiceEntries  krt.Collection[*networkingv1.ServiceEntry]
	WorkloadEntries krt.Collection[*networkingv1.WorkloadEntry]
	// MeshConfigs has Istio's mesh configuration, if there is one, whether its
	// namespace is selected or not. Other ConfigMaps may be in it as well.
	MeshConfigs krt.Collection[*corev1.ConfigMap]

	AgentgatewayParameters krt.Collection[*v1alpha1.AgentgatewayParameters]

	Statuses Statuses
}
