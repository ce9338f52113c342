package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Frontend sets how a Gateway accepts connections and reports on requests.
//
// +kubebuilder:validation:AtLeastOneOf=accessLog;connect;http;metrics;networkAuthorization;proxyProtocol;tcp;tls;tracing
type Frontend struct {
	// TCP settings of client connections.
	//
	// +optional
	TCP *FrontendTCP `json:"tcp,omitempty"`

	// Who may connect at all, decided on connection facts such as
	// source.address, before anything is read.
	//
	// +optional
	NetworkAuthorization *Authorization `json:"networkAuthorization,omitempty"`

	// TLS settings of client connections.
	//
	// +optional
	TLS *FrontendTLS `json:"tls,omitempty"`

	// HTTP settings of client connections.
	//
	// +optional
	HTTP *FrontendHTTP `json:"http,omitempty"`

	// Expect the PROXY protocol, as sent by a load balancer in front.
	//
	// +optional
	ProxyProtocol *FrontendProxyProtocol `json:"proxyProtocol,omitempty"`

	// What to do with HTTP CONNECT requests.
	//
	// +optional
	Connect *FrontendConnect `json:"connect,omitempty"`

	// Access log of requests.
	//
	// +optional
	AccessLog *AccessLog `json:"accessLog,omitempty"`

	// Traces of requests, sent to an OpenTelemetry collector.
	//
	// +optional
	Tracing *Tracing `json:"tracing,omitempty"`

	// Labels of the request metrics.
	//
	// +optional
	Metrics *MetricLabels `json:"metrics,omitempty"`
}

// FrontendTCP sets TCP options of client connections.
//
// +kubebuilder:validation:AtLeastOneOf=keepalive
type FrontendTCP struct {
	// TCP keepalive probes. {} switches them on with the proxy's defaults.
	//
	// +optional
	Keepalive *Keepalive `json:"keepalive,omitempty"`
}

// Keepalive sets TCP keepalive probes.
type Keepalive struct {
	// Unanswered probes after which the connection is closed. Default: 9.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	Retries *int32 `json:"retries,omitempty"`

	// Idle time before the first probe, at least 1s. Default: 180s.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('1s')",message="write a duration of at least 1s, such as 10s or 1h30m"
	Time *metav1.Duration `json:"time,omitempty"`

	// Time between probes, at least 1s. Default: 180s.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('1s')",message="write a duration of at least 1s, such as 10s or 1h30m"
	Interval *metav1.Duration `json:"interval,omitempty"`
}

// FrontendTLS sets how TLS from clients is negotiated. Certificates are those of
// the listener.
//
// +kubebuilder:validation:AtLeastOneOf=alpnProtocols;cipherSuites;handshakeTimeout;keyExchangeGroups;maxProtocolVersion;minProtocolVersion
type FrontendTLS struct {
	// Longest time for the handshake, at least 100ms. Default: 15s.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('100ms')",message="write a duration of at least 100ms, such as 500ms or 10s"
	HandshakeTimeout *metav1.Duration `json:"handshakeTimeout,omitempty"`

	// ALPN protocols offered, preferred first. Default: h2, http/1.1.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	ALPNProtocols []TinyString `json:"alpnProtocols,omitempty"`

	// Lowest TLS version accepted.
	//
	// +optional
	MinProtocolVersion TLSVersion `json:"minProtocolVersion,omitempty"`

	// Highest TLS version accepted.
	//
	// +optional
	MaxProtocolVersion TLSVersion `json:"maxProtocolVersion,omitempty"`

	// Cipher suites accepted, preferred first. Default: the proxy's own list.
	//
	// +optional
	CipherSuites []CipherSuite `json:"cipherSuites,omitempty"`

	// Key exchange groups accepted, preferred first. Default: the proxy's own
	// list.
	//
	// +optional
	KeyExchangeGroups []KeyExchangeGroup `json:"keyExchangeGroups,omitempty"`
}

// TLSVersion is a version of the TLS protocol.
//
// +kubebuilder:validation:Enum="1.2";"1.3"
type TLSVersion string

const (
	// TLSVersion12 is TLS 1.2.
	TLSVersion12 TLSVersion = "1.2"
	// TLSVersion13 is TLS 1.3.
	TLSVersion13 TLSVersion = "1.3"
)

