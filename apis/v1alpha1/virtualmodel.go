package v1alpha1

import corev1 "k8s.io/api/core/v1"

// VirtualModel chooses among other models of its namespace.
//
// +kubebuilder:validation:ExactlyOneOf=weighted;failover;conditional
type VirtualModel struct {
	// Choose at random, by weight.
	//
	// +optional
	Weighted *WeightedModelRouting `json:"weighted,omitempty"`

	// Choose the first that works, by priority.
	//
	// +optional
	Failover *FailoverModelRouting `json:"failover,omitempty"`

	// Choose by the request.
	//
	// +optional
	Conditional *ConditionalModelRouting `json:"conditional,omitempty"`
}

// WeightedModelRouting chooses at random.
type WeightedModelRouting struct {
	// The models to choose from.
	//
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Targets []WeightedModelTarget `json:"targets"`
}

// WeightedModelTarget is a model with a weight.
type WeightedModelTarget struct {
	// AgentgatewayModel of the same namespace.
	//
	// +required
	ModelRef corev1.LocalObjectReference `json:"modelRef"`

	// Model name to ask it for. Required if its own has a "*". Default: its own.
	//
	// +optional
	Model *LongString `json:"model,omitempty"`

	// Share of requests, as against the other weights. Default: 1.
	//
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	Weight *int32 `json:"weight,omitempty"`
}

// FailoverModelRouting chooses the first model that works.
type FailoverModelRouting struct {
	// The models to choose from. None of them may be virtual.
	//
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Targets []FailoverModelTarget `json:"targets"`
}

// FailoverModelTarget is a model with a priority.
type FailoverModelTarget struct {
	// AgentgatewayModel of the same namespace.
	//
	// +required
	ModelRef corev1.LocalObjectReference `json:"modelRef"`

	// Model name to ask it for. Required if its own has a "*". Default: its own.
	//
	// +optional
	Model *LongString `json:"model,omitempty"`

	// Order of preference: the lowest number first; equal ones share the load.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	Priority int32 `json:"priority"`
}

// ConditionalModelRouting chooses by the request.
type ConditionalModelRouting struct {
	// The models to choose from; the first whose condition is true is taken.
	//
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="self.filter(t, !has(t.when)).size() <= 1 && (self.all(t, has(t.when)) || !has(self[self.size() - 1].when))",message="only the last target may lack when: it is taken when no other is"
	Targets []ConditionalModelTarget `json:"targets"`
}

// ConditionalModelTarget is a model with a condition.
type ConditionalModelTarget struct {
	// AgentgatewayModel of the same namespace.
	//
	// +required
	ModelRef corev1.LocalObjectReference `json:"modelRef"`

	// Model name to ask it for. Required if its own has a "*". Default: its own.
	//
	// +optional
	Model *LongString `json:"model,omitempty"`

	// CEL expression on the request. Unset means always; only for the last
	// target.
	//
	// +optional
	When *CELExpression `json:"when,omitempty"`
}
