package store

import (
	"encoding/json"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	api "agentgateway.dev/controller/apis/xds"
)

// checkSecurity continues check with the messages of authentication,
// authorization, rate limits and external services.
func checkSecurity(message proto.Message, r *review) {
	switch m := message.(type) {
	case *api.TrafficPolicySpec_RBAC:
		checkExpressions(r, slices.Concat(m.GetAllow(), m.GetDeny(), m.GetRequire())...)
	case *api.TrafficPolicySpec_LocalRateLimit:
		checkLocalRateLimit(m, r)
	case *api.TrafficPolicySpec_ExternalAuth:
		checkExternalAuth(m, r)
	case *api.TrafficPolicySpec_ExternalAuth_HTTPProtocol:
		checkHeaderNames(r, m.GetIncludeResponseHeaders()...)
		for name, expression := range m.GetAddRequestHeaders() {
			checkHeaderNames(r, name)
			checkExpressions(r, expression)
		}
	case *api.TrafficPolicySpec_RemoteRateLimit_Entry:
		checkExpressions(r, m.GetValue())
	case *api.TrafficPolicySpec_JWT:
		checkJWT(m, r)
	case *api.TrafficPolicySpec_APIKey_User:
		checkAPIKey(m, r)
	case *api.TrafficPolicySpec_HeaderTransformation:
		checkExpressions(r, m.GetExpression())
	case *api.TrafficPolicySpec_BodyTransformation:
		checkExpressions(r, m.GetExpression())
	case *api.KeepaliveConfig:
		checkDurations(r, named{"keepalive.time", m.GetTime()}, named{"keepalive.interval", m.GetInterval()})
	case *api.FrontendPolicySpec_HTTP:
		checkDurations(r,
			named{"http1_idle_timeout", m.GetHttp1IdleTimeout()},
			named{"http2_keepalive_interval", m.GetHttp2KeepaliveInterval()},
			named{"http2_keepalive_timeout", m.GetHttp2KeepaliveTimeout()},
			named{"max_connection_duration", m.GetMaxConnectionDuration()})
	case *api.FrontendPolicySpec_TLS:
		checkDurations(r, named{"handshake_timeout", m.GetHandshakeTimeout()})
	case *api.FrontendPolicySpec_NetworkAuthorization:
		checkExpressions(r, slices.Concat(m.GetAllow(), m.GetDeny(), m.GetRequire())...)
	default:
		checkBackendMessage(message, r)
	}
}

func checkFrontend(spec *api.FrontendPolicySpec, r *review) {
	if spec.GetKind() == nil {
		r.errorf("frontend policy without a kind")
	}
}

func checkLocalRateLimit(limit *api.TrafficPolicySpec_LocalRateLimit, r *review) {
	switch {
	case limit.GetFillInterval() == nil:
		r.errorf("%s", missing("local_rate_limit.fill_interval"))
	case limit.GetFillInterval().AsDuration() == 0:
		r.errorf("local_rate_limit.fill_interval is zero")
	case limit.GetTokensPerFill() > limit.GetMaxTokens():
		r.errorf("local_rate_limit: tokens_per_fill %d exceeds max_tokens %d", limit.GetTokensPerFill(), limit.GetMaxTokens())
	}
	checkDurations(r, named{"local_rate_limit.fill_interval", limit.GetFillInterval()})
}

func checkExternalAuth(auth *api.TrafficPolicySpec_ExternalAuth, r *review) {
	if auth.GetProtocol() == nil {
		r.errorf("%s", missing("ext_authz.protocol"))
	}
	if auth.GetTarget() == nil {
		r.errorf("%s", missing("ext_authz.target"))
	}
	if cache := auth.GetCache(); cache != nil && (len(cache.GetKey()) == 0 || cache.GetTtl() == "") {
		r.errorf("ext_authz.cache needs a key and a ttl")
	}
}

func checkJWT(jwt *api.TrafficPolicySpec_JWT, r *review) {
	for _, provider := range jwt.GetProviders() {
		if provider.GetJwksSource() == nil {
			r.errorf("%s", missing("jwt.providers.jwks_source"))
		} else {
			checkJWKS(provider.GetInline(), r)
		}
	}
	if jwt.GetMcp() != nil && len(jwt.GetProviders()) != 1 {
		r.errorf("jwt.mcp needs exactly one provider, there are %d", len(jwt.GetProviders()))
	}
}

// checkJWKS only warns: the provider is dropped, the policy stays.
func checkJWKS(text string, r *review) {
	var set struct {
		Keys []struct {
			KeyID   string `json:"kid"`
			KeyType string `json:"kty"`
		} `json:"keys"`
	}
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		r.warnf("JWKS cannot be read: %v", err)
		return
	}
	for _, key := range set.Keys {
		if key.KeyID == "" || key.KeyType == "" {
			r.warnf("JWKS has a key without kid or kty")
		}
	}
}

