package v1alpha1

import apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

// BackendAI sets what happens to requests for an LLM.
//
// +kubebuilder:validation:AtLeastOneOf=defaults;modelAliases;overrides;prompt;promptCaching;promptGuard;routes;transformations
type BackendAI struct {
	// Messages put before or after those of the client.
	//
	// +optional
	Prompt *AIPromptEnrichment `json:"prompt,omitempty"`

	// Checks of prompts and answers.
	//
	// +optional
	PromptGuard *AIPromptGuard `json:"promptGuard,omitempty"`

	// Values for fields that the request's body lacks.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Defaults []FieldDefault `json:"defaults,omitempty"`

	// Values for fields of the request's body, whatever the client sent.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Overrides []FieldDefault `json:"overrides,omitempty"`

	// Computed values for fields of the request's body.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Transformations []FieldTransformation `json:"transformations,omitempty"`

	// Other names for models: the name asked for, with at most one "*", and the
	// name sent to the provider. Example: fast: gpt-4o-mini.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	ModelAliases map[string]string `json:"modelAliases,omitempty"`

	// Marks for the provider's prompt cache (Bedrock, Anthropic).
	//
	// +optional
	PromptCaching *PromptCachingConfig `json:"promptCaching,omitempty"`

	// Format of requests, by path suffix; the longest that fits wins, "*" comes
	// last. Example: /v1/messages: Messages. Unset takes every request as
	// Completions.
	//
	// +optional
	Routes map[string]RouteType `json:"routes,omitempty"`
}

// RouteType is the format of an LLM request. Passthrough forwards it unread,
// Detect reads it for telemetry only.
//
// +kubebuilder:validation:Enum=AnthropicTokenCount;Completions;Detect;Embeddings;Messages;Models;Passthrough;Realtime;Rerank;Responses
type RouteType string

// Formats of LLM requests.
const (
	RouteTypeAnthropicTokenCount RouteType = "AnthropicTokenCount"
	RouteTypeCompletions         RouteType = "Completions"
	RouteTypeDetect              RouteType = "Detect"
	RouteTypeEmbeddings          RouteType = "Embeddings"
	RouteTypeMessages            RouteType = "Messages"
	RouteTypeModels              RouteType = "Models"
	RouteTypePassthrough         RouteType = "Passthrough"
	RouteTypeRealtime            RouteType = "Realtime"
	RouteTypeRerank              RouteType = "Rerank"
	RouteTypeResponses           RouteType = "Responses"
)

// AIPromptEnrichment adds messages to prompts.
type AIPromptEnrichment struct {
	// Messages put before the client's.
	//
	// +optional
	Prepend []Message `json:"prepend,omitempty"`

	// Messages put after the client's.
	//
	// +optional
	Append []Message `json:"append,omitempty"`
}

// Message is a message of a prompt.
type Message struct {
	// Who speaks. Example: system.
	//
	// +required
	Role string `json:"role"`

	// What is said.
	//
	// +required
	Content string `json:"content"`
}

// FieldDefault is a value for a field of a request's body.
type FieldDefault struct {
	// Name of the field. Example: temperature.
	//
	// +required
	Field ShortString `json:"field"`

	// Any JSON value. Example: 0.2.
	//
	// +required
	Value apiextensionsv1.JSON `json:"value"`
}

// FieldTransformation is a computed value for a field of a request's body.
type FieldTransformation struct {
	// Name of the field. Example: user.
	//
	// +required
	Field ShortString `json:"field"`

	// CEL expression that yields the value. If it fails, the field is removed.
	//
	// +required
	Expression CELExpression `json:"expression"`
}

// PromptCachingConfig sets which parts of a prompt the provider may cache.
type PromptCachingConfig struct {
	// Cache the system prompt. Default: true.
	//
	// +optional
	// +kubebuilder:default=true
	CacheSystem *bool `json:"cacheSystem,omitempty"`

	// Cache the conversation. Default: true.
	//
	// +optional
	// +kubebuilder:default=true
	CacheMessages *bool `json:"cacheMessages,omitempty"`

	// Cache the tools' descriptions. Default: false.
	//
	// +optional
	// +kubebuilder:default=false
	CacheTools *bool `json:"cacheTools,omitempty"`

	// Tokens that a prompt must have to be cached, roughly counted. Default:
	// 1024.
	//
	// +optional
	// +kubebuilder:default=1024
	// +kubebuilder:validation:Minimum=0
	MinTokens *int `json:"minTokens,omitempty"`

	// Messages at the end of the conversation to leave out. Default: 0.
	//
	// +optional
	// +kubebuilder:default=0
	// +kubebuilder:validation:Minimum=0
	CacheMessageOffset *int `json:"cacheMessageOffset,omitempty"`
}
