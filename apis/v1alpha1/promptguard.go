package v1alpha1

import gwv1 "sigs.k8s.io/gateway-api/apis/v1"

// AIPromptGuard checks prompts and answers.
//
// +kubebuilder:validation:AtLeastOneOf=request;response
type AIPromptGuard struct {
	// Guards of prompts, in order.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Request []PromptguardRequest `json:"request,omitempty"`

	// Guards of answers, in order.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Response []PromptguardResponse `json:"response,omitempty"`

	// Enabled: check streamed answers too, while they come. Unset doesn't.
	//
	// +optional
	Streaming PromptGuardStreamingMode `json:"streaming,omitempty"`
}

// PromptGuardStreamingMode says whether streamed answers are checked.
//
// +kubebuilder:validation:Enum=Enabled
type PromptGuardStreamingMode string

// PromptGuardStreamingEnabled checks streamed answers.
const PromptGuardStreamingEnabled PromptGuardStreamingMode = "Enabled"

// PromptguardRequest is a guard of prompts.
//
// +kubebuilder:validation:ExactlyOneOf=regex;webhook;openAIModeration;bedrockGuardrails;googleModelArmor
type PromptguardRequest struct {
	// Look for patterns.
	//
	// +optional
	Regex *Regex `json:"regex,omitempty"`

	// Ask a service of your own.
	//
	// +optional
	Webhook *Webhook `json:"webhook,omitempty"`

	// Ask OpenAI's moderation.
	//
	// +optional
	OpenAIModeration *OpenAIModeration `json:"openAIModeration,omitempty"`

	// Ask an Amazon Bedrock guardrail.
	//
	// +optional
	BedrockGuardrails *BedrockGuardrails `json:"bedrockGuardrails,omitempty"`

	// Ask Google Model Armor.
	//
	// +optional
	GoogleModelArmor *GoogleModelArmor `json:"googleModelArmor,omitempty"`

	// What the client is told when the guard refuses.
	//
	// +optional
	Response *CustomResponse `json:"response,omitempty"`
}

// PromptguardResponse is a guard of answers.
//
// +kubebuilder:validation:ExactlyOneOf=regex;webhook;bedrockGuardrails;googleModelArmor
type PromptguardResponse struct {
	// Look for patterns.
	//
	// +optional
	Regex *Regex `json:"regex,omitempty"`

	// Ask a service of your own.
	//
	// +optional
	Webhook *Webhook `json:"webhook,omitempty"`

	// Ask an Amazon Bedrock guardrail.
	//
	// +optional
	BedrockGuardrails *BedrockGuardrails `json:"bedrockGuardrails,omitempty"`

	// Ask Google Model Armor.
	//
	// +optional
	GoogleModelArmor *GoogleModelArmor `json:"googleModelArmor,omitempty"`

	// What the client is told when the guard refuses.
	//
	// +optional
	Response *CustomResponse `json:"response,omitempty"`
}

// CustomResponse is what a client is told when a guard refuses.
//
// +kubebuilder:validation:AtLeastOneOf=message;statusCode
type CustomResponse struct {
	// Body of the response.
	//
	// +optional
	// +kubebuilder:default="The request was rejected due to inappropriate content"
	Message *string `json:"message,omitempty"`

	// Status code. Default: 403.
	//
	// +optional
	// +kubebuilder:default=403
	// +kubebuilder:validation:Minimum=200
	// +kubebuilder:validation:Maximum=599
	StatusCode *int32 `json:"statusCode,omitempty"`
}

// Regex looks for patterns in prompts or answers.
type Regex struct {
	// Mask (the default) replaces what is found, Reject refuses the request.
	//
	// +optional
	// +kubebuilder:default=Mask
	Action Action `json:"action,omitempty"`

	// Regular expressions to look for.
	//
	// +optional
	Matches []LongString `json:"matches,omitempty"`

	// Ready-made patterns to look for.
	//
	// +optional
	Builtins []BuiltIn `json:"builtins,omitempty"`
}

// Action is what happens to what a pattern finds.
//
// +kubebuilder:validation:Enum=Mask;Reject
type Action string

const (
	// ActionMask replaces what is found.
	ActionMask Action = "Mask"
	// ActionReject refuses the request.
	ActionReject Action = "Reject"
)

// BuiltIn is a ready-made pattern: credit card numbers, email addresses, phone
// numbers, US (Ssn) and Canadian (CaSin) social insurance numbers.
//
// +kubebuilder:validation:Enum=CaSin;CreditCard;Email;PhoneNumber;Ssn
type BuiltIn string

// Ready-made patterns.
const (
	BuiltInCaSin       BuiltIn = "CaSin"
	BuiltInCreditCard  BuiltIn = "CreditCard"
	BuiltInEmail       BuiltIn = "Email"
	BuiltInPhoneNumber BuiltIn = "PhoneNumber"
	BuiltInSsn         BuiltIn = "Ssn"
)

