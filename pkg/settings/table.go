package settings

import (
	"fmt"
	"math"
	"strings"
)

// Setting is one line of the table: a variable and the flag of the same
// meaning.
type Setting struct {
	// Variable is the environment variable.
	Variable string
	// Flag is the flag's name without dashes, "" for a variable that only the
	// Go runtime reads.
	Flag string
	// Type says which values are right, for people.
	Type string
	// Default is the value when neither is given, as one would write it.
	Default string
	// Doc is one sentence without the final stop.
	Doc string
	// NoEffect marks settings that are accepted, and checked, only because
	// existing installations set them.
	NoEffect bool
	// KeepsEmpty marks settings for which an empty value differs from none.
	KeepsEmpty bool

	// set parses a given value; it is never called with the default.
	set func(*Settings, string) error
}

const (
	typeText = "string"
	typeBool = "bool"
)

// Table lists every setting in the order of the documentation.
var Table = []Setting{
	{Variable: "AGW_CONTROLLER_NAME", Flag: "controller-name", Type: typeText, Default: defaultController + " and its alias " + aliasController,
		Doc: "The one controllerName that this process serves, in place of both defaults", set: setController},
	{Variable: "AGW_AGENTGATEWAY_CLASS_NAME", Flag: "agentgateway-class-name", Type: typeText, Default: "agentgateway",
		Doc: "Name of the GatewayClass that is created and kept", set: setClassName},
	{Variable: "AGW_GATEWAY_CLASS_PARAMETERS_REFS", Flag: "gateway-class-parameters-refs", Type: "JSON object", Default: "{}",
		Doc: "parametersRef of managed classes: class name to {name, namespace, group, kind}", set: setClassParameters},

	{Variable: "AGW_XDS_SERVICE_HOST", Flag: "xds-service-host", Type: typeText,
		Doc: "Host that proxies dial; empty means the Service below", set: text(func(s *Settings) *string { return &s.XDS.Host })},
	{Variable: "AGW_XDS_SERVICE_NAME", Flag: "xds-service-name", Type: typeText, Default: "agentgateway",
		Doc: "Service of the xDS server; proxies dial <name>.<own namespace>.svc.<cluster domain>", set: text(func(s *Settings) *string { return &s.XDS.ServiceName })},
	{Variable: "AGW_AGENTGATEWAY_XDS_SERVICE_PORT", Flag: "agentgateway-xds-service-port", Type: "port", Default: "9978",
		Doc: "Port that proxies dial and, unless an address is set, that the xDS server listens on", set: setXDSPort},
	{Variable: "AGW_XDS_ADDRESS", Flag: "xds-address", Type: "host:port", Default: ":<xDS port>",
		Doc: "Address that the xDS server listens on", set: address(func(s *Settings) *string { return &s.XDS.Address })},
	{Variable: "AGW_XDS_MODE", Flag: "xds-mode", Type: "plaintext, tls or either", Default: string(XDSPlaintext),
		Doc: "How connections of proxies are secured; either serves both on one port", set: setXDSMode},
	{Variable: "AGW_XDS_AUTH", Flag: "xds-auth", Type: typeBool, Default: "true",
		Doc: "Demand a service account token from every proxy", set: boolean(func(s *Settings) *bool { return &s.XDS.Authenticate })},
	{Variable: "AGW_ADDITIONAL_XDS_TLS_HOSTS", Flag: "additional-xds-tls-hosts", Type: "comma-separated list",
		Doc: "Further names in the serving certificate that is issued", set: setTLSHosts},

	{Variable: "AGW_NO_LISTENERS_DUMMY_PORT", Flag: "no-listeners-dummy-port", Type: "port or 0", Default: "443",
		Doc: "Port of the Service of a Gateway without listeners; 0 means none", set: setDummyPort},
	{Variable: "AGW_PROXY_IMAGE_REGISTRY", Flag: "proxy-image-registry", Type: typeText, Default: "cr.agentgateway.dev", KeepsEmpty: true,
		Doc: "Registry of the proxy image; empty means none", set: text(func(s *Settings) *string { return &s.Proxy.ImageRegistry })},
	{Variable: "AGW_PROXY_IMAGE_REPOSITORY", Flag: "proxy-image-repository", Type: typeText, Default: "agentgateway",
		Doc: "Repository of the proxy image", set: text(func(s *Settings) *string { return &s.Proxy.ImageRepository })},
	{Variable: "AGW_PROXY_IMAGE_TAG", Flag: "proxy-image-tag", Type: typeText, Default: "the proxy version this controller was built for", KeepsEmpty: true,
		Doc: "Tag of the proxy image, used as it is; empty means no tag", set: func(s *Settings, value string) error { s.Proxy.ImageTag = &value; return nil }},

	{Variable: "AGW_LOG_LEVEL", Flag: "log-level", Type: "trace, debug, info, warn or error", Default: "info",
		Doc: "Log level of all components; another value is reported and info taken", set: setLogLevel},
	{Variable: "AGW_LOG_FORMAT", Flag: "log-format", Type: "json or console", Default: string(LogJSON),
		Doc: "Form of the log lines", set: oneOf(func(s *Settings) *LogFormat { return &s.Logs.Format }, exact, LogJSON, LogConsole)},
	{Variable: "AGW_KLOG_VERBOSITY", Flag: "klog-verbosity", Type: "integer from 0", Default: "0",
		Doc: "Verbosity of the Kubernetes client libraries", set: setKlogVerbosity},

	{Variable: "AGW_DISCOVERY_NAMESPACE_SELECTORS", Flag: "discovery-namespace-selectors", Type: "JSON list of label selectors", Default: "[]",
		Doc: "Namespaces whose objects count: those that match any selector; an empty list means all", set: setDiscovery},
	{Variable: "AGW_DISABLE_LEADER_ELECTION", Flag: "disable-leader-election", Type: typeBool, Default: "false",
		Doc: "Act as the leader at once", set: setNoElection},
	{Variable: "AGW_ENABLE_INFER_EXT", Flag: "enable-infer-ext", Type: typeBool, Default: "false",
		Doc: "Watch InferencePools", set: boolean(func(s *Settings) *bool { return &s.InferenceExtension })},
	{Variable: "AGW_ENABLE_AGENTGATEWAY_MODELS", Flag: "enable-agentgateway-models", Type: typeBool, Default: "false",
		Doc: "Watch AgentgatewayModels", set: boolean(func(s *Settings) *bool { return &s.AgentgatewayModels })},
	{Variable: "AGW_BACKEND_REF_GRANT_MODE", Flag: "backend-ref-grant-mode", Type: "route-and-policy, route or none", Default: string(GrantsForRoutes),
		Doc: "Where a reference to a backend in another namespace needs a ReferenceGrant",
		set: oneOf(func(s *Settings) *BackendGrants { return &s.BackendGrants }, strings.ToLower, GrantsForRoutesAndPolicies, GrantsForRoutes, GrantsNowhere)},
	{Variable: "AGW_GLOBAL_POLICY_NAMESPACE", Flag: "global-policy-namespace", Type: typeText, NoEffect: true,
		Doc: "Namespace of policies that may attach anywhere", set: accept},

	{Variable: "AGW_ISTIO_NAMESPACE", Flag: "istio-namespace", Type: typeText, Default: "istio-system",
		Doc: "Namespace of istiod", set: text(func(s *Settings) *string { return &s.Istio.Namespace })},
	{Variable: "AGW_ISTIO_REVISION", Flag: "istio-revision", Type: typeText, Default: "default",
		Doc: "Revision whose mesh configuration is read", set: text(func(s *Settings) *string { return &s.Istio.Revision })},
	{Variable: "AGW_ISTIO_AUTO_ENABLED", Flag: "istio-auto-enabled", Type: typeBool, Default: "false",
		Doc: "Integrate Gateways with Istio unless they say otherwise", set: boolean(func(s *Settings) *bool { return &s.Istio.AutoEnabled })},
	{Variable: "AGW_ISTIO_CLUSTER_ID", Flag: "istio-cluster-id", Type: typeText,
		Doc: "Istio's name of this cluster", set: text(func(s *Settings) *string { return &s.Istio.ClusterID })},
	{Variable: "AGW_ISTIO_NETWORK", Flag: "istio-network", Type: typeText,
		Doc: "Istio's name of this network", set: text(func(s *Settings) *string { return &s.Istio.Network })},
	{Variable: "AGW_ISTIO_CA_ADDRESS", Flag: "istio-ca-address", Type: typeText,
		Doc: "Address of Istio's certificate authority; empty means istiod's usual one", set: text(func(s *Settings) *string { return &s.Istio.CAAddress })},

	{Variable: "AGW_HEALTH_ADDRESS", Flag: "health-address", Type: "host:port", Default: ":9093",
		Doc: "Address of /readyz and /healthz", set: address(func(s *Settings) *string { return &s.HealthAddress })},
	{Variable: "AGW_METRICS_ADDRESS", Flag: "metrics-address", Type: "host:port", Default: ":9092",
		Doc: "Address of /metrics", set: address(func(s *Settings) *string { return &s.MetricsAddress })},
	{Variable: "AGW_ADMIN_ADDRESS", Flag: "admin-address", Type: "host:port", Default: "localhost:9095",
		Doc: "Address of the debugging endpoints, which are not authenticated", set: address(func(s *Settings) *string { return &s.AdminAddress })},

	{Variable: "AGW_ENABLE_BUILTIN_DEFAULT_METRICS", Flag: "enable-builtin-default-metrics", Type: typeBool, Default: "false", NoEffect: true,
		Doc: "Expose the metrics of client libraries", set: boolean(discardBool)},
	{Variable: "AGW_ENABLE_EXPERIMENTAL_GATEWAY_API_FEATURES", Flag: "enable-experimental-gateway-api-features", Type: typeBool, Default: "true", NoEffect: true,
		Doc: "Experimental features of Gateway API", set: boolean(discardBool)},
	{Variable: "AGW_DNS_LOOKUP_FAMILY", Flag: "dns-lookup-family", Type: "V4_PREFERRED, V4_ONLY, V6_ONLY, ALL or AUTO", Default: "V4_PREFERRED", NoEffect: true,
		Doc: "Address family of lookups", set: oneOf(func(*Settings) *string { return new(string) }, exact, "V4_PREFERRED", "V4_ONLY", "V6_ONLY", "ALL", "AUTO")},
	{Variable: "AGW_LISTENER_BIND_IPV6", Flag: "listener-bind-ipv6", Type: typeBool, Default: "true", NoEffect: true,
		Doc: "Bind listeners to IPv6 addresses", set: boolean(discardBool)},

	{Variable: "POD_NAMESPACE", Flag: "pod-namespace", Type: typeText, Default: "agentgateway-system",
		Doc: "The controller's own namespace", set: setNamespace},
	{Variable: "CLUSTER_DOMAIN", Flag: "cluster-domain", Type: typeText, Default: defaultDomain,
		Doc: "Domain of Services, if /etc/resolv.conf has no search entry that starts with \"svc.\"", set: text(func(s *Settings) *string { return &s.ClusterDomain })},
	{Variable: "KGW_DEBOUNCE_AFTER", Flag: "debounce-after", Type: "duration", Default: "10ms", NoEffect: true,
		Doc: "Quiet time before a push; changes are sent at once and gather only while a send is under way", set: duration},
	{Variable: "KGW_DEBOUNCE_MAX", Flag: "debounce-max", Type: "duration", Default: "1s", NoEffect: true,
		Doc: "Longest delay of a push", set: duration},
	{Variable: "PILOT_PUSH_THROTTLE", Flag: "push-throttle", Type: "integer from 0", Default: "0", NoEffect: true,
		Doc: "Concurrent pushes", set: func(_ *Settings, value string) error { _, err := integer(value, 0, math.MaxInt32); return err }},
	{Variable: "PILOT_MAX_REQUESTS_PER_SECOND", Flag: "max-requests-per-second", Type: "number from 0", Default: "0",
		Doc: "New xDS streams a second; 0 means the server's own bound", set: setStreamsPerSecond},
	{Variable: "KUBECONFIG", Flag: "kubeconfig", Type: "path", Doc: "Kubeconfig for running outside of a cluster",
		set: text(func(s *Settings) *string { return &s.Kubeconfig })},
	{Variable: "GOMEMLIMIT", Type: "bytes", Doc: "Memory limit, read by the Go runtime"},
	{Variable: "GOMAXPROCS", Type: "integer", Doc: "Processors, read by the Go runtime"},
}

