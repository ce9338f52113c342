package store

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	api "agentgateway.dev/controller/apis/xds"
)

// checkBackendMessage continues check with what stands in backends and in
// their policies.
func checkBackendMessage(message proto.Message, r *review) {
	switch m := message.(type) {
	case *api.StaticBackend:
		if port := m.GetPort(); port < 0 || port > maxPort {
			r.errorf("static backend port %d", port)
		}
	case *api.AIBackend:
		checkAIBackend(m, r)
	case *api.AIBackend_Provider:
		checkProvider(m, r)
	case *api.MCPTarget:
		checkMCPTarget(m, r)
	case *api.BackendPolicySpec_BackendTLS:
		checkBackendTLS(m, r)
	case *api.BackendPolicySpec_BackendHTTP:
		checkDurations(r, named{"backend_http.request_timeout", m.GetRequestTimeout()})
	case *api.BackendPolicySpec_BackendTCP:
		checkDurations(r, named{"backend_tcp.connect_timeout", m.GetConnectTimeout()})
	case *api.BackendPolicySpec_Eviction:
		checkDurations(r, named{"eviction.duration", m.GetDuration()})
	case *api.BackendPolicySpec_Health:
		checkExpressions(r, m.GetUnhealthyCondition())
	case *api.BackendPolicySpec_Ai:
		for _, values := range []map[string]string{m.GetDefaults(), m.GetOverrides()} {
			for key, value := range values {
				if !json.Valid([]byte(value)) {
					r.errorf("ai: value of %q is not JSON", key)
				}
			}
		}
	case *api.BackendPolicySpec_Ai_RequestGuard:
		if m.GetKind() == nil {
			r.errorf("request guard without a kind")
		}
	case *api.BackendPolicySpec_McpAuthorization:
		checkExpressions(r, slices.Concat(m.GetAllow(), m.GetDeny(), m.GetRequire())...)
	case *api.BackendPolicySpec_McpAuthentication:
		if m.GetJwksInline() == "" {
			r.errorf("%s", missing("mcp_authentication.jwks_inline"))
		}
	case *api.BackendPolicySpec_McpGuardrails_Processor:
		if m.GetKind() == nil {
			r.warnf("MCP guardrail processor without a kind is dropped")
		}
	}
}

func checkBackendPolicy(spec *api.BackendPolicySpec, r *review) {
	if spec.GetKind() == nil {
		r.errorf("backend policy without a kind")
	}
}

func reviewBackend(backend *api.Backend, r *review) {
	switch {
	case backend.GetName() == nil:
		r.errorf("%s", missing("backend.name"))
	case backend.GetKind() == nil:
		r.errorf("backend without a kind")
	case backend.GetGuardrail() != nil:
		r.warnf("guardrail backends are not implemented, requests to it fail")
	case backend.GetAws() != nil:
		arn := backend.GetAws().GetAgentCore().GetAgentRuntimeArn()
		if fields := strings.Split(arn, ":"); len(fields) < 6 || fields[0] != "arn" {
			r.errorf("agent runtime ARN %q cannot be parsed", arn)
		}
	}
	inspect(backend, r)
}

func checkAIBackend(backend *api.AIBackend, r *review) {
	names := map[string]bool{}
	if len(backend.GetProviderGroups()) == 0 {
		r.errorf("ai backend without provider groups")
	}
	for _, group := range backend.GetProviderGroups() {
		if len(group.GetProviders()) == 0 {
			r.errorf("ai backend with an empty provider group")
		}
		for _, provider := range group.GetProviders() {
			name := provider.GetName()
			if name == "" {
				name = "default"
			}
			if names[name] {
				r.errorf("ai backend has two providers named %q", name)
			}
			names[name] = true
		}
	}
}

