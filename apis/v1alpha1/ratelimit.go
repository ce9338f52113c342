package v1alpha1

import gwv1 "sigs.k8s.io/gateway-api/apis/v1"

// RateLimitsOrConditional limits rates, always or depending on conditions.
//
// +kubebuilder:validation:AtLeastOneOf=conditional;global;local
// +kubebuilder:validation:XValidation:rule="!has(self.conditional) || !(has(self.global) || has(self.local))",message="conditional excludes global and local: move them into a conditional item"
type RateLimitsOrConditional struct {
	// Limit counted by each proxy pod for itself. The first item is used.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Local []LocalRateLimit `json:"local,omitempty"`

	// Limit counted by a rate limit service for all proxies together.
	//
	// +optional
	Global *GlobalRateLimit `json:"global,omitempty"`

	// Limits with conditions. Of the items with local, and of those with global,
	// the first whose condition is true applies.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.filter(c, !has(c.condition)).size() <= 1 && (self.all(c, has(c.condition)) || !has(self[self.size() - 1].condition))",message="only the last item may lack a condition: it applies when no other does"
	Conditional []RateLimitsConditional `json:"conditional,omitempty"`
}

// RateLimitsConditional is a rate limit with a condition.
type RateLimitsConditional struct {
	// CEL expression on the request. Unset means always; only for the last item.
	//
	// +optional
	Condition *CELExpression `json:"condition,omitempty"`

	// What applies if the condition is true.
	//
	// +required
	Policy RateLimits `json:"policy"`
}

// RateLimits limits the rate of requests or LLM tokens.
//
// +kubebuilder:validation:AtLeastOneOf=global;local
type RateLimits struct {
	// Limit counted by each proxy pod for itself. The first item is used.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Local []LocalRateLimit `json:"local,omitempty"`

	// Limit counted by a rate limit service for all proxies together.
	//
	// +optional
	Global *GlobalRateLimit `json:"global,omitempty"`
}

// LocalRateLimit is a token bucket in each proxy pod.
//
// +kubebuilder:validation:ExactlyOneOf=requests;tokens
type LocalRateLimit struct {
	// Requests allowed for each unit of time.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	Requests *int32 `json:"requests,omitempty"`

	// LLM tokens allowed for each unit of time.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	Tokens *int32 `json:"tokens,omitempty"`

	// The unit of time: Seconds, Minutes or Hours.
	//
	// +required
	Unit LocalRateLimitUnit `json:"unit"`

	// How many more may come at once after a quiet time. Default: 0.
	//
	// +optional
	Burst *int32 `json:"burst,omitempty"`
}

// LocalRateLimitUnit is a unit of time.
//
// +kubebuilder:validation:Enum=Hours;Minutes;Seconds
type LocalRateLimitUnit string

const (
	// LocalRateLimitUnitHours counts by the hour.
	LocalRateLimitUnitHours LocalRateLimitUnit = "Hours"
	// LocalRateLimitUnitMinutes counts by the minute.
	LocalRateLimitUnitMinutes LocalRateLimitUnit = "Minutes"
	// LocalRateLimitUnitSeconds counts by the second.
	LocalRateLimitUnitSeconds LocalRateLimitUnit = "Seconds"
)

// GlobalRateLimit asks a rate limit service (Envoy's rate limit protocol).
type GlobalRateLimit struct {
	// The rate limit service: a Service with port, or an AgentgatewayBackend.
	//
	// +required
	BackendRef gwv1.BackendObjectReference `json:"backendRef"`

	// Domain of the limits in the service's configuration.
	//
	// +required
	Domain ShortString `json:"domain"`

	// What the service is asked about each request.
	//
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Descriptors []RateLimitDescriptor `json:"descriptors"`

	// What happens when the service can't be reached: FailClosed (the default)
	// refuses requests, FailOpen lets them pass.
	//
	// +optional
	FailureMode FailureMode `json:"failureMode,omitempty"`
}

// RateLimitDescriptor is one question to the rate limit service.
type RateLimitDescriptor struct {
	// Key-value pairs that the service's limits match on, in order.
	//
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Entries []RateLimitDescriptorEntry `json:"entries"`

	// What is counted: Requests (the default) or LLM Tokens.
	//
	// +optional
	Unit RateLimitUnit `json:"unit,omitempty"`

	// CEL expression that yields how much a request counts.
	//
	// +optional
	Cost *CELExpression `json:"cost,omitempty"`
}

// RateLimitDescriptorEntry is a key with a computed value.
type RateLimitDescriptorEntry struct {
	// The key.
	//
	// +required
	Name TinyString `json:"name"`

	// CEL expression that yields the value. Example: request.headers["x-user"].
	//
	// +required
	Expression CELExpression `json:"expression"`
}

// RateLimitUnit is what a global rate limit counts.
//
// +kubebuilder:validation:Enum=Requests;Tokens
type RateLimitUnit string

const (
	// RateLimitUnitRequests counts requests.
	RateLimitUnitRequests RateLimitUnit = "Requests"
	// RateLimitUnitTokens counts LLM tokens.
	RateLimitUnitTokens RateLimitUnit = "Tokens"
)
