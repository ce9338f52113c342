package v1alpha1

// BackendAuth sets the credential that the proxy adds to requests.
//
// +kubebuilder:validation:AtLeastOneOf=credentials;key;secretRef;passthrough;aws;azure;gcp;oauthTokenExchange;crossAppAccess
// +kubebuilder:validation:AtMostOneOf=key;secretRef;passthrough;aws;azure;gcp;oauthTokenExchange;crossAppAccess
type BackendAuth struct {
	BackendAuthMethods `json:",inline"`

	// Exchange the client's identity for a token of another application, by
	// identity assertion grant.
	//
	// +optional
	CrossAppAccess *CrossAppAccessAuth `json:"crossAppAccess,omitempty"`
}

// BackendAuthMethods are the ways to get a credential that every kind of
// destination shares.
//
// +kubebuilder:validation:XValidation:rule="!has(self.location) || has(self.key) || has(self.secretRef) || has(self.passthrough)",message="location works only with key, secretRef or passthrough: remove it, or set one of them"
type BackendAuthMethods struct {
	// The credential itself. Prefer secretRef: whoever reads this object reads
	// it.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Key *string `json:"key,omitempty"`

	// Secret with the credential. Default data key: Authorization, from whose
	// value a leading "Bearer " is dropped.
	//
	// +optional
	SecretRef *LocalSecretKeyRef `json:"secretRef,omitempty"`

	// Pass on the credential that the client sent and the proxy checked.
	//
	// +optional
	Passthrough *BackendAuthPassthrough `json:"passthrough,omitempty"`

	// Sign requests for AWS. {} takes the credentials of the proxy's
	// environment.
	//
	// +optional
	AWS *AwsAuth `json:"aws,omitempty"`

	// Get a token from Azure. {} takes the credentials of the proxy's
	// environment.
	//
	// +optional
	Azure *AzureAuth `json:"azure,omitempty"`

	// Get a token from Google Cloud. {} takes the credentials of the proxy's
	// environment.
	//
	// +optional
	GCP *GcpAuth `json:"gcp,omitempty"`

	// Exchange the client's token for another at a token endpoint.
	//
	// +optional
	OAuthTokenExchange *OAuthTokenExchange `json:"oauthTokenExchange,omitempty"`

	// Where key, secretRef or passthrough write the credential. Default: the
	// Authorization header after "Bearer ", or what the LLM provider wants.
	//
	// +optional
	Location *AuthorizationLocation `json:"location,omitempty"`

	// Credentials besides the one above, each at a place of its own.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Credentials []BackendAuthCredential `json:"credentials,omitempty"`
}

// ModelBackendAuth sets the credential that the proxy adds to requests for a
// model.
//
// +kubebuilder:validation:AtLeastOneOf=credentials;key;secretRef;passthrough;aws;azure;gcp;oauthTokenExchange
// +kubebuilder:validation:AtMostOneOf=key;secretRef;passthrough;aws;azure;gcp;oauthTokenExchange
type ModelBackendAuth struct {
	BackendAuthMethods `json:",inline"`
}

// BackendAuthPassthrough passes the client's credential on. It has no settings.
type BackendAuthPassthrough struct{}

// BackendAuthCredential is a credential and its place.
type BackendAuthCredential struct {
	// Where the credential is written.
	//
	// +required
	Location AuthorizationLocation `json:"location"`

	// Secret with the credential, written as it is. Default data key:
	// Authorization.
	//
	// +required
	SecretRef LocalSecretKeyRef `json:"secretRef"`
}

// AwsAuth signs requests for AWS (Signature Version 4).
//
// +kubebuilder:validation:XValidation:rule="!has(self.secretRef) || !has(self.assumeRole)",message="secretRef and assumeRole are mutually exclusive: a role is assumed with the credentials of the proxy's environment"
type AwsAuth struct {
	// Secret with accessKey, secretKey and optionally sessionToken. Default: the
	// credentials of the proxy's environment.
	//
	// +optional
	SecretRef *LocalSecretObjectRef `json:"secretRef,omitempty"`

	// Role to assume with the credentials of the proxy's environment.
	//
	// +optional
	AssumeRole *AwsAssumeRole `json:"assumeRole,omitempty"`

	// AWS service to sign for. Example: bedrock. Default: by the destination.
	//
	// +optional
	ServiceName *ShortString `json:"serviceName,omitempty"`

	// AWS region to sign for. Example: eu-west-1. Default: the destination's, or
	// that of the proxy's environment.
	//
	// +optional
	Region *ShortString `json:"region,omitempty"`
}

