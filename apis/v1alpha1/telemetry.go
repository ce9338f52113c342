package v1alpha1

import gwv1 "sigs.k8s.io/gateway-api/apis/v1"

// AccessLog sets which requests are logged, with what, and where to.
type AccessLog struct {
	// CEL expression; only requests for which it is true are logged. Example:
	// response.code >= 400. Unset logs all.
	//
	// +optional
	Filter *CELExpression `json:"filter,omitempty"`

	// Attributes to add to, or remove from, every line.
	//
	// +optional
	Attributes *LogTracingAttributes `json:"attributes,omitempty"`

	// Send the log to an OpenTelemetry collector too.
	//
	// +optional
	OTLP *OtlpAccessLog `json:"otlp,omitempty"`
}

// OtlpAccessLog sends the access log over the OpenTelemetry protocol.
//
// +kubebuilder:validation:XValidation:rule="!has(self.path) || !has(self.protocol) || self.protocol == 'HTTP'",message="path is for protocol HTTP only: set protocol HTTP, or remove path"
// +kubebuilder:validation:XValidation:rule="!has(self.path) || self.path.startsWith('/')",message="path must start with /"
type OtlpAccessLog struct {
	// The collector: a Service with port, or an AgentgatewayBackend.
	//
	// +required
	BackendRef gwv1.BackendObjectReference `json:"backendRef"`

	// GRPC (the default) or HTTP.
	//
	// +optional
	// +kubebuilder:default=GRPC
	Protocol OTLPProtocol `json:"protocol,omitempty"`

	// Path on the collector, for HTTP. Default: /v1/logs.
	//
	// +optional
	Path *LongString `json:"path,omitempty"`

	// CEL expression; only requests for which it is true are sent. Unset takes
	// the filter of the access log.
	//
	// +optional
	Filter *CELExpression `json:"filter,omitempty"`

	// Attributes to add to, or remove from, what is sent. Unset takes those of
	// the access log.
	//
	// +optional
	Attributes *LogTracingAttributes `json:"attributes,omitempty"`
}

// OTLPProtocol is the transport of the OpenTelemetry protocol.
//
// +kubebuilder:validation:Enum=GRPC;HTTP
type OTLPProtocol string

const (
	// OTLPProtocolGRPC is OTLP over gRPC.
	OTLPProtocolGRPC OTLPProtocol = "GRPC"
	// OTLPProtocolHTTP is OTLP over HTTP.
	OTLPProtocolHTTP OTLPProtocol = "HTTP"
)

// LogTracingAttributes changes the attributes of a log line or a span.
//
// +kubebuilder:validation:AtLeastOneOf=add;remove
type LogTracingAttributes struct {
	// Names of attributes to leave out.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Remove []TinyString `json:"remove,omitempty"`

	// Attributes to add.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	Add []AttributeAdd `json:"add,omitempty"`
}

// AttributeAdd is an attribute with a computed value.
type AttributeAdd struct {
	// Name of the attribute.
	//
	// +required
	Name ShortString `json:"name"`

	// CEL expression that yields its value.
	//
	// +required
	Expression CELExpression `json:"expression"`
}

// Tracing sends spans to an OpenTelemetry collector.
//
// +kubebuilder:validation:XValidation:rule="!has(self.path) || !has(self.protocol) || self.protocol == 'HTTP'",message="path is for protocol HTTP only: set protocol HTTP, or remove path"
// +kubebuilder:validation:XValidation:rule="!has(self.path) || self.path.startsWith('/')",message="path must start with /"
type Tracing struct {
	// The collector: a Service with port, or an AgentgatewayBackend.
	//
	// +required
	BackendRef gwv1.BackendObjectReference `json:"backendRef"`

	// GRPC (the default) or HTTP.
	//
	// +optional
	// +kubebuilder:default=GRPC
	Protocol OTLPProtocol `json:"protocol,omitempty"`

	// Path on the collector, for HTTP. Default: /v1/traces.
	//
	// +optional
	Path *LongString `json:"path,omitempty"`

	// Attributes to add to, or remove from, every span.
	//
	// +optional
	Attributes *LogTracingAttributes `json:"attributes,omitempty"`

	// Attributes of the resource that the spans belong to. Example: name
	// deployment.environment, expression "prod" in CEL quotes.
	//
	// +optional
	Resources []ResourceAdd `json:"resources,omitempty"`

	// CEL expression that decides whether to trace a request that came without a
	// trace: a boolean, or a share from 0.0 to 1.0. Example: 0.1.
	//
	// +optional
	RandomSampling *CELExpression `json:"randomSampling,omitempty"`

	// CEL expression that decides whether to trace a request that came with a
	// trace: a boolean, or a share from 0.0 to 1.0.
	//
	// +optional
	ClientSampling *CELExpression `json:"clientSampling,omitempty"`

	// CEL expression; spans of requests for which it is not true are dropped.
	//
	// +optional
	Filter *CELExpression `json:"filter,omitempty"`
}

// ResourceAdd is a resource attribute with a computed value.
type ResourceAdd struct {
	// Name of the attribute.
	//
	// +required
	Name ShortString `json:"name"`

	// CEL expression that yields its value.
	//
	// +required
	Expression CELExpression `json:"expression"`
}

// MetricLabels changes the labels of the request metrics.
type MetricLabels struct {
	// Labels to add. Mind their number of values: each is a time series.
	//
	// +required
	Attributes MetricAttributes `json:"attributes"`
}

// MetricAttributes is a set of metric labels.
//
// +kubebuilder:validation:AtLeastOneOf=add
type MetricAttributes struct {
	// Labels with computed values.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Add []AttributeAdd `json:"add,omitempty"`
}
