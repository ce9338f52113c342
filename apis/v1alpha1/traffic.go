package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Traffic sets what happens to requests on their way through the proxy.
//
// +kubebuilder:validation:XValidation:rule="!has(self.phase) || self.phase != 'PreRouting' || !(has(self.buffer) || has(self.csrf) || has(self.delay) || has(self.directResponse) || has(self.headerModifiers) || has(self.hostRewrite) || has(self.rateLimit) || has(self.retry) || has(self.timeouts))",message="phase PreRouting excludes buffer, csrf, delay, directResponse, headerModifiers, hostRewrite, rateLimit, retry and timeouts: move them to a policy without phase"
type Traffic struct {
	// When the policy runs: PostRouting (the default), once the route is known,
	// or PreRouting, before it is, so that the outcome can decide the route. The
	// two never merge; both run.
	//
	// +optional
	Phase PolicyPhase `json:"phase,omitempty"`

	// Transform headers and bodies.
	//
	// +optional
	Transformation *TransformationOrConditional `json:"transformation,omitempty"`

	// Let an external processor (Envoy's ext_proc protocol) see and change
	// requests and responses.
	//
	// +optional
	ExtProc *ExtProcOrConditional `json:"extProc,omitempty"`

	// Ask an external service whether a request may pass.
	//
	// +optional
	ExtAuth *ExtAuthOrConditional `json:"extAuth,omitempty"`

	// Limit the rate of requests or LLM tokens.
	//
	// +optional
	RateLimit *RateLimitsOrConditional `json:"rateLimit,omitempty"`

	// Cross-origin resource sharing for browsers.
	//
	// +optional
	CORS *CORS `json:"cors,omitempty"`

	// Refuse state-changing requests that a browser sends from a foreign origin.
	// {} allows only the own origin.
	//
	// +optional
	CSRF *CSRF `json:"csrf,omitempty"`

	// Add, set and remove headers with fixed values.
	//
	// +optional
	HeaderModifiers *HeaderModifiers `json:"headerModifiers,omitempty"`

	// Whether the Host header is changed to the destination's name.
	//
	// +optional
	HostRewrite *HostnameRewrite `json:"hostRewrite,omitempty"`

	// Time limits of requests.
	//
	// +optional
	Timeouts *Timeouts `json:"timeouts,omitempty"`

	// Try failed requests again.
	//
	// +optional
	Retry *Retry `json:"retry,omitempty"`

	// Hold requests back for a time before they go on.
	//
	// +optional
	Delay *Delay `json:"delay,omitempty"`

	// Read bodies whole before they go on.
	//
	// +optional
	Buffer *Buffer `json:"buffer,omitempty"`

	// Answer requests without any destination.
	//
	// +optional
	DirectResponse *DirectResponseOrConditional `json:"directResponse,omitempty"`

	// Who may send which request, by CEL rules.
	//
	// +optional
	Authorization *Authorization `json:"authorization,omitempty"`

	// Authenticate by JSON Web Token.
	//
	// +optional
	JWTAuthentication *JWTAuthentication `json:"jwtAuthentication,omitempty"`

	// Authenticate by user name and password.
	//
	// +optional
	BasicAuthentication *BasicAuthentication `json:"basicAuthentication,omitempty"`

	// Authenticate by API key.
	//
	// +optional
	APIKeyAuthentication *APIKeyAuthentication `json:"apiKeyAuthentication,omitempty"`
}

// PolicyPhase says when a traffic policy runs.
//
// +kubebuilder:validation:Enum=PostRouting;PreRouting
type PolicyPhase string

const (
	// PolicyPhasePostRouting runs once the route is known.
	PolicyPhasePostRouting PolicyPhase = "PostRouting"
	// PolicyPhasePreRouting runs before the route is chosen.
	PolicyPhasePreRouting PolicyPhase = "PreRouting"
)

