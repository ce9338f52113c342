package v1alpha1

import gwv1 "sigs.k8s.io/gateway-api/apis/v1"

// AIBackend is an LLM provider, or several in order of preference.
//
// +kubebuilder:validation:ExactlyOneOf=provider;groups
type AIBackend struct {
	// The provider. Policies name it as section "backend".
	//
	// +optional
	Provider *LLMProvider `json:"provider,omitempty"`

	// Groups of providers, preferred first. A later group is used when every
	// provider of the earlier ones is evicted, so set a health policy.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Groups []PriorityGroup `json:"groups,omitempty"`
}

// PriorityGroup is a group of providers that share the load.
type PriorityGroup struct {
	// The providers. Requests go to those that answer well and fast.
	//
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.name == b.name))",message="provider names must be unique within a group: rename one of them"
	Providers []NamedLLMProvider `json:"providers"`
}

// NamedLLMProvider is a provider in a group.
type NamedLLMProvider struct {
	LLMProvider `json:",inline"`

	// Name of the provider, for policies (as sectionName) and metrics. Keep it
	// unique over all groups.
	//
	// +required
	Name gwv1.SectionName `json:"name"`

	// How this provider is called. Wins over the backend's policies.
	//
	// +optional
	Policies *BackendWithAI `json:"policies,omitempty"`
}

// LLMProvider is an LLM provider and its address.
//
// +kubebuilder:validation:ExactlyOneOf=openai;azureopenai;azure;anthropic;gemini;vertexai;bedrock;custom
// +kubebuilder:validation:XValidation:rule="has(self.host) == has(self.port)",message="both host and port must be set together: add the missing one, or remove both"
// +kubebuilder:validation:XValidation:rule="!has(self.custom) || has(self.custom.backendRef) != has(self.host)",message="custom providers must specify exactly one of backendRef or host and port"
// +kubebuilder:validation:XValidation:rule="!has(self.path) || !has(self.pathPrefix)",message="path and pathPrefix are mutually exclusive: path replaces the whole path, pathPrefix its start"
// +kubebuilder:validation:XValidation:rule="!has(self.custom) || !self.custom.formats.exists(f, has(f.path)) || (!has(self.path) && !has(self.pathPrefix))",message="path, pathPrefix, and custom format paths are mutually exclusive: keep one kind of them"
// +kubebuilder:validation:XValidation:rule="!has(self.pathPrefix) || has(self.host)",message="pathPrefix requires host to be set"
type LLMProvider struct {
	// OpenAI. {} takes the model from the request.
	//
	// +optional
	OpenAI *OpenAIConfig `json:"openai,omitempty"`

	// Azure OpenAI, by endpoint. Deprecated: use azure.
	//
	// +optional
	AzureOpenAI *AzureOpenAIConfig `json:"azureopenai,omitempty"`

	// Azure OpenAI or Azure AI Foundry.
	//
	// +optional
	Azure *AzureConfig `json:"azure,omitempty"`

	// Anthropic. {} takes the model from the request.
	//
	// +optional
	Anthropic *AnthropicConfig `json:"anthropic,omitempty"`

	// Google Gemini. {} takes the model from the request.
	//
	// +optional
	Gemini *GeminiConfig `json:"gemini,omitempty"`

	// Google Vertex AI.
	//
	// +optional
	VertexAI *VertexAIConfig `json:"vertexai,omitempty"`

	// Amazon Bedrock.
	//
	// +optional
	Bedrock *BedrockConfig `json:"bedrock,omitempty"`

	// Any server that speaks one of the known formats.
	//
	// +optional
	Custom *CustomProvider `json:"custom,omitempty"`

	// Host in place of the provider's own. TLS and credentials of the provider
	// then don't apply: set policies.tls ({} is enough) and policies.auth.
	//
	// +optional
	Host *ShortString `json:"host,omitempty"`

	// Port of host.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port *int32 `json:"port,omitempty"`

	// Path in place of the provider's own, whatever the format.
	//
	// +optional
	Path *LongString `json:"path,omitempty"`

	// Start of the path in place of the provider's own, which usually is /v1.
	//
	// +optional
	PathPrefix *LongString `json:"pathPrefix,omitempty"`
}

// OpenAIConfig is OpenAI.
type OpenAIConfig struct {
	// Model, in place of the one in the request. Example: gpt-4o-mini.
	//
	// +optional
	Model *ShortString `json:"model,omitempty"`
}

// AnthropicConfig is Anthropic.
type AnthropicConfig struct {
	// Model, in place of the one in the request.
	//
	// +optional
	Model *ShortString `json:"model,omitempty"`
}

// GeminiConfig is Google Gemini.
type GeminiConfig struct {
	// Model, in place of the one in the request. Example: gemini-2.5-flash.
	//
	// +optional
	Model *ShortString `json:"model,omitempty"`
}

// AzureOpenAIConfig is Azure OpenAI, by endpoint.
//
// +kubebuilder:validation:XValidation:rule="!has(self.apiVersion) || self.apiVersion == 'v1' || has(self.deploymentName)",message="deploymentName is required for this apiVersion: set it, or use apiVersion v1"
type AzureOpenAIConfig struct {
	// Endpoint of the resource. Example: acme.openai.azure.com.
	//
	// +required
	Endpoint ShortString `json:"endpoint"`

	// Deployment, in place of the model in the request.
	//
	// +optional
	DeploymentName *ShortString `json:"deploymentName,omitempty"`

	// Version of the API: v1 (the default), or a date such as 2024-10-21.
	//
	// +optional
	APIVersion *TinyString `json:"apiVersion,omitempty"`
}

