// Package settings holds everything that can be set from outside: which
// environment variables and flags there are, their defaults, what they mean
// and which values are right. It is the only place that reads the environment.
package settings

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Settings are the values that the controller runs with, all valid.
type Settings struct {
	// Controllers are the accepted controllerNames; the first is the one that
	// new GatewayClasses get.
	Controllers []string
	// ClassName is the GatewayClass that is created and kept.
	ClassName string
	// ClassParameters are the parametersRefs of managed classes, by class.
	ClassParameters map[string]ParametersRef

	XDS   XDS
	Proxy Proxy
	Istio Istio
	Logs  Logs

	// HealthAddress, MetricsAddress and AdminAddress are what the HTTP servers
	// listen on, "host:port"; port 0 takes a free one.
	HealthAddress, MetricsAddress, AdminAddress string

	// Discovery selects the namespaces whose objects count; empty means all.
	Discovery []metav1.LabelSelector
	// Namespace is the controller's own.
	Namespace string
	// ClusterDomain ends every Service hostname, such as "cluster.local".
	ClusterDomain string
	// Kubeconfig is the path of a kubeconfig, "" in a cluster.
	Kubeconfig string

	// LeaderElection is false where every replica acts as the leader.
	LeaderElection bool
	// InferenceExtension turns on InferencePools.
	InferenceExtension bool
	// AgentgatewayModels turns on AgentgatewayModels.
	AgentgatewayModels bool
	// BackendGrants says which references to backends in other namespaces need
	// a ReferenceGrant.
	BackendGrants BackendGrants

	// Complaints are malformed values that a default took the place of; the
	// caller logs them as errors.
	Complaints []string
}

// XDS are the settings of the xDS server.
type XDS struct {
	// Address is what the server listens on, "host:port".
	Address string
	// Host and Port are what proxies dial.
	Host string
	Port uint32
	// ServiceName is the Service of the xDS server.
	ServiceName string
	Mode        XDSMode
	// Authenticate demands a token from every proxy.
	Authenticate bool
	// TLSHosts are further names in the issued serving certificate.
	TLSHosts []string
	// StreamsPerSecond bounds how fast new streams are accepted; 0 means the
	// server's own default.
	StreamsPerSecond float64
}

// Proxy are the defaults of the proxies that are run for Gateways.
type Proxy struct {
	ImageRegistry, ImageRepository string
	// ImageTag is used as it is; nil means the version that this controller was
	// built for.
	ImageTag *string
	// DummyPort is the port of a Service without listeners; 0 means none.
	DummyPort uint16
}

// Istio are the settings of mesh integration.
type Istio struct {
	Namespace, Revision string
	// AutoEnabled integrates every Gateway that does not say otherwise.
	AutoEnabled                   bool
	ClusterID, Network, CAAddress string
}

// Logs are the settings of logging.
type Logs struct {
	// Level is trace, debug, info, warn or error.
	Level  string
	Format LogFormat
	// KlogVerbosity is that of the Kubernetes client libraries.
	KlogVerbosity int
}

// ParametersRef names the parameters of a GatewayClass.
type ParametersRef struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// XDSMode is how connections of proxies are secured.
type XDSMode string

const (
	// XDSPlaintext serves without TLS.
	XDSPlaintext XDSMode = "plaintext"
	// XDSTLS serves TLS only.
	XDSTLS XDSMode = "tls"
	// XDSEither tells TLS from plaintext by the first bytes.
	XDSEither XDSMode = "either"
)

// BackendGrants is where references to backends need a ReferenceGrant.
type BackendGrants string

const (
	// GrantsForRoutes asks for a grant in routes only.
	GrantsForRoutes BackendGrants = "route"
	// GrantsForRoutesAndPolicies asks in routes, policies and backends.
	GrantsForRoutesAndPolicies BackendGrants = "route-and-policy"
	// GrantsNowhere never asks.
	GrantsNowhere BackendGrants = "none"
)

// LogFormat is how log lines are written.
type LogFormat string

const (
	// LogJSON writes one JSON object a line.
	LogJSON LogFormat = "json"
	// LogConsole writes for people.
	LogConsole LogFormat = "console"
)