func checkAPIKey(user *api.TrafficPolicySpec_APIKey_User, r *review) {
	if (user.GetKey() == "") == (user.GetKeyHash() == "") {
		r.errorf("api key needs exactly one of key and key_hash")
	}
	if hash := user.GetKeyHash(); hash != "" {
		digits, ok := strings.CutPrefix(hash, "sha256:")
		if !ok || len(digits) != 64 || strings.Trim(digits, "0123456789abcdefABCDEF") != "" {
			r.errorf("api key hash is not sha256: and 64 hexadecimal digits")
		}
	}
}

func checkLocation(location *api.AuthorizationLocation, r *review) {
	switch kind := location.GetKind().(type) {
	case nil:
		r.errorf("authorization location without a kind")
	case *api.AuthorizationLocation_Header_:
		checkHeaderNames(r, kind.Header.GetName())
	case *api.AuthorizationLocation_Expression:
		checkExpressions(r, kind.Expression)
	}
}

func checkAuth(auth *api.BackendAuthPolicy, r *review) {
	if auth.GetKind() == nil && len(auth.GetCredentials()) == 0 {
		r.errorf("backend auth without a kind or credentials")
	}
	for _, credential := range auth.GetCredentials() {
		if credential.GetLocation() == nil {
			r.errorf("%s", missing("auth.credentials.location"))
		}
		checkOutboundLocation(credential.GetLocation(), r)
	}
	switch kind := auth.GetKind().(type) {
	case *api.BackendAuthPolicy_Passthrough:
		checkOutboundLocation(kind.Passthrough.GetAuthorizationLocation(), r)
	case *api.BackendAuthPolicy_Key:
		checkOutboundLocation(kind.Key.GetAuthorizationLocation(), r)
	case *api.BackendAuthPolicy_Azure:
		if kind.Azure.GetKind() == nil {
			r.errorf("%s", missing("auth.azure.kind"))
		}
	case *api.BackendAuthPolicy_Aws:
		checkAWS(kind.Aws, r)
	case *api.BackendAuthPolicy_Gcp:
		if kind.Gcp.Credential != nil && kind.Gcp.GetCredential() == "" {
			r.errorf("auth.gcp.credential is empty")
		}
	case *api.BackendAuthPolicy_OauthTokenExchange:
		checkEndpointPath(kind.OauthTokenExchange.TokenEndpointPath, r)
		if actor := kind.OauthTokenExchange.GetActorToken(); actor != nil && actor.GetSource() == nil {
			r.errorf("%s", missing("oauth_token_exchange.actor_token.source"))
		}
	case *api.BackendAuthPolicy_CrossAppAccess:
		checkCrossAppAccess(kind.CrossAppAccess, r)
	}
}

func checkCrossAppAccess(access *api.CrossAppAccessAuth, r *review) {
	if access.GetAudience() == "" {
		r.errorf("%s", missing("cross_app_access.audience"))
	}
	for _, endpoint := range []*api.CrossAppAccessAuth_Endpoint{access.GetIdentityProvider(), access.GetResourceAuthorizationServer()} {
		if endpoint.GetClientAuth() == nil {
			r.errorf("%s", missing("cross_app_access.client_auth"))
			continue
		}
		checkEndpointPath(endpoint.TokenEndpointPath, r)
	}
}

func checkEndpointPath(path *string, r *review) {
	if path != nil && !strings.HasPrefix(*path, "/") {
		r.errorf("token endpoint path %q does not start with a slash", *path)
	}
}

// checkOutboundLocation refuses what can be read from a request but not
// written into one.
func checkOutboundLocation(location *api.AuthorizationLocation, r *review) {
	if _, ok := location.GetKind().(*api.AuthorizationLocation_Expression); ok {
		r.errorf("an expression cannot be the location of a backend credential")
	}
}

func checkAWS(aws *api.Aws, r *review) {
	role := aws.GetAssumeRole()
	switch {
	case aws.GetKind() == nil:
		r.errorf("%s", missing("auth.aws.kind"))
	case aws.GetExplicitConfig() != nil && role != nil:
		r.errorf("auth.aws: explicit credentials exclude assume_role")
	case role.GetSessionName() != "" && role.GetSessionNameExpression() != "":
		r.errorf("auth.aws: session_name excludes session_name_expression")
	}
	for _, tag := range role.GetTags() {
		if tag.GetValue() != "" && tag.GetExpression() != "" {
			r.errorf("auth.aws: tag %q has a value and an expression", tag.GetKey())
		}
	}
}
