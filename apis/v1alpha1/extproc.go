package v1alpha1

import gwv1 "sigs.k8s.io/gateway-api/apis/v1"

// ExtProcOrConditional lets an external processor change requests and responses,
// always or depending on conditions.
//
// +kubebuilder:validation:XValidation:rule="!has(self.conditional) || !(has(self.backendRef) || has(self.failureMode) || has(self.metadataContext) || has(self.processingOptions) || has(self.requestAttributes) || has(self.responseAttributes))",message="conditional excludes backendRef, failureMode, metadataContext, processingOptions, requestAttributes and responseAttributes: move them into a conditional item"
// +kubebuilder:validation:XValidation:rule="has(self.conditional) || has(self.backendRef)",message="backendRef is required: name the processor, or use conditional"
type ExtProcOrConditional struct {
	ExtProc `json:",inline"`

	// Processors with conditions; the first whose condition is true is used.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.filter(c, !has(c.condition)).size() <= 1 && (self.all(c, has(c.condition)) || !has(self[self.size() - 1].condition))",message="only the last item may lack a condition: it applies when no other does"
	Conditional []ExtProcConditional `json:"conditional,omitempty"`
}

// ExtProcConditional is an external processor with a condition.
type ExtProcConditional struct {
	// CEL expression on the request. Unset means always; only for the last item.
	//
	// +optional
	Condition *CELExpression `json:"condition,omitempty"`

	// What applies if the condition is true.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="has(self.backendRef)",message="backendRef is required: name the processor"
	Policy ExtProc `json:"policy"`
}

// ExtProc is an external processor.
type ExtProc struct {
	// The processor: a Service with port, or an AgentgatewayBackend. Required.
	//
	// +optional
	BackendRef *gwv1.BackendObjectReference `json:"backendRef,omitempty"`

	// What happens when the processor can't be reached: FailClosed (the default)
	// refuses requests, FailOpen goes on without it.
	//
	// +optional
	FailureMode FailureMode `json:"failureMode,omitempty"`

	// Which parts the processor is sent.
	//
	// +optional
	ProcessingOptions *ProcessingOptions `json:"processingOptions,omitempty"`

	// Attributes sent with the request: CEL expressions by name.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	RequestAttributes map[string]CELExpression `json:"requestAttributes,omitempty"`

	// Attributes sent with the response: CEL expressions by name.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	ResponseAttributes map[string]CELExpression `json:"responseAttributes,omitempty"`

	// Dynamic metadata for the processor: by namespace, CEL expressions by key.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	MetadataContext map[string]map[string]CELExpression `json:"metadataContext,omitempty"`
}

// ProcessingOptions sets which parts of requests and responses a processor is
// sent.
type ProcessingOptions struct {
	// How request bodies are sent. Default: FullDuplexStreamed.
	//
	// +optional
	// +kubebuilder:default=FullDuplexStreamed
	RequestBodyMode BodySendMode `json:"requestBodyMode,omitempty"`

	// How response bodies are sent. Default: FullDuplexStreamed.
	//
	// +optional
	// +kubebuilder:default=FullDuplexStreamed
	ResponseBodyMode BodySendMode `json:"responseBodyMode,omitempty"`

	// Whether request headers are sent. Default: Send.
	//
	// +optional
	// +kubebuilder:default=Send
	RequestHeaderMode HeaderSendMode `json:"requestHeaderMode,omitempty"`

	// Whether response headers are sent. Default: Send.
	//
	// +optional
	// +kubebuilder:default=Send
	ResponseHeaderMode HeaderSendMode `json:"responseHeaderMode,omitempty"`

	// Whether request trailers are sent. Default: Send.
	//
	// +optional
	// +kubebuilder:default=Send
	RequestTrailerMode TrailerSendMode `json:"requestTrailerMode,omitempty"`

	// Whether response trailers are sent. Default: Send.
	//
	// +optional
	// +kubebuilder:default=Send
	ResponseTrailerMode TrailerSendMode `json:"responseTrailerMode,omitempty"`

	// Whether the processor may change these modes for a request. Default: false.
	//
	// +optional
	// +kubebuilder:default=false
	AllowModeOverride *bool `json:"allowModeOverride,omitempty"`
}

// BodySendMode says how a body is sent to a processor.
//
// +kubebuilder:validation:Enum=Buffered;BufferedPartial;FullDuplexStreamed;None
type BodySendMode string

const (
	// BodySendModeBuffered sends the whole body at once.
	BodySendModeBuffered BodySendMode = "Buffered"
	// BodySendModeBufferedPartial sends as much as fits the buffer.
	BodySendModeBufferedPartial BodySendMode = "BufferedPartial"
	// BodySendModeFullDuplexStreamed sends the body piece by piece.
	BodySendModeFullDuplexStreamed BodySendMode = "FullDuplexStreamed"
	// BodySendModeNone doesn't send the body.
	BodySendModeNone BodySendMode = "None"
)

// HeaderSendMode says whether headers are sent to a processor.
//
// +kubebuilder:validation:Enum=Send;Skip
type HeaderSendMode string

const (
	// HeaderSendModeSend sends headers.
	HeaderSendModeSend HeaderSendMode = "Send"
	// HeaderSendModeSkip doesn't send headers.
	HeaderSendModeSkip HeaderSendMode = "Skip"
)

// TrailerSendMode says whether trailers are sent to a processor.
//
// +kubebuilder:validation:Enum=Send;Skip
type TrailerSendMode string

const (
	// TrailerSendModeSend sends trailers.
	TrailerSendModeSend TrailerSendMode = "Send"
	// TrailerSendModeSkip doesn't send trailers.
	TrailerSendModeSkip TrailerSendMode = "Skip"
)
