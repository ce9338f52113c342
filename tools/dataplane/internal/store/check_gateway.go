package store

import (
	"crypto/tls"
	"crypto/x509"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/tools/dataplane/internal/match"
)

func reviewBind(bind *api.Bind, r *review) {
	inspect(bind, r)
	checkPort(bind.GetPort(), "bind port", r)
}

// reviewListener also returns the certificate, nil if there is none or it is
// unusable: such a listener stands and refuses every handshake.
func reviewListener(listener *api.Listener, r *review) *tls.Certificate {
	inspect(listener, r)
	if listener.GetName() == nil {
		r.errorf("%s", missing("listener.name"))
	}
	hasTLS := listener.GetTls() != nil
	switch listener.GetProtocol() {
	case api.Protocol_HTTP, api.Protocol_TCP, api.Protocol_HBONE:
		if hasTLS {
			r.errorf("listener of protocol %s with a TLS configuration", listener.GetProtocol())
		}
	case api.Protocol_HTTPS:
		if !hasTLS {
			r.errorf("listener of protocol HTTPS without a TLS configuration")
		}
	case api.Protocol_TLS:
	default:
		r.errorf("listener protocol %s", listener.GetProtocol())
	}
	if !hasTLS {
		return nil
	}
	return reviewTLS(listener.GetTls(), r)
}

func reviewTLS(config *api.TLSConfig, r *review) *tls.Certificate {
	switch config.GetCertificateSource() {
	case api.TLSConfig_ISTIO_WORKLOAD:
		if config.GetMtlsMode() == api.TLSConfig_ALLOW_INSECURE_FALLBACK {
			r.warnf("mtls_mode has no insecure fallback with mesh certificates")
		}
		return nil
	case api.TLSConfig_DYNAMIC_CA:
		if config.Root != nil {
			r.warnf("root has no effect with a dynamic CA")
		}
		return nil
	}
	for _, suite := range config.GetCipherSuites() {
		if suite == 0 || api.TLSConfig_CipherSuite_name[int32(suite)] == "" {
			r.warnf("unknown cipher suite %d", suite)
		}
	}
	for _, group := range config.GetKeyExchangeGroups() {
		if group == 0 || api.TLSConfig_KeyExchangeGroup_name[int32(group)] == "" {
			r.warnf("unknown key exchange group %d", group)
		}
	}
	if config.Root != nil && !x509.NewCertPool().AppendCertsFromPEM(config.GetRoot()) {
		r.warnf("tls.root has no certificate: handshakes are refused")
		return nil
	}
	certificate, err := tls.X509KeyPair(config.GetCert(), config.GetPrivateKey())
	if err != nil {
		r.warnf("certificate: %v: handshakes are refused", err)
		return nil
	}
	return &certificate
}

// reviewRoute compiles the matches. A route without any is accepted and never
// matches.
func reviewRoute(route *api.Route, r *review) *match.Route {
	if route.GetName() == nil {
		r.errorf("%s", missing("route.name"))
	}
	checkPort(route.GetServicePort(), "service_port", r)
	compiled := &match.Route{Spec: route}
	for _, spec := range route.GetMatches() {
		m, warnings, err := match.Compile(spec)
		if err != nil {
			r.errorf("%v", err)
			continue
		}
		for _, warning := range warnings {
			r.warnf("%v", warning)
		}
		compiled.Matches = append(compiled.Matches, m)
	}
	inspect(route, r)
	return compiled
}

func reviewTCPRoute(route *api.TCPRoute, r *review) {
	if route.GetName() == nil {
		r.errorf("%s", missing("tcp_route.name"))
	}
	checkPort(route.GetServicePort(), "service_port", r)
	inspect(route, r)
}

func reviewPolicy(policy *api.Policy, r *review) {
	target := policy.GetTarget()
	switch {
	case target.GetKind() == nil:
		r.errorf("%s", missing("policy.target"))
	case policy.GetKind() == nil:
		r.errorf("policy without a kind")
	}
	checkPort(target.GetGateway().GetPort(), "policy target port", r)
	checkPort(target.GetService().GetPort(), "policy target port", r)
	switch policy.GetBackend().GetKind().(type) {
	case *api.BackendPolicySpec_McpAuthorization_, *api.BackendPolicySpec_McpAuthentication_, *api.BackendPolicySpec_McpGuardrails_:
		if section := target.GetBackend(); section != nil && section.Section != nil {
			r.errorf("MCP policies cannot target a section")
		}
	}
	inspect(policy, r)
}