// Webhook asks a service of the user's own about prompts (path /request) or
// answers (path /response).
type Webhook struct {
	// The service: a Service with port, or an AgentgatewayBackend.
	//
	// +required
	BackendRef gwv1.BackendObjectReference `json:"backendRef"`

	// Headers of the client's request to send along, where name and value match.
	//
	// +optional
	ForwardHeaderMatches []gwv1.HTTPHeaderMatch `json:"forwardHeaderMatches,omitempty"`

	// Headers to add to what is sent: CEL expressions by name.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Headers map[string]CELExpression `json:"headers,omitempty"`

	// What happens when the service can't be reached: FailClosed (the default)
	// refuses, FailOpen passes.
	//
	// +optional
	FailureMode FailureMode `json:"failureMode,omitempty"`
}

// OpenAIModeration asks OpenAI's moderation endpoint.
type OpenAIModeration struct {
	// Moderation model. Default: omni-moderation-latest.
	//
	// +optional
	Model *string `json:"model,omitempty"`

	// How OpenAI is called; auth is needed.
	//
	// +optional
	Policies *OpenAIModerationPolicy `json:"policies,omitempty"`
}

// OpenAIModerationPolicy sets how OpenAI's moderation is called.
//
// +kubebuilder:validation:AtLeastOneOf=auth;http;tcp;tls;tunnel
type OpenAIModerationPolicy struct {
	BackendConnection `json:",inline"`

	// API key for OpenAI.
	//
	// +optional
	Auth *OpenAIModerationAuth `json:"auth,omitempty"`
}

// OpenAIModerationAuth is an API key for OpenAI.
//
// +kubebuilder:validation:ExactlyOneOf=key;secretRef
type OpenAIModerationAuth struct {
	// The key itself. Prefer secretRef: whoever reads this object reads it.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Key *string `json:"key,omitempty"`

	// Secret with the key. Default data key: Authorization.
	//
	// +optional
	SecretRef *LocalSecretKeyRef `json:"secretRef,omitempty"`

	// Where the key is written. Default: the Authorization header after
	// "Bearer ".
	//
	// +optional
	Location *AuthorizationLocation `json:"location,omitempty"`
}

// BedrockGuardrails asks an Amazon Bedrock guardrail.
type BedrockGuardrails struct {
	// Identifier of the guardrail.
	//
	// +required
	Identifier ShortString `json:"identifier"`

	// Version of the guardrail. Example: DRAFT, or a number.
	//
	// +required
	Version ShortString `json:"version"`

	// AWS region of the guardrail. Example: us-east-1.
	//
	// +required
	Region ShortString `json:"region"`

	// How Bedrock is called. Default: with the AWS credentials of the proxy's
	// environment.
	//
	// +optional
	Policies *BedrockGuardrailsPolicy `json:"policies,omitempty"`
}

// BedrockGuardrailsPolicy sets how a Bedrock guardrail is called.
//
// +kubebuilder:validation:AtLeastOneOf=auth;http;tcp;tls;tunnel
type BedrockGuardrailsPolicy struct {
	BackendConnection `json:",inline"`

	// Credential for AWS.
	//
	// +optional
	Auth *BedrockGuardrailsAuth `json:"auth,omitempty"`
}

// BedrockGuardrailsAuth is a credential for Amazon Bedrock.
//
// +kubebuilder:validation:ExactlyOneOf=key;secretRef;aws
// +kubebuilder:validation:XValidation:rule="!has(self.location) || has(self.key) || has(self.secretRef)",message="location works only with key or secretRef: remove it, or set one of them"
type BedrockGuardrailsAuth struct {
	// The API key itself. Prefer secretRef: whoever reads this object reads it.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Key *string `json:"key,omitempty"`

	// Secret with an API key. Default data key: Authorization.
	//
	// +optional
	SecretRef *LocalSecretKeyRef `json:"secretRef,omitempty"`

	// Where the API key is written. Default: the Authorization header after
	// "Bearer ".
	//
	// +optional
	Location *AuthorizationLocation `json:"location,omitempty"`

	// Sign requests for AWS.
	//
	// +optional
	AWS *AwsAuth `json:"aws,omitempty"`
}

// GoogleModelArmor asks Google Model Armor.
type GoogleModelArmor struct {
	// Id of the Model Armor template.
	//
	// +required
	TemplateID ShortString `json:"templateId"`

	// Google Cloud project of the template.
	//
	// +required
	ProjectID ShortString `json:"projectId"`

	// Google Cloud location of the template. Default: us-central1.
	//
	// +optional
	// +kubebuilder:default=us-central1
	Location *ShortString `json:"location,omitempty"`

	// How Model Armor is called. Default: with the Google credentials of the
	// proxy's environment.
	//
	// +optional
	Policies *GoogleModelArmorPolicy `json:"policies,omitempty"`
}

// GoogleModelArmorPolicy sets how Model Armor is called.
//
// +kubebuilder:validation:AtLeastOneOf=auth;http;tcp;tls;tunnel
type GoogleModelArmorPolicy struct {
	BackendConnection `json:",inline"`

	// Credential for Google Cloud.
	//
	// +optional
	Auth *GoogleModelArmorAuth `json:"auth,omitempty"`
}

// GoogleModelArmorAuth is a credential for Google Cloud.
//
// +kubebuilder:validation:ExactlyOneOf=gcp
type GoogleModelArmorAuth struct {
	// Get a token from Google Cloud.
	//
	// +optional
	GCP *GcpAuth `json:"gcp,omitempty"`
}
