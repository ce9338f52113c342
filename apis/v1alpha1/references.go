package v1alpha1

import gwv1 "sigs.k8s.io/gateway-api/apis/v1"

// LocalSecretKeyRef names one entry of a Secret in the namespace of the object
// that refers to it.
//
// +structType=atomic
// +kubebuilder:validation:XValidation:rule=`self.?group.orValue("") == "" ? self.?kind.orValue("") in ["", "Secret"] : self.?kind.orValue("") != ""`,message="leave out group and kind for a Secret, or set both"
type LocalSecretKeyRef struct {
	// Name of the object.
	//
	// +required
	Name gwv1.ObjectName `json:"name"`

	// API group of the object. Leave it out for a Secret.
	//
	// +optional
	Group string `json:"group,omitempty"`

	// Kind of the object. Default: Secret. Other kinds are reserved for
	// extensions.
	//
	// +optional
	Kind string `json:"kind,omitempty"`

	// Data key whose value is read. The default depends on the field that holds
	// this reference.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key *string `json:"key,omitempty"`
}

// LocalSecretObjectRef names a Secret, as a whole, in the namespace of the
// object that refers to it.
//
// +structType=atomic
// +kubebuilder:validation:XValidation:rule=`self.?group.orValue("") == "" ? self.?kind.orValue("") in ["", "Secret"] : self.?kind.orValue("") != ""`,message="leave out group and kind for a Secret, or set both"
type LocalSecretObjectRef struct {
	// Name of the object.
	//
	// +required
	Name gwv1.ObjectName `json:"name"`

	// API group of the object. Leave it out for a Secret.
	//
	// +optional
	Group string `json:"group,omitempty"`

	// Kind of the object. Default: Secret. Other kinds are reserved for
	// extensions.
	//
	// +optional
	Kind string `json:"kind,omitempty"`
}

// SecretSelector selects Secrets of the policy's namespace by their labels.
type SecretSelector struct {
	// Labels that a Secret must all carry, each with this value. {} selects
	// every Secret of the namespace.
	//
	// +required
	MatchLabels map[string]string `json:"matchLabels"`
}

// ConfigMapSelector selects ConfigMaps of the policy's namespace by their
// labels.
type ConfigMapSelector struct {
	// Labels that a ConfigMap must all carry, each with this value. {} selects
	// every ConfigMap of the namespace.
	//
	// +required
	MatchLabels map[string]string `json:"matchLabels"`
}

// LocalBackendObjectReference names a destination in the namespace of the object
// that refers to it: a Service with a port, or an InferencePool.
//
// +kubebuilder:validation:XValidation:rule=`(has(self.group) && self.group != "") || (has(self.kind) && self.kind != 'Service') || has(self.port)`,message="Must have port for Service reference: set port to one of the Service's ports"
type LocalBackendObjectReference struct {
	// API group of the destination. "" (the default) for a Service,
	// inference.networking.k8s.io for an InferencePool.
	//
	// +optional
	// +kubebuilder:default=""
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Group *string `json:"group,omitempty"`

	// Kind of the destination: Service (the default) or InferencePool.
	//
	// +optional
	// +kubebuilder:default=Service
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$`
	Kind *string `json:"kind,omitempty"`

	// Name of the destination.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// Port of the Service. Required for a Service, ignored for an InferencePool,
	// which has its own.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port *int32 `json:"port,omitempty"`
}