// AwsAssumeRole is a role in AWS.
//
// +kubebuilder:validation:AtMostOneOf=sessionName;sessionNameExpression
type AwsAssumeRole struct {
	// The role. Example: arn:aws:iam::123456789012:role/llm.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:Pattern=`^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$`
	RoleARN string `json:"roleArn"`

	// Name of the session.
	//
	// +optional
	// +kubebuilder:validation:Pattern=`^[\w+=,.@-]{2,64}$`
	SessionName *string `json:"sessionName,omitempty"`

	// CEL expression that yields the name of the session. Example: jwt.sub.
	//
	// +optional
	SessionNameExpression *CELExpression `json:"sessionNameExpression,omitempty"`

	// Tags of the session.
	//
	// +optional
	// +listType=map
	// +listMapKey=key
	// +kubebuilder:validation:MaxItems=50
	Tags []AwsSessionTag `json:"tags,omitempty"`
}

// AwsSessionTag is a tag of an assumed role's session.
//
// +kubebuilder:validation:ExactlyOneOf=value;expression
type AwsSessionTag struct {
	// Key of the tag.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Key string `json:"key"`

	// Fixed value.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Value *string `json:"value,omitempty"`

	// CEL expression that yields the value.
	//
	// +optional
	Expression *CELExpression `json:"expression,omitempty"`
}

// AzureAuth gets tokens from Microsoft Entra.
//
// +kubebuilder:validation:AtMostOneOf=secretRef;managedIdentity;workloadIdentity
type AzureAuth struct {
	// Secret with clientID, tenantID and clientSecret of an application.
	//
	// +optional
	SecretRef *LocalSecretObjectRef `json:"secretRef,omitempty"`

	// Managed identity of the machine. {} takes the system-assigned one.
	//
	// +optional
	ManagedIdentity *AzureManagedIdentity `json:"managedIdentity,omitempty"`

	// Workload identity of the proxy's service account.
	//
	// +optional
	WorkloadIdentity *AzureWorkloadIdentity `json:"workloadIdentity,omitempty"`
}

// AzureManagedIdentity names a user-assigned identity, by one of its ids. If
// several are set, the first one of clientId, objectId and resourceId is used.
type AzureManagedIdentity struct {
	// Client id of the identity.
	//
	// +optional
	ClientID string `json:"clientId,omitempty"`

	// Object id of the identity.
	//
	// +optional
	ObjectID string `json:"objectId,omitempty"`

	// Resource id of the identity.
	//
	// +optional
	ResourceID string `json:"resourceId,omitempty"`
}

// AzureWorkloadIdentity takes the proxy's workload identity. It has no settings.
type AzureWorkloadIdentity struct{}

// GcpAuth gets tokens from Google Cloud.
//
// +kubebuilder:validation:XValidation:rule="!has(self.audience) || (has(self.type) && self.type == 'IdToken')",message="audience is for ID tokens only: set type IdToken, or remove audience"
type GcpAuth struct {
	// Kind of token: AccessToken (the default) for Google's own APIs, IdToken for
	// services such as Cloud Run.
	//
	// +optional
	Type GcpAuthType `json:"type,omitempty"`

	// Audience of an ID token.
	//
	// +optional
	Audience *ShortString `json:"audience,omitempty"`

	// Secret with a credential file. Default data key: credentials.json.
	//
	// +optional
	SecretRef *LocalSecretKeyRef `json:"secretRef,omitempty"`
}

// GcpAuthType is a kind of Google token.
//
// +kubebuilder:validation:Enum=AccessToken;IdToken
type GcpAuthType string

const (
	// GcpAuthTypeAccessToken is an OAuth access token.
	GcpAuthTypeAccessToken GcpAuthType = "AccessToken"
	// GcpAuthTypeIDToken is an OpenID Connect token.
	GcpAuthTypeIDToken GcpAuthType = "IdToken"
)
