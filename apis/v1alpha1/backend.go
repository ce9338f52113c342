package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AgentgatewayBackend is a destination that a Service can't describe: an LLM
// provider, a set of MCP servers, a host outside the cluster, an agent. Routes
// refer to it as a backendRef of group agentgateway.dev.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=agentgatewaybackends,singular=agentgatewaybackend,shortName=agbe,categories=agentgateway
// +kubebuilder:metadata:labels={"app=agentgateway","app.kubernetes.io/name=agentgateway"}
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=".status.conditions[?(@.type=='Accepted')].status"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=".metadata.creationTimestamp"
type AgentgatewayBackend struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What the destination is, and how it is called.
	//
	// +required
	Spec AgentgatewayBackendSpec `json:"spec"`

	// What the controller made of the backend.
	//
	// +optional
	Status AgentgatewayBackendStatus `json:"status,omitempty"`
}

// AgentgatewayBackendList is a list of AgentgatewayBackend objects.
//
// +kubebuilder:object:root=true
type AgentgatewayBackendList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AgentgatewayBackend `json:"items"`
}

// AgentgatewayBackendSpec is what a destination is, and how it is called.
//
// +kubebuilder:validation:ExactlyOneOf=ai;static;dynamicForwardProxy;mcp;aws;a2a
// +kubebuilder:validation:XValidation:rule="!has(self.policies) || !has(self.policies.ai) || has(self.ai)",message="AI policies require AI backend: set ai, or remove policies.ai"
// +kubebuilder:validation:XValidation:rule="!has(self.policies) || !has(self.policies.mcp) || has(self.mcp)",message="MCP policies require MCP backend: set mcp, or remove policies.mcp"
type AgentgatewayBackendSpec struct {
	// An LLM provider, or several in order of preference.
	//
	// +optional
	AI *AIBackend `json:"ai,omitempty"`

	// A host and port, or a Unix socket.
	//
	// +optional
	Static *StaticBackend `json:"static,omitempty"`

	// Whatever host the request names. Combine it with authorization: clients
	// can reach anything that the proxy can.
	//
	// +optional
	DynamicForwardProxy *DynamicForwardProxyBackend `json:"dynamicForwardProxy,omitempty"`

	// MCP servers, joined to one.
	//
	// +optional
	MCP *MCPBackend `json:"mcp,omitempty"`

	// A service of AWS.
	//
	// +optional
	AWS *AwsBackend `json:"aws,omitempty"`

	// An agent that speaks the Agent2Agent protocol.
	//
	// +optional
	A2A *A2ABackend `json:"a2a,omitempty"`

	// How the destination is called. Policies here win over AgentgatewayPolicy
	// objects for the backend.
	//
	// +optional
	Policies *BackendFull `json:"policies,omitempty"`
}

// StaticBackend is a fixed address.
//
// +kubebuilder:validation:XValidation:rule="has(self.unixPath) || (has(self.host) && has(self.port))",message="must specify either unixPath or both host and port"
// +kubebuilder:validation:XValidation:rule="!has(self.unixPath) || (!has(self.host) && !has(self.port))",message="unixPath and host/port are mutually exclusive: remove one or the other"
type StaticBackend struct {
	// DNS name or IP address. Example: httpbin.org.
	//
	// +optional
	Host *ShortString `json:"host,omitempty"`

	// Port. 443 alone doesn't switch TLS on: set policies.tls.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port *int32 `json:"port,omitempty"`

	// Path of a Unix socket in the proxy's container.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	UnixPath *string `json:"unixPath,omitempty"`
}

// DynamicForwardProxyBackend is whatever host the request names. It has no
// settings.
type DynamicForwardProxyBackend struct{}

// A2ABackend is an agent that speaks the Agent2Agent protocol.
type A2ABackend struct {
	// DNS name or IP address.
	//
	// +required
	Host ShortString `json:"host"`

	// Port.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port"`
}

// AwsBackend is a service of AWS.
//
// +kubebuilder:validation:ExactlyOneOf=agentCore
type AwsBackend struct {
	// An agent in Amazon Bedrock AgentCore.
	//
	// +optional
	AgentCore *AwsAgentCoreBackend `json:"agentCore,omitempty"`
}

// AwsAgentCoreBackend is an agent in Amazon Bedrock AgentCore.
type AwsAgentCoreBackend struct {
	// ARN of the agent runtime; it gives the region too. Example:
	// arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/planner.
	//
	// +required
	AgentRuntimeARN string `json:"agentRuntimeArn"`

	// Endpoint or version of the agent runtime. Default: AWS's own.
	//
	// +optional
	Qualifier *string `json:"qualifier,omitempty"`
}

// AgentgatewayBackendStatus is what the controller made of a backend.
type AgentgatewayBackendStatus struct {
	// Condition Accepted: whether the backend can be used, and why not.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