const (
	defaultController = "agentgateway.dev/controller"
	aliasController   = "agentgateway.dev/agentgateway"
	defaultDomain     = "cluster.local"
)

// defaults is Table's column of defaults as values.
func defaults() Settings {
	return Settings{
		Controllers:    []string{defaultController, aliasController},
		ClassName:      "agentgateway",
		XDS:            XDS{Port: 9978, ServiceName: "agentgateway", Mode: XDSPlaintext, Authenticate: true},
		Proxy:          Proxy{ImageRegistry: "cr.agentgateway.dev", ImageRepository: "agentgateway", DummyPort: 443},
		Istio:          Istio{Namespace: "istio-system", Revision: "default"},
		Logs:           Logs{Level: "info", Format: LogJSON},
		HealthAddress:  ":9093",
		MetricsAddress: ":9092",
		AdminAddress:   "localhost:9095",
		Namespace:      "agentgateway-system",
		LeaderElection: true,
		BackendGrants:  GrantsForRoutes,
	}
}

// Markdown is the table of all settings as documentation.
func Markdown() string {
	var out strings.Builder
	out.WriteString("# Settings\n\n" +
		"The controller is configured by environment variables and by flags of the same\n" +
		"meaning; a flag wins over its variable. A malformed value stops the start. An\n" +
		"empty value is the same as none, except where \"empty\" is explained.\n\n" +
		"| Variable | Flag | Values | Default | Meaning |\n| --- | --- | --- | --- | --- |\n")
	for _, s := range Table {
		flag := ""
		if s.Flag != "" {
			flag = "`--" + s.Flag + "`"
		}
		doc := s.Doc
		if s.NoEffect {
			doc += " (accepted without effect)"
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s | %s |\n", s.Variable, flag, s.Type, s.Default, doc)
	}
	return out.String()
}
