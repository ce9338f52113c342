package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// AgentgatewayModel offers an LLM under a name on a Gateway's listener: a
// provider's model, or a virtual model that chooses among others. Experimental.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=agentgatewaymodels,singular=agentgatewaymodel,shortName=agmodel,categories=agentgateway
// +kubebuilder:metadata:labels={"app=agentgateway","app.kubernetes.io/name=agentgateway"}
// +kubebuilder:printcolumn:name="Model Match",type=string,JSONPath=".spec.match.model"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=".metadata.creationTimestamp"
type AgentgatewayModel struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Where the model is offered, and what it is.
	//
	// +required
	Spec AgentgatewayModelSpec `json:"spec"`

	// What the controller made of the model, by parent.
	//
	// +optional
	Status AgentgatewayModelStatus `json:"status,omitempty"`
}

// AgentgatewayModelList is a list of AgentgatewayModel objects.
//
// +kubebuilder:object:root=true
type AgentgatewayModelList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AgentgatewayModel `json:"items"`
}

// AgentgatewayModelSpec is where a model is offered, and what it is.
//
// +kubebuilder:validation:ExactlyOneOf=provider;virtualModel
// +kubebuilder:validation:XValidation:rule="!has(self.baseURL) || has(self.provider)",message="baseURL is the address of a provider: set provider, or remove baseURL"
// +kubebuilder:validation:XValidation:rule="!has(self.policies) || !has(self.virtualModel)",message="a virtual model has no policies: set them on the models that it chooses from"
// +kubebuilder:validation:XValidation:rule="!has(self.virtualModel) || !has(self.visibility) || self.visibility != 'Internal'",message="a virtual model must be Public: remove visibility Internal"
// +kubebuilder:validation:XValidation:rule="!has(self.virtualModel) || !has(self.match) || !has(self.match.model) || !self.match.model.contains('*')",message="a virtual model has one exact name: remove '*' from match.model"
// +kubebuilder:validation:XValidation:rule="!has(self.provider) || self.provider != 'Ollama' || has(self.baseURL)",message="ollama requires baseURL: set it to the server's address, such as http://ollama.llm.svc.cluster.local:11434/v1"
// +kubebuilder:validation:XValidation:rule=`!has(self.baseURL) || (isURL(self.baseURL) && self.baseURL.matches('(?i)^https?://([^/?#]*@)?[^/?#:@]'))`,message="baseURL must be an absolute http or https URL with a host, such as https://llm.example.com/v1"
// +kubebuilder:validation:XValidation:rule=`!has(self.baseURL) || !self.baseURL.matches('(?i)^https?://([^/?#]*@)?([^/?#:@]*[.])?localhost[.]?(:[0-9]*)?([/?#]|$)')`,message="baseURL can't name localhost: that would be the proxy itself"
// +kubebuilder:validation:XValidation:rule=`!has(self.baseURL) || !self.baseURL.matches('(?i)^https?://([^/?#]*@)?127([.][0-9]{1,3}){3}(:[0-9]*)?([/?#]|$)')`,message="baseURL can't name a loopback address (127.0.0.0/8): that would be the proxy itself"
// +kubebuilder:validation:XValidation:rule=`!has(self.baseURL) || !self.baseURL.matches('(?i)^https?://([^/?#]*@)?169[.]254([.][0-9]{1,3}){2}(:[0-9]*)?([/?#]|$)')`,message="baseURL can't name a link-local address (169.254.0.0/16)"
// +kubebuilder:validation:XValidation:rule=`!has(self.baseURL) || !self.baseURL.matches('(?i)^https?://([^/?#]*@)?[[]((0{0,4}:){1,7}0{0,3}1|fe[89ab][0-9a-f]:.*)[]]')`,message="baseURL can't name the IPv6 loopback address (::1) or a link-local one (fe80::/10)"
// +kubebuilder:validation:XValidation:rule="has(self.azure) == (has(self.provider) && self.provider == 'Azure')",message="azure and provider Azure belong together: set both or neither"
// +kubebuilder:validation:XValidation:rule="has(self.vertexai) == (has(self.provider) && self.provider == 'VertexAI')",message="vertexai and provider VertexAI belong together: set both or neither"
// +kubebuilder:validation:XValidation:rule="has(self.bedrock) == (has(self.provider) && self.provider == 'Bedrock')",message="bedrock and provider Bedrock belong together: set both ({} is enough) or neither"
// +kubebuilder:validation:XValidation:rule="has(self.custom) == (has(self.provider) && self.provider == 'Custom')",message="custom and provider Custom belong together: set both or neither"
type AgentgatewayModelSpec struct {
	// Gateways or ListenerSets that offer the model. Their listeners must allow
	// the kind AgentgatewayModel of group agentgateway.dev.
	//
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	ParentRefs []gwv1.ParentReference `json:"parentRefs"`

	// Name under which clients ask for the model.
	//
	// +optional
	Match *ModelMatch `json:"match,omitempty"`

	// Public (the default) offers the model to clients, Internal only to virtual
	// models.
	//
	// +optional
	// +kubebuilder:default=Public
	Visibility ModelVisibility `json:"visibility,omitempty"`

	// Who serves the model. Set this or virtualModel.
	//
	// +optional
	Provider ModelProvider `json:"provider,omitempty"`

	// Address of the provider, in place of its own. http or https; required for
	// Ollama.
	//
	// +optional
	// +kubebuilder:validation:Format=uri
	BaseURL *LongString `json:"baseURL,omitempty"`

	// Settings for provider Azure.
	//
	// +optional
	Azure *AzureSettings `json:"azure,omitempty"`

	// Settings for provider VertexAI.
	//
	// +optional
	VertexAI *VertexAISettings `json:"vertexai,omitempty"`

	// Settings for provider Bedrock.
	//
	// +optional
	Bedrock *BedrockSettings `json:"bedrock,omitempty"`

	// Settings for provider Custom.
	//
	// +optional
	Custom *CustomProviderSettings `json:"custom,omitempty"`

	// Choose among other models. Set this or provider.
	//
	// +optional
	VirtualModel *VirtualModel `json:"virtualModel,omitempty"`

	// How the provider is called, and who may use the model.
	//
	// +optional
	Policies *ModelPolicies `json:"policies,omitempty"`
}