// CORS answers the cross-origin questions of browsers. Fields that this version
// doesn't know are kept.
//
// +kubebuilder:pruning:PreserveUnknownFields
type CORS struct {
	// Origins that may call. Example: https://*.example.com; "*" alone means any.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="!('*' in self) || self.size() == 1",message="'*' already means any origin: remove the other items, or '*'"
	AllowOrigins []gwv1.CORSOrigin `json:"allowOrigins,omitempty"`

	// Whether browsers may send cookies and other credentials. Default: false.
	//
	// +optional
	AllowCredentials *bool `json:"allowCredentials,omitempty"`

	// Methods that may be used; "*" alone means any.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=9
	// +kubebuilder:validation:XValidation:rule="!('*' in self) || self.size() == 1",message="'*' already means any method: remove the other items, or '*'"
	AllowMethods []gwv1.HTTPMethodWithWildcard `json:"allowMethods,omitempty"`

	// Request headers that may be sent; "*" alone means any.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="!('*' in self) || self.size() == 1",message="'*' already means any header: remove the other items, or '*'"
	AllowHeaders []gwv1.HTTPHeaderName `json:"allowHeaders,omitempty"`

	// Response headers that scripts may read.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	ExposeHeaders []gwv1.HTTPHeaderName `json:"exposeHeaders,omitempty"`

	// Seconds for which browsers may remember the answer. Default: 5.
	//
	// +optional
	// +kubebuilder:default=5
	// +kubebuilder:validation:Minimum=1
	MaxAge *int32 `json:"maxAge,omitempty"`
}

// CSRF refuses cross-site requests.
type CSRF struct {
	// Origins that may send state-changing requests besides the own one.
	// Example: https://app.example.com.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	AdditionalOrigins []ShortString `json:"additionalOrigins,omitempty"`
}

// HeaderModifiers changes headers by fixed values.
//
// +kubebuilder:validation:AtLeastOneOf=request;response
type HeaderModifiers struct {
	// Changes to the request before it goes to the destination.
	//
	// +optional
	Request *gwv1.HTTPHeaderFilter `json:"request,omitempty"`

	// Changes to the response before it goes to the client.
	//
	// +optional
	Response *gwv1.HTTPHeaderFilter `json:"response,omitempty"`
}

// HostnameRewrite sets the Host header that the destination sees.
type HostnameRewrite struct {
	// Auto writes the destination's DNS name into the Host header, None keeps
	// what the client sent.
	//
	// +required
	Mode HostnameRewriteMode `json:"mode"`
}

// HostnameRewriteMode says what the destination sees as Host.
//
// +kubebuilder:validation:Enum=Auto;None
type HostnameRewriteMode string

const (
	// HostnameRewriteAuto writes the destination's DNS name.
	HostnameRewriteAuto HostnameRewriteMode = "Auto"
	// HostnameRewriteNone keeps what the client sent.
	HostnameRewriteNone HostnameRewriteMode = "None"
)

// Timeouts limits how long requests may take.
type Timeouts struct {
	// Longest time from the request to the end of the response, retries
	// included; at least 100ms.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('100ms')",message="write a duration of at least 100ms, such as 500ms or 10s"
	Request *metav1.Duration `json:"request,omitempty"`
}

// Retry sends failed requests again.
type Retry struct {
	// Response status codes after which to try again. Example: 503.
	//
	// +optional
	// +listType=set
	Codes []gwv1.HTTPRouteRetryStatusCode `json:"codes,omitempty"`

	// Retries after the first try, at most 254. Default: 1.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	Attempts *int `json:"attempts,omitempty"`

	// Time to wait before a retry. Example: 100ms.
	//
	// +optional
	Backoff *gwv1.Duration `json:"backoff,omitempty"`

	// CEL expression on the request; retries are considered only where it is
	// true. Example: request.method == "GET".
	//
	// +optional
	Precondition *CELExpression `json:"precondition,omitempty"`

	// CEL expression on the response; where it is true the request is tried
	// again. Example: response.headers["x-retry"] == "yes".
	//
	// +optional
	Condition *CELExpression `json:"condition,omitempty"`
}

// Delay holds requests back.
type Delay struct {
	// Time to wait: a duration such as 250ms, or a CEL expression that yields
	// one.
	//
	// +required
	Duration CELExpression `json:"duration"`
}

// Buffer reads bodies whole before they go on.
//
// +kubebuilder:validation:AtLeastOneOf=request;response
type Buffer struct {
	// Buffer request bodies.
	//
	// +optional
	Request *BufferBody `json:"request,omitempty"`

	// Buffer response bodies.
	//
	// +optional
	Response *BufferBody `json:"response,omitempty"`
}

// BufferBody sets how a body is buffered.
type BufferBody struct {
	// Largest body. Bytes or a quantity such as 1Mi.
	//
	// +optional
	MaxBytes *ByteSize `json:"maxBytes,omitempty"`

	// What happens to a larger body: FailClosed (the default) answers 413 for a
	// request and 502 for a response, FailOpen passes it on.
	//
	// +optional
	FailureMode FailureMode `json:"failureMode,omitempty"`
}