func checkProvider(p *api.AIBackend_Provider, r *review) {
	switch {
	case p.GetProvider() == nil:
		r.errorf("ai provider %q without a kind", p.GetName())
	case p.GetAzureopenai() != nil:
		r.errorf("ai provider %q: azureopenai is refused", p.GetName())
	case p.GetProviderBackend() != nil && (p.BaseUrl != nil || p.GetHostOverride() != nil || p.PathPrefix != nil):
		r.errorf("ai provider %q: provider_backend excludes base_url, host_override and path_prefix", p.GetName())
	case p.BaseUrl != nil && (p.GetHostOverride() != nil || p.PathPrefix != nil):
		r.errorf("ai provider %q: base_url excludes host_override and path_prefix", p.GetName())
	}
	switch kind := p.GetProvider().(type) {
	case *api.AIBackend_Provider_Custom:
		checkCustomProvider(p, kind.Custom, r)
	case *api.AIBackend_Provider_ProviderPreset:
		if kind.ProviderPreset == api.AIBackend_PROVIDER_PRESET_UNSPECIFIED || p.GetProviderBackend() != nil {
			r.errorf("ai provider %q: a preset must be known and excludes provider_backend", p.GetName())
		}
	}
	if p.BaseUrl == nil {
		return
	}
	base, err := url.Parse(p.GetBaseUrl())
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" ||
		base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		r.errorf("ai provider %q: base_url %q", p.GetName(), p.GetBaseUrl())
	}
}

func checkCustomProvider(p *api.AIBackend_Provider, custom *api.AIBackend_Custom, r *review) {
	if len(custom.GetFormats()) == 0 {
		r.errorf("ai provider %q: custom needs a format", p.GetName())
	}
	for _, format := range custom.GetFormats() {
		if format.GetFormat() == api.AIBackend_PROVIDER_FORMAT_UNSPECIFIED {
			r.errorf("ai provider %q: custom with an unspecified format", p.GetName())
		}
	}
	if p.GetProviderBackend() == nil && p.GetHostOverride() == nil && p.BaseUrl == nil {
		r.errorf("ai provider %q: custom needs provider_backend, host_override or base_url", p.GetName())
	}
}

var sectionName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

func checkMCPTarget(target *api.MCPTarget, r *review) {
	if len(target.GetName()) > 253 || !sectionName.MatchString(target.GetName()) {
		r.errorf("mcp target name %q is not a section name", target.GetName())
	}
}

func checkBackendTLS(spec *api.BackendPolicySpec_BackendTLS, r *review) {
	// Present but empty trusts nobody, which is a valid wish unless the chain is
	// all that would be verified.
	empty := spec.Root != nil && len(spec.GetRoot()) == 0
	if empty && spec.GetVerification() == api.BackendPolicySpec_BackendTLS_INSECURE_HOST {
		r.errorf("backend_tls.root is empty, and only it would be verified")
	}
	if len(spec.GetRoot()) > 0 && !x509.NewCertPool().AppendCertsFromPEM(spec.GetRoot()) {
		r.errorf("backend_tls.root has no certificate")
	}
	if spec.Cert != nil && spec.Key != nil {
		if _, err := tls.X509KeyPair(spec.GetCert(), spec.GetKey()); err != nil {
			r.errorf("backend_tls client certificate: %v", err)
		}
	}
	if spec.Hostname != nil && !validServerName(spec.GetHostname()) {
		r.errorf("backend_tls.hostname %q", spec.GetHostname())
	}
	for _, san := range spec.GetVerifySubjectAltNames() {
		if !strings.Contains(san, "://") && !validServerName(san) {
			r.errorf("backend_tls.verify_subject_alt_names: %q", san)
		}
	}
}

func reviewModelRoute(route *api.ModelRoute, r *review) {
	if route.GetMatch().GetModel() == "" {
		r.errorf("%s", missing("model_route.match.model"))
	}
	switch kind := route.GetKind().(type) {
	case nil:
		r.errorf("model route without a kind")
	case *api.ModelRoute_VirtualModel_:
		switch routing := kind.VirtualModel.GetRouting().(type) {
		case nil:
			r.errorf("virtual model without a routing")
		case *api.ModelRoute_VirtualModel_Weighted_:
			if len(routing.Weighted.GetTargets()) == 0 {
				r.errorf("virtual model without targets")
			}
		case *api.ModelRoute_VirtualModel_Conditional_:
			targets := routing.Conditional.GetTargets()
			if len(targets) == 0 {
				r.errorf("virtual model without targets")
			}
			for i, target := range targets {
				if target.When == nil && i < len(targets)-1 {
					r.errorf("only the last conditional target may have no condition")
				}
				checkExpressions(r, target.GetWhen())
			}
		}
	}
	inspect(route, r)
}
