package v1alpha1

// DirectResponseOrConditional answers requests in place of a destination, always
// or depending on conditions.
//
// +kubebuilder:validation:XValidation:rule="!has(self.conditional) || !(has(self.body) || has(self.bodyExpression) || has(self.headers) || has(self.status))",message="conditional excludes status, headers, body and bodyExpression: move them into a conditional item"
// +kubebuilder:validation:XValidation:rule="has(self.conditional) || has(self.status)",message="status is required: set the response's status code, such as 503, or use conditional"
type DirectResponseOrConditional struct {
	DirectResponse `json:",inline"`

	// Answers with conditions; the first whose condition is true applies. When
	// none is, the request goes on.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.filter(c, !has(c.condition)).size() <= 1 && (self.all(c, has(c.condition)) || !has(self[self.size() - 1].condition))",message="only the last item may lack a condition: it applies when no other does"
	Conditional []DirectResponseConditional `json:"conditional,omitempty"`
}

// DirectResponseConditional is an answer with a condition.
type DirectResponseConditional struct {
	// CEL expression on the request. Unset means always; only for the last item.
	//
	// +optional
	Condition *CELExpression `json:"condition,omitempty"`

	// What applies if the condition is true.
	//
	// +required
	// +kubebuilder:validation:XValidation:rule="has(self.status)",message="status is required: set the response's status code, such as 503"
	Policy DirectResponse `json:"policy"`
}

// DirectResponse is a response that the proxy makes by itself.
//
// +kubebuilder:validation:AtMostOneOf=body;bodyExpression
type DirectResponse struct {
	// Status code. Required.
	//
	// +optional
	// +kubebuilder:validation:Minimum=200
	// +kubebuilder:validation:Maximum=599
	Status *int32 `json:"status,omitempty"`

	// Body, sent as it is.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Body *string `json:"body,omitempty"`

	// CEL expression that yields the body.
	//
	// +optional
	BodyExpression *CELExpression `json:"bodyExpression,omitempty"`

	// Headers of the response.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Headers []DirectResponseHeader `json:"headers,omitempty"`
}

// DirectResponseHeader is a header with a computed value.
type DirectResponseHeader struct {
	// Header name.
	//
	// +required
	Name HTTPHeaderName `json:"name"`

	// CEL expression that yields the value. A fixed text needs CEL quotes:
	// "'blue'".
	//
	// +required
	Value CELExpression `json:"value"`
}
