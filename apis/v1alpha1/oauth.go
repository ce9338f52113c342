package v1alpha1

import gwv1 "sigs.k8s.io/gateway-api/apis/v1"

// OAuthTokenExchange exchanges the client's token for one that the destination
// takes, at a token endpoint (RFC 8693 or RFC 7523).
//
// +kubebuilder:validation:XValidation:rule="!has(self.grantType) || self.grantType != 'JwtBearer' || !has(self.actorToken)",message="grantType JwtBearer knows no actorToken: remove it, or use TokenExchange"
// +kubebuilder:validation:XValidation:rule="!has(self.grantType) || self.grantType != 'JwtBearer' || !has(self.requestedTokenType)",message="grantType JwtBearer knows no requestedTokenType: remove it, or use TokenExchange"
// +kubebuilder:validation:XValidation:rule="!has(self.requestedTokenType) || self.requestedTokenType != 'IdJag'",message="oauth requestedTokenType IdJag is only supported by crossAppAccess: choose another type"
type OAuthTokenExchange struct {
	// The token endpoint's server: a Service with port, or an
	// AgentgatewayBackend.
	//
	// +required
	BackendRef gwv1.BackendObjectReference `json:"backendRef"`

	// Path of the token endpoint. Example: /oauth2/token.
	//
	// +optional
	// +kubebuilder:validation:Pattern=`^/`
	Path *string `json:"path,omitempty"`

	// TokenExchange (the default) or JwtBearer.
	//
	// +optional
	GrantType OAuthGrantType `json:"grantType,omitempty"`

	// Token that stands for the client.
	//
	// +optional
	SubjectToken *OAuthTokenSpec `json:"subjectToken,omitempty"`

	// Token of the one who acts for the client.
	//
	// +optional
	ActorToken *OAuthActorToken `json:"actorToken,omitempty"`

	// Audiences asked for.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Audiences []ShortString `json:"audiences,omitempty"`

	// Scopes asked for.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Scopes []string `json:"scopes,omitempty"`

	// Resources (URIs) asked for.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Resources []string `json:"resources,omitempty"`

	// Type of token asked for. Default: the server's choice.
	//
	// +optional
	// +kubebuilder:validation:Enum=AccessToken;Jwt;IdToken;IdJag
	RequestedTokenType OAuthTokenType `json:"requestedTokenType,omitempty"`

	// Further form parameters: CEL expressions by name. Parameters of the grant
	// itself, such as scope, can't be set here.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	AdditionalParams map[string]CELExpression `json:"additionalParams,omitempty"`

	// How the proxy authenticates at the token endpoint.
	//
	// +optional
	ClientAuth *OAuthClientAuth `json:"clientAuth,omitempty"`

	// Where the new token is written. Default: the Authorization header after
	// "Bearer ".
	//
	// +optional
	Location *AuthorizationLocation `json:"location,omitempty"`

	// Remember tokens.
	//
	// +optional
	Cache *OAuthTokenCache `json:"cache,omitempty"`
}

// OAuthGrantType is a way to ask for a token.
//
// +kubebuilder:validation:Enum=JwtBearer;TokenExchange
type OAuthGrantType string

const (
	// OAuthGrantTypeJwtBearer is the JWT bearer grant of RFC 7523.
	OAuthGrantTypeJwtBearer OAuthGrantType = "JwtBearer"
	// OAuthGrantTypeTokenExchange is the token exchange of RFC 8693.
	OAuthGrantTypeTokenExchange OAuthGrantType = "TokenExchange"
)

// OAuthTokenType is a type of token: one of the constants, or an absolute URI.
type OAuthTokenType string

const (
	// OAuthTokenTypeAccessToken is an OAuth access token.
	OAuthTokenTypeAccessToken OAuthTokenType = "AccessToken"
	// OAuthTokenTypeJwt is a JSON Web Token.
	OAuthTokenTypeJwt OAuthTokenType = "Jwt"
	// OAuthTokenTypeIDToken is an OpenID Connect token.
	OAuthTokenTypeIDToken OAuthTokenType = "IdToken"
	// OAuthTokenTypeIDJag is an identity assertion for another application.
	OAuthTokenTypeIDJag OAuthTokenType = "IdJag"
)

// OAuthTokenSpec says where a token is found, and what it is.
type OAuthTokenSpec struct {
	// Where the token is found. Unset leaves it to the proxy.
	//
	// +optional
	Source *AuthorizationExtractionLocation `json:"source,omitempty"`

	// AccessToken, Jwt, IdToken, IdJag, or an absolute URI.
	//
	// +optional
	TokenType OAuthTokenType `json:"tokenType,omitempty"`
}

