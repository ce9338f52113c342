package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// MCPBackend is a set of MCP servers that clients see as one.
type MCPBackend struct {
	// The servers.
	//
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.name == b.name))",message="target names must be unique: rename one of them"
	Targets []McpTargetSelector `json:"targets"`

	// Stateful (the default) keeps a client's session on the same servers,
	// Stateless opens a new exchange for every request.
	//
	// +optional
	SessionRouting SessionRouting `json:"sessionRouting,omitempty"`

	// What happens when a server fails: FailClosed (the default) fails the
	// request, FailOpen goes on with the others.
	//
	// +optional
	FailureMode FailureMode `json:"failureMode,omitempty"`

	// Whether names of tools and prompts get the target's name in front:
	// Conditional (the default) if there are several targets, Always, or Never.
	//
	// +optional
	PrefixMode PrefixMode `json:"prefixMode,omitempty"`
}

// SessionRouting says whether sessions are kept.
//
// +kubebuilder:validation:Enum=Stateful;Stateless
type SessionRouting string

const (
	// SessionRoutingStateful keeps sessions.
	SessionRoutingStateful SessionRouting = "Stateful"
	// SessionRoutingStateless opens a new exchange for every request.
	SessionRoutingStateless SessionRouting = "Stateless"
)

// PrefixMode says when names get the target's name in front.
//
// +kubebuilder:validation:Enum=Always;Conditional;Never
type PrefixMode string

const (
	// PrefixModeAlways puts the target's name in front of every name.
	PrefixModeAlways PrefixMode = "Always"
	// PrefixModeConditional does so if there are several targets.
	PrefixModeConditional PrefixMode = "Conditional"
	// PrefixModeNever leaves names as they are.
	PrefixModeNever PrefixMode = "Never"
)

// McpTargetSelector is one MCP server, or all Services that labels select.
//
// +kubebuilder:validation:ExactlyOneOf=selector;static
type McpTargetSelector struct {
	// Name of the target, for policies (as sectionName) and as prefix.
	//
	// +required
	Name gwv1.SectionName `json:"name"`

	// Services, by label. Their ports count whose appProtocol is
	// agentgateway.dev/mcp or agentgateway.dev/mcp-sse.
	//
	// +optional
	Selector *McpSelector `json:"selector,omitempty"`

	// One server.
	//
	// +optional
	Static *McpTarget `json:"static,omitempty"`
}

// McpSelector selects Services by their labels and those of their namespaces.
//
// +kubebuilder:validation:AtLeastOneOf=namespaces;services
type McpSelector struct {
	// Labels of the namespaces to look in; {} means all. Unset looks only in the
	// backend's own.
	//
	// +optional
	Namespaces *metav1.LabelSelector `json:"namespaces,omitempty"`

	// Labels of the Services. Unset or {} means all.
	//
	// +optional
	Services *metav1.LabelSelector `json:"services,omitempty"`
}

// McpTarget is one MCP server.
//
// +kubebuilder:validation:ExactlyOneOf=host;backendRef
// +kubebuilder:validation:XValidation:rule="!has(self.policies) || !has(self.backendRef)",message="mcp target policies may not be used with backendRef: use host, or an AgentgatewayPolicy that targets the backend with this target's name as sectionName"
type McpTarget struct {
	// DNS name or IP address of the server.
	//
	// +optional
	Host *ShortString `json:"host,omitempty"`

	// Service of the same namespace.
	//
	// +optional
	BackendRef *corev1.LocalObjectReference `json:"backendRef,omitempty"`

	// Port.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port"`

	// Path on the server. Default: /mcp, or /sse for protocol SSE.
	//
	// +optional
	Path *LongString `json:"path,omitempty"`

	// StreamableHTTP (the default) or the older SSE.
	//
	// +optional
	Protocol MCPProtocol `json:"protocol,omitempty"`

	// How the server is called. For host only.
	//
	// +optional
	Policies *BackendSimple `json:"policies,omitempty"`
}

// MCPProtocol is a transport of MCP.
//
// +kubebuilder:validation:Enum=SSE;StreamableHTTP
type MCPProtocol string

const (
	// MCPProtocolSSE is HTTP with server-sent events.
	MCPProtocolSSE MCPProtocol = "SSE"
	// MCPProtocolStreamableHTTP is streamable HTTP.
	MCPProtocolStreamableHTTP MCPProtocol = "StreamableHTTP"
)