// CipherSuite is a TLS cipher suite. Names with TLS13 are those of TLS 1.3.
//
// +kubebuilder:validation:Enum=TLS13_AES_128_GCM_SHA256;TLS13_AES_256_GCM_SHA384;TLS13_CHACHA20_POLY1305_SHA256;TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384;TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256;TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384;TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
type CipherSuite string

// Cipher suites of TLS 1.3 and TLS 1.2.
const (
	CipherSuiteTLS13AES128GCMSHA256             CipherSuite = "TLS13_AES_128_GCM_SHA256"
	CipherSuiteTLS13AES256GCMSHA384             CipherSuite = "TLS13_AES_256_GCM_SHA384"
	CipherSuiteTLS13CHACHA20POLY1305SHA256      CipherSuite = "TLS13_CHACHA20_POLY1305_SHA256"
	CipherSuiteECDHEECDSAAES128GCMSHA256        CipherSuite = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
	CipherSuiteECDHEECDSAAES256GCMSHA384        CipherSuite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
	CipherSuiteECDHEECDSACHACHA20POLY1305SHA256 CipherSuite = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
	CipherSuiteECDHERSAAES128GCMSHA256          CipherSuite = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
	CipherSuiteECDHERSAAES256GCMSHA384          CipherSuite = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
	CipherSuiteECDHERSACHACHA20POLY1305SHA256   CipherSuite = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
)

// KeyExchangeGroup is a TLS key exchange group. X25519_MLKEM768 is the hybrid
// that also holds against quantum computers.
//
// +kubebuilder:validation:Enum=P-256;P-384;X25519;X25519_MLKEM768
type KeyExchangeGroup string

// Key exchange groups.
const (
	KeyExchangeGroupP256           KeyExchangeGroup = "P-256"
	KeyExchangeGroupP384           KeyExchangeGroup = "P-384"
	KeyExchangeGroupX25519         KeyExchangeGroup = "X25519"
	KeyExchangeGroupX25519MLKEM768 KeyExchangeGroup = "X25519_MLKEM768"
)

// FrontendHTTP sets HTTP options of client connections.
//
// +kubebuilder:validation:AtLeastOneOf=http1HeaderCase;http1IdleTimeout;http1MaxHeaders;http2ConnectionWindowSize;http2FrameSize;http2KeepaliveInterval;http2KeepaliveTimeout;http2MaxHeaderSize;http2WindowSize;maxBufferSize;maxConnectionDuration
type FrontendHTTP struct {
	// Largest body the proxy holds in memory, where it must read one whole.
	// Bytes or a quantity such as 4Mi. Default: 2Mi.
	//
	// +optional
	MaxBufferSize *ByteSize `json:"maxBufferSize,omitempty"`

	// Most headers in an HTTP/1 request.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4096
	HTTP1MaxHeaders *int32 `json:"http1MaxHeaders,omitempty"`

	// Time after which an idle HTTP/1 connection is closed, at least 1s.
	// Default: 10m.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('1s')",message="write a duration of at least 1s, such as 10s or 1h30m"
	HTTP1IdleTimeout *metav1.Duration `json:"http1IdleTimeout,omitempty"`

	// Case of HTTP/1 header names: Lowercase (the default), or Preserve to keep
	// them as they came.
	//
	// +optional
	HTTP1HeaderCase HTTPHeaderCase `json:"http1HeaderCase,omitempty"`

	// HTTP/2 flow-control window of a stream. Bytes or a quantity such as 64Ki.
	//
	// +optional
	HTTP2WindowSize *ByteSize `json:"http2WindowSize,omitempty"`

	// HTTP/2 flow-control window of a connection. Bytes or a quantity such as
	// 1Mi.
	//
	// +optional
	HTTP2ConnectionWindowSize *ByteSize `json:"http2ConnectionWindowSize,omitempty"`

	// Largest HTTP/2 frame, from 16384 to 1677215 bytes. Bytes or a quantity such
	// as 32Ki.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 16384 : !isQuantity(string(self)) || quantity(string(self)).compareTo(quantity('16384')) >= 0",message="http2FrameSize must be at least 16384 bytes (16Ki)"
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self <= 1677215 : !isQuantity(string(self)) || quantity(string(self)).compareTo(quantity('1677215')) <= 0",message="http2FrameSize must be at most 1677215 bytes"
	HTTP2FrameSize *ByteSize `json:"http2FrameSize,omitempty"`

	// Largest sum of an HTTP/2 request's headers. Bytes or a quantity such as
	// 16Ki.
	//
	// +optional
	HTTP2MaxHeaderSize *ByteSize `json:"http2MaxHeaderSize,omitempty"`

	// Time between HTTP/2 pings, at least 1s.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('1s')",message="write a duration of at least 1s, such as 10s or 1h30m"
	HTTP2KeepaliveInterval *metav1.Duration `json:"http2KeepaliveInterval,omitempty"`

	// Time to wait for the answer to an HTTP/2 ping before the connection is
	// closed, at least 1s.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('1s')",message="write a duration of at least 1s, such as 10s or 1h30m"
	HTTP2KeepaliveTimeout *metav1.Duration `json:"http2KeepaliveTimeout,omitempty"`

	// Age at which a connection is closed gracefully, at least 1s. Unset means
	// never.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('1s')",message="write a duration of at least 1s, such as 10s or 1h30m"
	MaxConnectionDuration *metav1.Duration `json:"maxConnectionDuration,omitempty"`
}