// AzureConfig is Azure OpenAI or Azure AI Foundry.
type AzureConfig struct {
	AzureSettings `json:",inline"`

	// Model or deployment, in place of the one in the request.
	//
	// +optional
	Model *ShortString `json:"model,omitempty"`
}

// AzureSettings is a resource in Azure.
//
// +kubebuilder:validation:XValidation:rule="self.resourceType != 'Foundry' || has(self.projectName)",message="projectName is required when resourceType is Foundry"
type AzureSettings struct {
	// Name of the resource, the first part of its DNS name.
	//
	// +required
	ResourceName ShortString `json:"resourceName"`

	// OpenAI (NAME.openai.azure.com) or Foundry (NAME.services.ai.azure.com).
	//
	// +required
	ResourceType AzureResourceType `json:"resourceType"`

	// Project in Foundry.
	//
	// +optional
	ProjectName *ShortString `json:"projectName,omitempty"`

	// Version of the API: v1 (the default), preview, or a date such as
	// 2024-10-21. Not used by Foundry.
	//
	// +optional
	APIVersion *TinyString `json:"apiVersion,omitempty"`
}

// AzureResourceType is a kind of Azure resource.
//
// +kubebuilder:validation:Enum=Foundry;OpenAI
type AzureResourceType string

const (
	// AzureResourceTypeFoundry is Azure AI Foundry.
	AzureResourceTypeFoundry AzureResourceType = "Foundry"
	// AzureResourceTypeOpenAI is Azure OpenAI.
	AzureResourceTypeOpenAI AzureResourceType = "OpenAI"
)

// VertexAIConfig is Google Vertex AI.
type VertexAIConfig struct {
	VertexAISettings `json:",inline"`

	// Model, in place of the one in the request.
	//
	// +optional
	Model *ShortString `json:"model,omitempty"`
}

// VertexAISettings is a project in Google Cloud.
type VertexAISettings struct {
	// Google Cloud project.
	//
	// +required
	ProjectID TinyString `json:"projectId"`

	// Region. Example: europe-west4. Default: global.
	//
	// +optional
	// +kubebuilder:default=global
	Region *TinyString `json:"region,omitempty"`
}

// BedrockConfig is Amazon Bedrock.
type BedrockConfig struct {
	BedrockSettings `json:",inline"`

	// Model or inference profile, in place of the one in the request.
	//
	// +optional
	Model *ShortString `json:"model,omitempty"`
}

// BedrockSettings is Amazon Bedrock in a region.
type BedrockSettings struct {
	// AWS region. Default: us-east-1.
	//
	// +optional
	// +kubebuilder:default=us-east-1
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9-]+$`
	Region *string `json:"region,omitempty"`

	// Guardrail that Bedrock applies itself.
	//
	// +optional
	Guardrail *AWSGuardrailConfig `json:"guardrail,omitempty"`
}

// AWSGuardrailConfig is a guardrail in Amazon Bedrock.
type AWSGuardrailConfig struct {
	// Identifier of the guardrail.
	//
	// +required
	Identifier ShortString `json:"identifier"`

	// Version of the guardrail. Example: DRAFT, or a number.
	//
	// +required
	Version ShortString `json:"version"`
}

// CustomProvider is any server that speaks one of the known formats.
type CustomProvider struct {
	CustomProviderSettings `json:",inline"`

	// Model, in place of the one in the request.
	//
	// +optional
	Model *ShortString `json:"model,omitempty"`
}

// CustomProviderSettings is the formats that a server speaks, and where it is.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.backendRef) || ((!has(self.backendRef.group) || self.backendRef.group == "") && (!has(self.backendRef.kind) || self.backendRef.kind == 'Service')) || (has(self.backendRef.group) && self.backendRef.group == 'inference.networking.k8s.io' && has(self.backendRef.kind) && self.backendRef.kind == 'InferencePool')`,message="custom provider backendRef may target only Service or InferencePool: set kind Service without group, or kind InferencePool with group inference.networking.k8s.io"
type CustomProviderSettings struct {
	// Service or InferencePool of the same namespace.
	//
	// +optional
	BackendRef *LocalBackendObjectReference `json:"backendRef,omitempty"`

	// Formats that the server understands. Requests in another format are
	// translated to one of them, where the proxy can.
	//
	// +required
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=6
	Formats []ProviderFormatConfig `json:"formats"`
}

// ProviderFormatConfig is a format that a server understands.
//
// +kubebuilder:validation:XValidation:rule="!has(self.path) || self.path.startsWith('/')",message="path must start with /"
type ProviderFormatConfig struct {
	// The format.
	//
	// +required
	Type ProviderFormat `json:"type"`

	// Path for this format. Default: the format's usual one, such as
	// /v1/chat/completions.
	//
	// +optional
	Path *LongString `json:"path,omitempty"`
}

// ProviderFormat is a format of LLM requests that a provider can speak.
//
// +kubebuilder:validation:Enum=AnthropicTokenCount;Completions;Embeddings;Messages;Realtime;Rerank;Responses
type ProviderFormat string

// Formats that a provider can speak.
const (
	ProviderFormatAnthropicTokenCount ProviderFormat = "AnthropicTokenCount"
	ProviderFormatCompletions         ProviderFormat = "Completions"
	ProviderFormatEmbeddings          ProviderFormat = "Embeddings"
	ProviderFormatMessages            ProviderFormat = "Messages"
	ProviderFormatRealtime            ProviderFormat = "Realtime"
	ProviderFormatRerank              ProviderFormat = "Rerank"
	ProviderFormatResponses           ProviderFormat = "Responses"
)
