package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// BackendMCP sets who may use MCP servers, and how calls are checked.
//
// +kubebuilder:validation:AtLeastOneOf=authentication;authorization;guardrails
type BackendMCP struct {
	// Who may use which tool, prompt or resource. Rules see mcp.tool.name,
	// mcp.tool.target, mcp.prompt, mcp.resource and jwt; what isn't allowed isn't
	// listed either.
	//
	// +optional
	Authorization *Authorization `json:"authorization,omitempty"`

	// Authenticate MCP clients by token. Prefer traffic.jwtAuthentication with
	// mcp, in a policy for the route or Gateway.
	//
	// +optional
	Authentication *MCPAuthentication `json:"authentication,omitempty"`

	// Let external processors see and change MCP calls.
	//
	// +optional
	Guardrails *MCPGuardrails `json:"guardrails,omitempty"`
}

// MCPAuthentication authenticates MCP clients by JSON Web Token, and tells them
// where to get one.
type MCPAuthentication struct {
	// Strict (the default) refuses requests without a valid token, Optional
	// refuses only invalid tokens, Permissive refuses nothing.
	//
	// +optional
	// +kubebuilder:default=Strict
	Mode JWTAuthenticationMode `json:"mode,omitempty"`

	// Issuer, compared with the token's iss claim.
	//
	// +optional
	Issuer *ShortString `json:"issuer,omitempty"`

	// Accepted audiences; the token's aud claim must hold one of them. Unset
	// accepts any.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Audiences []string `json:"audiences,omitempty"`

	// Where to fetch the issuer's keys.
	//
	// +required
	JWKS RemoteJWKS `json:"jwks"`

	// Product that issues the tokens, for its peculiarities. Unset means none.
	//
	// +optional
	Provider McpIDP `json:"provider,omitempty"`

	// Fields of the OAuth protected resource metadata. Example: resource, and
	// scopes_supported.
	//
	// +optional
	ResourceMetadata map[string]apiextensionsv1.JSON `json:"resourceMetadata,omitempty"`

	// OAuth client id handed to clients that register themselves.
	//
	// +optional
	ClientID *string `json:"clientId,omitempty"`

	// Secret with the OAuth client secret. Default data key: clientSecret.
	//
	// +optional
	ClientSecretRef *LocalSecretKeyRef `json:"clientSecretRef,omitempty"`
}

// MCPGuardrails lets processors see and change MCP calls.
type MCPGuardrails struct {
	// The processors, called in order.
	//
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Processors []MCPGuardrailsProcessor `json:"processors"`
}

// MCPGuardrailsProcessor is a processor of MCP calls.
//
// +kubebuilder:validation:ExactlyOneOf=remote
type MCPGuardrailsProcessor struct {
	// A service that processes the calls.
	//
	// +optional
	Remote *MCPGuardrailsRemote `json:"remote,omitempty"`

	// Which calls it sees, by method: Off, Request, Response or Full. A key is a
	// method such as tools/call, or has one "*" at its start or end.
	//
	// +required
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.substring(k.startsWith('*') ? 1 : 0, k.endsWith('*') && k.size() > 1 ? k.size() - 1 : k.size()).contains('*') && !(k.size() > 1 && k.startsWith('*') && k.endsWith('*')))",message="a method may hold one '*', at its start or at its end: such as tools/*, */list or *"
	Methods map[string]MCPMethodPhase `json:"methods"`
}

// MCPMethodPhase says which part of a call a processor sees.
//
// +kubebuilder:validation:Enum=Full;Off;Request;Response
type MCPMethodPhase string

const (
	// MCPMethodPhaseFull is request and response.
	MCPMethodPhaseFull MCPMethodPhase = "Full"
	// MCPMethodPhaseOff is nothing.
	MCPMethodPhaseOff MCPMethodPhase = "Off"
	// MCPMethodPhaseRequest is the request.
	MCPMethodPhaseRequest MCPMethodPhase = "Request"
	// MCPMethodPhaseResponse is the response.
	MCPMethodPhaseResponse MCPMethodPhase = "Response"
)

// MCPGuardrailsRemote is a service that processes MCP calls.
type MCPGuardrailsRemote struct {
	// The service: a Service with port, or an AgentgatewayBackend.
	//
	// +required
	BackendRef gwv1.BackendObjectReference `json:"backendRef"`

	// What happens when the service can't be reached: FailClosed (the default)
	// refuses calls, FailOpen lets them pass.
	//
	// +optional
	FailureMode FailureMode `json:"failureMode,omitempty"`

	// Values for the service: CEL expressions by name.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Metadata map[string]CELExpression `json:"metadata,omitempty"`

	// Headers of the request that the service sees.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	AllowedRequestHeaders []HeaderName `json:"allowedRequestHeaders,omitempty"`

	// Headers of the request that the service doesn't see, even if allowed.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	DisallowedRequestHeaders []HeaderName `json:"disallowedRequestHeaders,omitempty"`
}