// HTTPHeaderCase says how HTTP/1 header names are written.
//
// +kubebuilder:validation:Enum=Lowercase;Preserve
type HTTPHeaderCase string

const (
	// HTTPHeaderCaseLowercase writes header names in lower case.
	HTTPHeaderCaseLowercase HTTPHeaderCase = "Lowercase"
	// HTTPHeaderCasePreserve keeps header names as they came.
	HTTPHeaderCasePreserve HTTPHeaderCase = "Preserve"
)

// FrontendProxyProtocol sets how the PROXY protocol is accepted.
type FrontendProxyProtocol struct {
	// Version accepted: V1 (text), V2 (binary, the default) or All.
	//
	// +optional
	// +kubebuilder:default=V2
	Version ProxyProtocolVersion `json:"version,omitempty"`

	// Strict (the default) refuses connections without a PROXY header, Optional
	// takes them as they are.
	//
	// +optional
	// +kubebuilder:default=Strict
	Mode ProxyProtocolMode `json:"mode,omitempty"`
}

// ProxyProtocolVersion is a version of the PROXY protocol.
//
// +kubebuilder:validation:Enum=All;V1;V2
type ProxyProtocolVersion string

const (
	// ProxyProtocolVersionAll accepts both versions.
	ProxyProtocolVersionAll ProxyProtocolVersion = "All"
	// ProxyProtocolVersionV1 accepts the text form.
	ProxyProtocolVersionV1 ProxyProtocolVersion = "V1"
	// ProxyProtocolVersionV2 accepts the binary form.
	ProxyProtocolVersionV2 ProxyProtocolVersion = "V2"
)

// ProxyProtocolMode says whether a PROXY header must be there.
//
// +kubebuilder:validation:Enum=Optional;Strict
type ProxyProtocolMode string

const (
	// ProxyProtocolModeOptional takes connections with and without a header.
	ProxyProtocolModeOptional ProxyProtocolMode = "Optional"
	// ProxyProtocolModeStrict refuses connections without a header.
	ProxyProtocolModeStrict ProxyProtocolMode = "Strict"
)

// FrontendConnect sets what happens to HTTP CONNECT requests.
type FrontendConnect struct {
	// Deny refuses CONNECT, Route matches it against the routes like any request,
	// Tunnel connects the client to the destination that it names.
	//
	// +required
	Mode FrontendConnectMode `json:"mode"`
}

// FrontendConnectMode is what happens to HTTP CONNECT requests.
//
// +kubebuilder:validation:Enum=Deny;Route;Tunnel
type FrontendConnectMode string

const (
	// FrontendConnectDeny refuses CONNECT.
	FrontendConnectDeny FrontendConnectMode = "Deny"
	// FrontendConnectRoute matches CONNECT against the routes.
	FrontendConnectRoute FrontendConnectMode = "Route"
	// FrontendConnectTunnel connects the client to what it asks for.
	FrontendConnectTunnel FrontendConnectMode = "Tunnel"
)
