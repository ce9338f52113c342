package v1alpha1

// TransformationOrConditional transforms requests and responses, always or
// depending on conditions.
//
// +kubebuilder:validation:AtLeastOneOf=conditional;request;response
// +kubebuilder:validation:XValidation:rule="!has(self.conditional) || !(has(self.request) || has(self.response))",message="conditional excludes request and response: move them into a conditional item"
type TransformationOrConditional struct {
	// Changes to the request.
	//
	// +optional
	Request *Transform `json:"request,omitempty"`

	// Changes to the response.
	//
	// +optional
	Response *Transform `json:"response,omitempty"`

	// Policies with conditions; the first whose condition is true applies.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.filter(c, !has(c.condition)).size() <= 1 && (self.all(c, has(c.condition)) || !has(self[self.size() - 1].condition))",message="only the last item may lack a condition: it applies when no other does"
	Conditional []TransformationConditional `json:"conditional,omitempty"`
}

// TransformationConditional is a transformation with a condition.
type TransformationConditional struct {
	// CEL expression on the request. Unset means always; only for the last item.
	//
	// +optional
	Condition *CELExpression `json:"condition,omitempty"`

	// What applies if the condition is true.
	//
	// +required
	Policy Transformation `json:"policy"`
}

// Transformation changes requests and responses.
//
// +kubebuilder:validation:AtLeastOneOf=request;response
type Transformation struct {
	// Changes to the request.
	//
	// +optional
	Request *Transform `json:"request,omitempty"`

	// Changes to the response.
	//
	// +optional
	Response *Transform `json:"response,omitempty"`
}

// Transform is a set of changes to a request or a response.
//
// +kubebuilder:validation:AtLeastOneOf=add;body;metadata;remove;set
type Transform struct {
	// Headers to set, replacing what is there.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Set []HeaderTransformation `json:"set,omitempty"`

	// Headers to add to what is there.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Add []HeaderTransformation `json:"add,omitempty"`

	// Headers to remove.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Remove []HeaderName `json:"remove,omitempty"`

	// CEL expression that yields the new body.
	//
	// +optional
	Body *CELExpression `json:"body,omitempty"`

	// Values for later expressions: CEL expressions by name.
	//
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=16
	Metadata map[string]CELExpression `json:"metadata,omitempty"`
}

// HeaderTransformation is a header with a computed value.
type HeaderTransformation struct {
	// Header name, or a pseudo header such as :path.
	//
	// +required
	Name HeaderName `json:"name"`

	// CEL expression that yields the value. A fixed text needs CEL quotes:
	// "'blue'".
	//
	// +required
	Value CELExpression `json:"value"`
}
