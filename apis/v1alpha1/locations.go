package v1alpha1

import gwv1 "sigs.k8s.io/gateway-api/apis/v1"

// AuthorizationLocation says where in a request a credential is written.
//
// +kubebuilder:validation:ExactlyOneOf=header;queryParameter;cookie
type AuthorizationLocation struct {
	// Write the credential into this header.
	//
	// +optional
	Header *AuthorizationHeaderLocation `json:"header,omitempty"`

	// Write the credential into this query parameter.
	//
	// +optional
	QueryParameter *AuthorizationQueryParameterLocation `json:"queryParameter,omitempty"`

	// Write the credential into this cookie.
	//
	// +optional
	Cookie *AuthorizationCookieLocation `json:"cookie,omitempty"`
}

// AuthorizationExtractionLocation says where in a request a credential is found.
//
// +kubebuilder:validation:ExactlyOneOf=header;queryParameter;cookie;expression
type AuthorizationExtractionLocation struct {
	// Read the credential from this header.
	//
	// +optional
	Header *AuthorizationHeaderLocation `json:"header,omitempty"`

	// Read the credential from this query parameter.
	//
	// +optional
	QueryParameter *AuthorizationQueryParameterLocation `json:"queryParameter,omitempty"`

	// Read the credential from this cookie.
	//
	// +optional
	Cookie *AuthorizationCookieLocation `json:"cookie,omitempty"`

	// CEL expression that yields the credential as a string.
	//
	// +optional
	Expression *CELExpression `json:"expression,omitempty"`
}

// AuthorizationHeaderLocation is a header that carries a credential.
type AuthorizationHeaderLocation struct {
	// Header name. Example: x-api-key.
	//
	// +required
	Name gwv1.HTTPHeaderName `json:"name"`

	// Text before the credential, its trailing blank included. Example:
	// "Bearer ". Unset means none.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Prefix *string `json:"prefix,omitempty"`
}

// AuthorizationQueryParameterLocation is a query parameter that carries a
// credential.
type AuthorizationQueryParameterLocation struct {
	// Parameter name.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Name string `json:"name"`
}

// AuthorizationCookieLocation is a cookie that carries a credential.
type AuthorizationCookieLocation struct {
	// Cookie name.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Name string `json:"name"`
}
