package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// BackendConnection sets how a destination is connected to.
type BackendConnection struct {
	// TCP settings of connections to the destination.
	//
	// +optional
	TCP *BackendTCP `json:"tcp,omitempty"`

	// Speak TLS to the destination. {} trusts the system's roots and checks the
	// destination's name.
	//
	// +optional
	TLS *BackendTLS `json:"tls,omitempty"`

	// HTTP settings of calls to the destination.
	//
	// +optional
	HTTP *BackendHTTP `json:"http,omitempty"`

	// Reach the destination through an HTTP proxy.
	//
	// +optional
	Tunnel *BackendTunnel `json:"tunnel,omitempty"`
}

// BackendSimple sets how a destination is connected to, and with which
// credential.
type BackendSimple struct {
	BackendConnection `json:",inline"`

	// Credential that the proxy adds to requests.
	//
	// +optional
	Auth *BackendAuth `json:"auth,omitempty"`
}

// BackendWithAI sets what applies to an LLM provider.
//
// +kubebuilder:validation:AtLeastOneOf=ai;auth;health;http;tcp;tls;transformation;tunnel
type BackendWithAI struct {
	BackendSimple `json:",inline"`

	// Settings for LLM requests: prompts, guards, defaults, formats.
	//
	// +optional
	AI *BackendAI `json:"ai,omitempty"`

	// Transform headers and bodies once the destination is chosen.
	//
	// +optional
	Transformation *Transformation `json:"transformation,omitempty"`

	// What counts as unhealthy, and for how long to avoid what is.
	//
	// +optional
	Health *Health `json:"health,omitempty"`
}

// BackendFull sets everything that can apply to a destination.
//
// +kubebuilder:validation:AtLeastOneOf=ai;auth;extAuth;health;http;mcp;tcp;tls;transformation;tunnel
type BackendFull struct {
	BackendSimple `json:",inline"`

	// Settings for LLM requests: prompts, guards, defaults, formats.
	//
	// +optional
	AI *BackendAI `json:"ai,omitempty"`

	// Settings for MCP servers: authentication, authorization, guardrails.
	//
	// +optional
	MCP *BackendMCP `json:"mcp,omitempty"`

	// Transform headers and bodies once the destination is chosen.
	//
	// +optional
	Transformation *Transformation `json:"transformation,omitempty"`

	// What counts as unhealthy, and for how long to avoid what is.
	//
	// +optional
	Health *Health `json:"health,omitempty"`

	// Ask an external service whether a request may go to the destination. Set
	// backendRef and one of grpc and http.
	//
	// +optional
	ExtAuth *ExtAuth `json:"extAuth,omitempty"`
}

// BackendTCP sets TCP options of connections to a destination.
type BackendTCP struct {
	// TCP keepalive probes. {} switches them on with the proxy's defaults.
	//
	// +optional
	Keepalive *Keepalive `json:"keepalive,omitempty"`

	// Longest time to connect, at least 100ms. Default: 11s.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('100ms')",message="write a duration of at least 100ms, such as 500ms or 10s"
	ConnectTimeout *metav1.Duration `json:"connectTimeout,omitempty"`
}

// BackendHTTP sets HTTP options of calls to a destination.
type BackendHTTP struct {
	// HTTP version to speak: HTTP1 or HTTP2. Unset lets the proxy choose by the
	// Service's appProtocol and the request.
	//
	// +optional
	Version HTTPVersion `json:"version,omitempty"`

	// Longest time for one call, from request to end of response; at least 1ms.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('1ms')",message="write a duration of at least 1ms, such as 500ms or 10s"
	RequestTimeout *metav1.Duration `json:"requestTimeout,omitempty"`
}

// HTTPVersion is a version of HTTP.
//
// +kubebuilder:validation:Enum=HTTP1;HTTP2
type HTTPVersion string

const (
	// HTTPVersion1 is HTTP/1.1.
	HTTPVersion1 HTTPVersion = "HTTP1"
	// HTTPVersion2 is HTTP/2.
	HTTPVersion2 HTTPVersion = "HTTP2"
)

