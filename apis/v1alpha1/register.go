package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupName is the API group of every type in this package.
const GroupName = "agentgateway.dev"

// Kinds of the group, as they appear in manifests and references.
const (
	AgentgatewayPolicyKind     = "AgentgatewayPolicy"
	AgentgatewayBackendKind    = "AgentgatewayBackend"
	AgentgatewayParametersKind = "AgentgatewayParameters"
	AgentgatewayModelKind      = "AgentgatewayModel"
)

var (
	// GroupVersion is the group and version of every type in this package.
	GroupVersion = schema.GroupVersion{Group: GroupName, Version: "v1alpha1"}

	// PolicyResource is the REST resource of AgentgatewayPolicy.
	PolicyResource = GroupVersion.WithResource("agentgatewaypolicies")
	// BackendResource is the REST resource of AgentgatewayBackend.
	BackendResource = GroupVersion.WithResource("agentgatewaybackends")
	// ParametersResource is the REST resource of AgentgatewayParameters.
	ParametersResource = GroupVersion.WithResource("agentgatewayparameters")
	// ModelResource is the REST resource of AgentgatewayModel.
	ModelResource = GroupVersion.WithResource("agentgatewaymodels")

	schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

	// AddToScheme registers the group's types with a scheme.
	AddToScheme = schemeBuilder.AddToScheme
)

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&AgentgatewayPolicy{}, &AgentgatewayPolicyList{},
		&AgentgatewayBackend{}, &AgentgatewayBackendList{},
		&AgentgatewayParameters{}, &AgentgatewayParametersList{},
		&AgentgatewayModel{}, &AgentgatewayModelList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