// OAuthActorToken says where the token of the acting party is found.
//
// +kubebuilder:validation:XValidation:rule="!has(self.mayAct) || self.mayAct != 'Required' || (has(self.tokenType) && self.tokenType == 'Jwt')",message="oauth actorToken mayAct Required requires tokenType Jwt: set tokenType Jwt, or remove mayAct"
type OAuthActorToken struct {
	// Where the token is found.
	//
	// +required
	Source AuthorizationExtractionLocation `json:"source"`

	// AccessToken, Jwt, IdToken, IdJag, or an absolute URI.
	//
	// +optional
	TokenType OAuthTokenType `json:"tokenType,omitempty"`

	// Required: the subject token's may_act claim must name the actor. Unset
	// doesn't check it.
	//
	// +optional
	MayAct OAuthMayActValidationMode `json:"mayAct,omitempty"`
}

// OAuthMayActValidationMode says whether the may_act claim is checked.
//
// +kubebuilder:validation:Enum=Required
type OAuthMayActValidationMode string

// OAuthMayActRequired checks the may_act claim.
const OAuthMayActRequired OAuthMayActValidationMode = "Required"

// OAuthTokenCache remembers tokens.
type OAuthTokenCache struct {
	// In the memory of each proxy pod.
	//
	// +optional
	InMemory *OAuthInMemoryTokenCache `json:"inMemory,omitempty"`
}

// OAuthInMemoryTokenCache remembers tokens in memory.
type OAuthInMemoryTokenCache struct {
	// Most tokens kept. Must be positive.
	//
	// +optional
	MaxEntries *int32 `json:"maxEntries,omitempty"`

	// How long a token is kept when the server doesn't say: a duration such as
	// 5m.
	//
	// +optional
	DefaultTTL UncheckedDuration `json:"defaultTtl,omitempty"`
}

// OAuthClientAuth is how the proxy authenticates as an OAuth client.
//
// +kubebuilder:validation:XValidation:rule="has(self.privateKeyJwt) == (has(self.method) && self.method == 'PrivateKeyJwt')",message="privateKeyJwt and method PrivateKeyJwt belong together: set both or neither"
// +kubebuilder:validation:XValidation:rule="!has(self.method) || self.method != 'PrivateKeyJwt' || !has(self.secretRef)",message="method PrivateKeyJwt uses a key, not a secret: remove secretRef"
// +kubebuilder:validation:XValidation:rule="has(self.secretRef) || has(self.privateKeyJwt) || (has(self.method) && self.method == 'ClientSecretPost')",message="oauth clientAuth without secretRef requires method ClientSecretPost or PrivateKeyJwt: set secretRef, or change method"
type OAuthClientAuth struct {
	// Client id.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	ClientID string `json:"clientId"`

	// Secret with the client secret. Default data key: clientSecret. Unset with
	// method ClientSecretPost for a public client.
	//
	// +optional
	SecretRef *LocalSecretKeyRef `json:"secretRef,omitempty"`

	// ClientSecretBasic (the default) sends the secret as a header,
	// ClientSecretPost in the form, PrivateKeyJwt signs an assertion instead.
	//
	// +optional
	Method OAuthClientAuthMethod `json:"method,omitempty"`

	// Assertion to sign, for method PrivateKeyJwt.
	//
	// +optional
	PrivateKeyJWT *OAuthPrivateKeyJWT `json:"privateKeyJwt,omitempty"`
}

// OAuthClientAuthMethod is a way for a client to authenticate.
//
// +kubebuilder:validation:Enum=ClientSecretBasic;ClientSecretPost;PrivateKeyJwt
type OAuthClientAuthMethod string

const (
	// OAuthClientSecretBasic sends the secret in the Authorization header.
	OAuthClientSecretBasic OAuthClientAuthMethod = "ClientSecretBasic"
	// OAuthClientSecretPost sends the secret in the form.
	OAuthClientSecretPost OAuthClientAuthMethod = "ClientSecretPost"
	// OAuthClientPrivateKeyJwt sends a signed assertion.
	OAuthClientPrivateKeyJwt OAuthClientAuthMethod = "PrivateKeyJwt"
)

