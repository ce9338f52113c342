package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// JWTAuthentication authenticates requests by JSON Web Token. The claims are
// available to CEL expressions as jwt.NAME.
//
// +kubebuilder:validation:XValidation:rule="!has(self.mcp) || self.providers.size() == 1",message="with mcp there must be exactly one item in providers"
// +kubebuilder:validation:XValidation:rule="!has(self.mcp) || !has(self.mode) || self.mode == 'Strict'",message="with mcp the mode must be Strict: change mode, or leave it out"
type JWTAuthentication struct {
	// Strict (the default) refuses requests without a valid token, Optional
	// refuses only invalid tokens, Permissive refuses nothing.
	//
	// +optional
	// +kubebuilder:default=Strict
	Mode JWTAuthenticationMode `json:"mode,omitempty"`

	// Issuers whose tokens are accepted.
	//
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Providers []JWTProvider `json:"providers"`

	// Where the token is found. Default: the Authorization header after
	// "Bearer ".
	//
	// +optional
	Location *AuthorizationExtractionLocation `json:"location,omitempty"`

	// Act as an OAuth protected resource for MCP clients: serve the metadata by
	// which they find the authorization server.
	//
	// +optional
	MCP *JWTMCPConfig `json:"mcp,omitempty"`
}

// JWTAuthenticationMode says which requests are refused.
//
// +kubebuilder:validation:Enum=Optional;Permissive;Strict
type JWTAuthenticationMode string

const (
	// JWTAuthenticationModeOptional refuses invalid tokens, not missing ones.
	JWTAuthenticationModeOptional JWTAuthenticationMode = "Optional"
	// JWTAuthenticationModePermissive refuses nothing.
	JWTAuthenticationModePermissive JWTAuthenticationMode = "Permissive"
	// JWTAuthenticationModeStrict refuses requests without a valid token.
	JWTAuthenticationModeStrict JWTAuthenticationMode = "Strict"
)

// JWTProvider is an issuer of tokens.
type JWTProvider struct {
	// Issuer, compared with the token's iss claim.
	//
	// +required
	Issuer ShortString `json:"issuer"`

	// Accepted audiences; the token's aud claim must hold one of them. Unset
	// accepts any.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Audiences []string `json:"audiences,omitempty"`

	// Keys that the issuer signs with.
	//
	// +required
	JWKS JWKS `json:"jwks"`
}

// JWKS is a JSON Web Key Set, or where to fetch it.
//
// +kubebuilder:validation:ExactlyOneOf=remote;inline
type JWKS struct {
	// Fetch the key set over HTTP and keep it fresh.
	//
	// +optional
	Remote *RemoteJWKS `json:"remote,omitempty"`

	// The key set as JSON text: {"keys":[...]}. Every key needs a kid.
	//
	// +optional
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=65536
	Inline *string `json:"inline,omitempty"`
}

// RemoteJWKS is a key set that the controller fetches.
type RemoteJWKS struct {
	// Path of the key set on the server. Example: /.well-known/jwks.json.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2000
	JWKSPath string `json:"jwksPath"`

	// Time after which the key set is fetched again, at least 5m. Default: 5m.
	//
	// +optional
	// +kubebuilder:default="5m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('5m')",message="write a duration of at least 5m, such as 10m or 1h30m"
	CacheDuration *metav1.Duration `json:"cacheDuration,omitempty"`

	// The server: a Service, or a static AgentgatewayBackend. It is called over
	// TLS if a policy or the backend sets TLS for it.
	//
	// +required
	BackendRef gwv1.BackendObjectReference `json:"backendRef"`
}

// JWTMCPConfig is what MCP clients are told about the authorization server.
type JWTMCPConfig struct {
	// Product that issues the tokens, for its peculiarities. Unset means none.
	//
	// +optional
	Provider McpIDP `json:"provider,omitempty"`

	// Fields of the OAuth protected resource metadata. Example: resource, and
	// scopes_supported.
	//
	// +optional
	ResourceMetadata map[string]apiextensionsv1.JSON `json:"resourceMetadata,omitempty"`

	// OAuth client id handed to clients that register themselves.
	//
	// +optional
	ClientID *string `json:"clientId,omitempty"`
}