// BackendTunnel sets the HTTP proxy on the way to a destination.
type BackendTunnel struct {
	// The HTTP proxy: a Service with port, or an AgentgatewayBackend. TLS and
	// TCP go through CONNECT, plain HTTP as a proxied request.
	//
	// +required
	BackendRef gwv1.BackendObjectReference `json:"backendRef"`
}

// BackendTLS sets TLS to a destination.
//
// +kubebuilder:validation:XValidation:rule="!has(self.insecureSkipVerify) || self.insecureSkipVerify != 'All' || !has(self.caCertificateRefs)",message="insecureSkipVerify All and caCertificateRefs may not be set together: with All no certificate is checked"
// +kubebuilder:validation:XValidation:rule="!has(self.insecureSkipVerify) || !has(self.verifySubjectAltNames)",message="insecureSkipVerify and verifySubjectAltNames may not be set together: the first switches off what the second checks"
type BackendTLS struct {
	// Secret with the client certificate: tls.crt and tls.key, and optionally
	// ca.crt with the roots to trust.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1
	MTLSCertificateRef []LocalSecretObjectRef `json:"mtlsCertificateRef,omitempty"`

	// ConfigMap of the same namespace with the roots to trust, as PEM under
	// ca.crt. Wins over ca.crt of the client certificate's Secret. Default: the
	// system's roots.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1
	CACertificateRefs []corev1.LocalObjectReference `json:"caCertificateRefs,omitempty"`

	// Switch off checks: Hostname accepts any name in a trusted certificate, All
	// accepts any certificate. For tests.
	//
	// +optional
	InsecureSkipVerify InsecureTLSMode `json:"insecureSkipVerify,omitempty"`

	// Name sent to the server, and expected in its certificate. Default: the
	// destination's DNS name.
	//
	// +optional
	SNI *SNI `json:"sni,omitempty"`

	// Names of which the server's certificate must carry one, in place of the
	// usual check.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	VerifySubjectAltNames []ShortString `json:"verifySubjectAltNames,omitempty"`

	// ALPN protocols offered, preferred first. Example: h2. Unset leaves it to
	// the proxy.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	ALPNProtocols []TinyString `json:"alpnProtocols,omitempty"`

	// Key exchange groups offered, preferred first. Default: the proxy's own
	// list.
	//
	// +optional
	KeyExchangeGroups []KeyExchangeGroup `json:"keyExchangeGroups,omitempty"`
}

// InsecureTLSMode says which checks of a server's certificate are left out.
//
// +kubebuilder:validation:Enum=All;Hostname
type InsecureTLSMode string

const (
	// InsecureTLSModeAll accepts any certificate.
	InsecureTLSModeAll InsecureTLSMode = "All"
	// InsecureTLSModeHostname accepts any name in a trusted certificate.
	InsecureTLSModeHostname InsecureTLSMode = "Hostname"
)

// Health sets what counts as unhealthy, and what follows.
type Health struct {
	// CEL expression on the response; where it is true the endpoint did badly.
	// Default: any 5xx, a gRPC error or a failed connection.
	//
	// +optional
	UnhealthyCondition *CELExpression `json:"unhealthyCondition,omitempty"`

	// When endpoints that do badly are avoided. Unset means never.
	//
	// +optional
	Eviction *BackendEviction `json:"eviction,omitempty"`
}

// BackendEviction sets when, and for how long, an endpoint is avoided. With
// neither consecutiveFailures nor healthThreshold one bad response is enough;
// with both, either is.
type BackendEviction struct {
	// Time for which it is avoided, at least 1s; longer with each eviction.
	// Default: 3s.
	//
	// +optional
	// +kubebuilder:default="3s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('1s')",message="write a duration of at least 1s, such as 10s or 1h30m"
	Duration *metav1.Duration `json:"duration,omitempty"`

	// Health that it has when it comes back, in percent.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	RestoreHealth *int32 `json:"restoreHealth,omitempty"`

	// Avoid it after this many bad responses in a row.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	ConsecutiveFailures *int32 `json:"consecutiveFailures,omitempty"`

	// Avoid it when its health, an average over recent responses, falls below
	// this many percent.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	HealthThreshold *int32 `json:"healthThreshold,omitempty"`
}