// OAuthPrivateKeyJWT is an assertion by which a client authenticates.
//
// +kubebuilder:validation:XValidation:rule="has(self.certificateRef) == has(self.certificateHeader)",message="certificateRef and certificateHeader belong together: set both or neither"
type OAuthPrivateKeyJWT struct {
	// Secret with the private key as PEM. Default data key: signingKey.
	//
	// +required
	SigningKeyRef LocalSecretKeyRef `json:"signingKeyRef"`

	// Secret with the certificate chain as PEM, leaf first. Default data key:
	// certificate.
	//
	// +optional
	CertificateRef *LocalSecretKeyRef `json:"certificateRef,omitempty"`

	// How the certificate is put into the assertion's header: x5c (the chain) or
	// x5t#S256 (its digest).
	//
	// +optional
	CertificateHeader OAuthPrivateKeyJWTCertificateHeader `json:"certificateHeader,omitempty"`

	// Signature algorithm. Default: RS256.
	//
	// +optional
	Alg OAuthPrivateKeyJWTSigningAlgorithm `json:"alg,omitempty"`

	// Key id in the assertion's header.
	//
	// +optional
	Kid *string `json:"kid,omitempty"`

	// Audience of the assertion, usually the token endpoint's URL.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	AssertionAudience string `json:"assertionAudience"`
}

// OAuthPrivateKeyJWTCertificateHeader is a header that carries a certificate.
//
// +kubebuilder:validation:Enum=x5c;x5t#S256
type OAuthPrivateKeyJWTCertificateHeader string

const (
	// OAuthCertificateHeaderX5C carries the chain.
	OAuthCertificateHeaderX5C OAuthPrivateKeyJWTCertificateHeader = "x5c"
	// OAuthCertificateHeaderX5TS256 carries the SHA-256 digest.
	OAuthCertificateHeaderX5TS256 OAuthPrivateKeyJWTCertificateHeader = "x5t#S256"
)

// OAuthPrivateKeyJWTSigningAlgorithm is a signature algorithm.
//
// +kubebuilder:validation:Enum=ES256;ES384;PS256;RS256;RS384;RS512
type OAuthPrivateKeyJWTSigningAlgorithm string

// Signature algorithms.
const (
	OAuthSigningAlgorithmES256 OAuthPrivateKeyJWTSigningAlgorithm = "ES256"
	OAuthSigningAlgorithmES384 OAuthPrivateKeyJWTSigningAlgorithm = "ES384"
	OAuthSigningAlgorithmPS256 OAuthPrivateKeyJWTSigningAlgorithm = "PS256"
	OAuthSigningAlgorithmRS256 OAuthPrivateKeyJWTSigningAlgorithm = "RS256"
	OAuthSigningAlgorithmRS384 OAuthPrivateKeyJWTSigningAlgorithm = "RS384"
	OAuthSigningAlgorithmRS512 OAuthPrivateKeyJWTSigningAlgorithm = "RS512"
)

// CrossAppAccessAuth gets a token of another application: the identity provider
// turns the client's token into an assertion, and the application's
// authorization server takes that for an access token.
type CrossAppAccessAuth struct {
	// Identity provider of the client.
	//
	// +required
	IdentityProvider CrossAppAccessEndpoint `json:"identityProvider"`

	// Authorization server of the other application.
	//
	// +required
	ResourceAuthorizationServer CrossAppAccessEndpoint `json:"resourceAuthorizationServer"`

	// Audience of the assertion: the issuer of the resource authorization server.
	//
	// +required
	Audience ShortString `json:"audience"`

	// Resources (URIs) asked for.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Resources []string `json:"resources,omitempty"`

	// Scopes asked for.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Scopes []string `json:"scopes,omitempty"`

	// Token that stands for the client.
	//
	// +optional
	SubjectToken *CrossAppAccessSubjectToken `json:"subjectToken,omitempty"`

	// Remember tokens.
	//
	// +optional
	Cache *OAuthTokenCache `json:"cache,omitempty"`
}

// CrossAppAccessSubjectToken says where the client's token is found.
type CrossAppAccessSubjectToken struct {
	// Where the token is found. Unset leaves it to the proxy.
	//
	// +optional
	Source *AuthorizationExtractionLocation `json:"source,omitempty"`
}

// CrossAppAccessEndpoint is a token endpoint.
type CrossAppAccessEndpoint struct {
	// The endpoint's server: a Service with port, or an AgentgatewayBackend.
	//
	// +required
	BackendRef gwv1.BackendObjectReference `json:"backendRef"`

	// Path of the endpoint. Example: /oauth2/token.
	//
	// +optional
	// +kubebuilder:validation:Pattern=`^/`
	Path *string `json:"path,omitempty"`

	// How the proxy authenticates there.
	//
	// +required
	ClientAuth OAuthClientAuth `json:"clientAuth"`
}