// McpIDP is an identity product.
//
// +kubebuilder:validation:Enum=Auth0;Authentik;Descope;Entra;Keycloak;Okta
type McpIDP string

// Identity products with peculiarities that the proxy knows.
const (
	McpIDPAuth0     McpIDP = "Auth0"
	McpIDPAuthentik McpIDP = "Authentik"
	McpIDPDescope   McpIDP = "Descope"
	McpIDPEntra     McpIDP = "Entra"
	McpIDPKeycloak  McpIDP = "Keycloak"
	McpIDPOkta      McpIDP = "Okta"
)

// BasicAuthentication authenticates requests by user name and password.
//
// +kubebuilder:validation:ExactlyOneOf=users;secretRef
type BasicAuthentication struct {
	// Strict (the default) refuses requests without valid credentials, Optional
	// refuses only invalid ones.
	//
	// +optional
	// +kubebuilder:default=Strict
	Mode BasicAuthenticationMode `json:"mode,omitempty"`

	// Realm that browsers show when they ask for the password.
	//
	// +optional
	Realm *string `json:"realm,omitempty"`

	// Users as lines of an htpasswd file, name:hash. Example: made with
	// htpasswd -nB alice.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	Users []string `json:"users,omitempty"`

	// Secret with an htpasswd file. Default data key: .htaccess.
	//
	// +optional
	SecretRef *LocalSecretKeyRef `json:"secretRef,omitempty"`

	// Where the credentials are found. Default: the Authorization header after
	// "Basic ".
	//
	// +optional
	Location *AuthorizationExtractionLocation `json:"location,omitempty"`
}

// BasicAuthenticationMode says which requests are refused.
//
// +kubebuilder:validation:Enum=Optional;Strict
type BasicAuthenticationMode string

const (
	// BasicAuthenticationModeOptional refuses invalid credentials, not missing
	// ones.
	BasicAuthenticationModeOptional BasicAuthenticationMode = "Optional"
	// BasicAuthenticationModeStrict refuses requests without valid credentials.
	BasicAuthenticationModeStrict BasicAuthenticationMode = "Strict"
)

// APIKeyAuthentication authenticates requests by API key. Every data entry of
// the Secrets or ConfigMaps is one key: its plain text, or JSON with key or
// keyHash ("sha256:" and 64 hex digits) and metadata for CEL expressions.
//
// +kubebuilder:validation:ExactlyOneOf=secretRef;secretSelector;configMapSelector
type APIKeyAuthentication struct {
	// Strict (the default) refuses requests without a valid key, Optional refuses
	// only invalid keys, Permissive refuses nothing.
	//
	// +optional
	// +kubebuilder:default=Strict
	Mode APIKeyAuthenticationMode `json:"mode,omitempty"`

	// Secret with the keys.
	//
	// +optional
	SecretRef *LocalSecretObjectRef `json:"secretRef,omitempty"`

	// Secrets with the keys, by label.
	//
	// +optional
	SecretSelector *SecretSelector `json:"secretSelector,omitempty"`

	// ConfigMaps with the keys, by label. Only hashes (keyHash) are accepted.
	//
	// +optional
	ConfigMapSelector *ConfigMapSelector `json:"configMapSelector,omitempty"`

	// Where the key is found. Default: the Authorization header after "Bearer ".
	//
	// +optional
	Location *AuthorizationExtractionLocation `json:"location,omitempty"`
}

// APIKeyAuthenticationMode says which requests are refused.
//
// +kubebuilder:validation:Enum=Optional;Permissive;Strict
type APIKeyAuthenticationMode string

const (
	// APIKeyAuthenticationModeOptional refuses invalid keys, not missing ones.
	APIKeyAuthenticationModeOptional APIKeyAuthenticationMode = "Optional"
	// APIKeyAuthenticationModePermissive refuses nothing.
	APIKeyAuthenticationModePermissive APIKeyAuthenticationMode = "Permissive"
	// APIKeyAuthenticationModeStrict refuses requests without a valid key.
	APIKeyAuthenticationModeStrict APIKeyAuthenticationMode = "Strict"
)
