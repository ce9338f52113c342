package v1alpha1

import gwv1 "sigs.k8s.io/gateway-api/apis/v1"

// ExtAuthOrConditional asks an external service whether requests may pass,
// always or depending on conditions.
//
// +kubebuilder:validation:XValidation:rule="has(self.conditional) || has(self.grpc) != has(self.http)",message="exactly one of grpc and http must be set: it is the protocol that the service speaks"
// +kubebuilder:validation:XValidation:rule="!has(self.conditional) || !(has(self.backendRef) || has(self.cache) || has(self.failureMode) || has(self.forwardBody) || has(self.grpc) || has(self.http))",message="conditional excludes backendRef, cache, failureMode, forwardBody, grpc and http: move them into a conditional item"
// +kubebuilder:validation:XValidation:rule="has(self.conditional) || has(self.backendRef)",message="backendRef is required: name the service to ask, or use conditional"
type ExtAuthOrConditional struct {
	ExtAuth `json:",inline"`

	// Services with conditions; the first whose condition is true is asked. When
	// none is, nobody is asked.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.filter(c, !has(c.condition)).size() <= 1 && (self.all(c, has(c.condition)) || !has(self[self.size() - 1].condition))",message="only the last item may lack a condition: it applies when no other does"
	Conditional []ExtAuthConditional `json:"conditional,omitempty"`
}

// ExtAuthConditional is an external authorization with a condition.
type ExtAuthConditional struct {
	// CEL expression on the request. Unset means always; only for the last item.
	//
	// +optional
	Condition *CELExpression `json:"condition,omitempty"`

	// What applies if the condition is true.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="has(self.backendRef)",message="backendRef is required: name the service to ask"
	// +kubebuilder:validation:XValidation:rule="has(self.grpc) != has(self.http)",message="exactly one of grpc and http must be set: it is the protocol that the service speaks"
	Policy ExtAuth `json:"policy"`
}

// ExtAuth asks an external service whether requests may pass.
//
// +kubebuilder:validation:XValidation:rule="!has(self.forwardBody) || !has(self.http) || !has(self.http.body)",message="forwardBody cannot be used with http.body: one sends the request's body, the other a computed one"
type ExtAuth struct {
	// The service to ask: a Service with port, or an AgentgatewayBackend.
	// Required.
	//
	// +optional
	BackendRef *gwv1.BackendObjectReference `json:"backendRef,omitempty"`

	// Ask over gRPC (Envoy's ext_authz protocol). {} is enough.
	//
	// +optional
	GRPC *AgentExtAuthGRPC `json:"grpc,omitempty"`

	// Ask with an HTTP request. An answer of status 2xx lets the request pass.
	//
	// +optional
	HTTP *AgentExtAuthHTTP `json:"http,omitempty"`

	// What happens when the service can't be reached: FailClosed (the default)
	// refuses requests, FailOpen lets them pass.
	//
	// +optional
	FailureMode FailureMode `json:"failureMode,omitempty"`

	// Send the request's body along.
	//
	// +optional
	ForwardBody *ExtAuthBody `json:"forwardBody,omitempty"`

	// Remember answers.
	//
	// +optional
	Cache *ExtAuthCache `json:"cache,omitempty"`
}

// ExtAuthBody sets how much of a body is sent along.
type ExtAuthBody struct {
	// Bytes sent at most; the rest is cut off. Bytes or a quantity such as 8Ki.
	//
	// +required
	MaxSize ByteSize `json:"maxSize"`
}

// ExtAuthCache remembers answers of an external authorization.
type ExtAuthCache struct {
	// CEL expressions; requests for which all of them have the same values share
	// an answer. Example: request.headers["authorization"].
	//
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Key []CELExpression `json:"key"`

	// How long an answer is valid: a duration such as 5m, or a CEL expression
	// that yields one.
	//
	// +required
	TTL CELExpression `json:"ttl"`

	// Most answers kept in each proxy pod. Default: 10000.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	MaxEntries *int32 `json:"maxEntries,omitempty"`
}

// AgentExtAuthGRPC is what a gRPC authorization service is told.
type AgentExtAuthGRPC struct {
	// Fixed values for the service, by name.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	ContextExtensions map[string]string `json:"contextExtensions,omitempty"`

	// Computed values for the service: CEL expressions by name.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	RequestMetadata map[string]CELExpression `json:"requestMetadata,omitempty"`
}

// AgentExtAuthHTTP is the HTTP request to an authorization service, and what is
// taken from its answer.
type AgentExtAuthHTTP struct {
	// CEL expression that yields the path to ask. Default: the request's path.
	//
	// +optional
	Path *CELExpression `json:"path,omitempty"`

	// CEL expression that yields a URL; refused clients are redirected there.
	//
	// +optional
	Redirect *CELExpression `json:"redirect,omitempty"`

	// CEL expression that yields the body to send.
	//
	// +optional
	Body *CELExpression `json:"body,omitempty"`

	// Headers of the request to send along. Default: Authorization.
	//
	// +optional
	// +kubebuilder:validation:MaxItems=64
	AllowedRequestHeaders []ShortString `json:"allowedRequestHeaders,omitempty"`

	// Headers to add to what is sent: CEL expressions by name.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	AddRequestHeaders map[string]CELExpression `json:"addRequestHeaders,omitempty"`

	// Headers of the answer to add to the request on its way to the destination.
	//
	// +optional
	// +kubebuilder:validation:MaxItems=64
	AllowedResponseHeaders []ShortString `json:"allowedResponseHeaders,omitempty"`

	// Values from the answer for later expressions: CEL expressions by name.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	ResponseMetadata map[string]CELExpression `json:"responseMetadata,omitempty"`
}