// ModelMatch is the name under which clients ask for a model.
type ModelMatch struct {
	// The name, with at most one "*" at its start or end. Example: gpt-*.
	// Default: the object's name.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="self.matches('^([*]?[^*]*|[^*]*[*])$')",message="model may hold one '*', at its start or at its end: such as gpt-* or *"
	Model *LongString `json:"model,omitempty"`
}

// ModelVisibility says who may ask for a model.
//
// +kubebuilder:validation:Enum=Internal;Public
type ModelVisibility string

const (
	// ModelVisibilityInternal is for virtual models only.
	ModelVisibilityInternal ModelVisibility = "Internal"
	// ModelVisibilityPublic is for clients.
	ModelVisibilityPublic ModelVisibility = "Public"
)

// ModelProvider is who serves a model.
//
// +kubebuilder:validation:Enum=Anthropic;Azure;Baseten;Bedrock;Cerebras;Cohere;Custom;Deepinfra;Deepseek;Fireworks;Gemini;Groq;Huggingface;Mistral;Ollama;OpenAI;Openrouter;TogetherAI;VertexAI;XAI
type ModelProvider string

// Providers of models.
const (
	ModelProviderAnthropic   ModelProvider = "Anthropic"
	ModelProviderAzure       ModelProvider = "Azure"
	ModelProviderBaseten     ModelProvider = "Baseten"
	ModelProviderBedrock     ModelProvider = "Bedrock"
	ModelProviderCerebras    ModelProvider = "Cerebras"
	ModelProviderCohere      ModelProvider = "Cohere"
	ModelProviderCustom      ModelProvider = "Custom"
	ModelProviderDeepinfra   ModelProvider = "Deepinfra"
	ModelProviderDeepseek    ModelProvider = "Deepseek"
	ModelProviderFireworks   ModelProvider = "Fireworks"
	ModelProviderGemini      ModelProvider = "Gemini"
	ModelProviderGroq        ModelProvider = "Groq"
	ModelProviderHuggingface ModelProvider = "Huggingface"
	ModelProviderMistral     ModelProvider = "Mistral"
	ModelProviderOllama      ModelProvider = "Ollama"
	ModelProviderOpenAI      ModelProvider = "OpenAI"
	ModelProviderOpenrouter  ModelProvider = "Openrouter"
	ModelProviderTogetherAI  ModelProvider = "TogetherAI"
	ModelProviderVertexAI    ModelProvider = "VertexAI"
	ModelProviderXAI         ModelProvider = "XAI"
)

// ModelPolicies sets how a model's provider is called, and who may use it.
//
// +kubebuilder:validation:AtLeastOneOf=auth;authorization;headers;health;promptGuard;tls;transformations;tunnel
type ModelPolicies struct {
	// Who may use the model, by CEL rules.
	//
	// +optional
	Authorization *Authorization `json:"authorization,omitempty"`

	// Computed values for fields of the request's body.
	//
	// +optional
	// +listType=map
	// +listMapKey=field
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Transformations []FieldTransformation `json:"transformations,omitempty"`

	// Headers to add, set and remove with fixed values.
	//
	// +optional
	Headers *HeaderModifiers `json:"headers,omitempty"`

	// Checks of prompts and answers.
	//
	// +optional
	PromptGuard *AIPromptGuard `json:"promptGuard,omitempty"`

	// Credential that the proxy adds to requests.
	//
	// +optional
	Auth *ModelBackendAuth `json:"auth,omitempty"`

	// What counts as unhealthy, and for how long to avoid what is.
	//
	// +optional
	Health *Health `json:"health,omitempty"`

	// Speak TLS to the provider.
	//
	// +optional
	TLS *BackendTLS `json:"tls,omitempty"`

	// Reach the provider through an HTTP proxy.
	//
	// +optional
	Tunnel *BackendTunnel `json:"tunnel,omitempty"`
}

// AgentgatewayModelStatus is what the controller made of a model.
type AgentgatewayModelStatus struct {
	// Conditions Accepted and ResolvedRefs, by parent.
	//
	// +optional
	// +kubebuilder:validation:MaxItems=16
	Parents []gwv1.RouteParentStatus `json:"parents,omitempty"`
}
