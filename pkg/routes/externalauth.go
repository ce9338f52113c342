package routes

import (
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	api "agentgateway.dev/controller/apis/xds"
)

// addExternalAuth fails closed: without its authorization service the rule
// answers 500 to everything.
func (f *filters) addExternalAuth(path string, spec *gwv1.HTTPExternalAuthFilter) {
	path += "externalAuth."
	if spec == nil {
		f.fail(unsupported("%s must be set", strings.TrimSuffix(path, ".")))
		return
	}
	if !f.single(path, gwv1.HTTPRouteFilterExternalAuth) {
		return
	}
	backend := f.in.Backends.Resolve(f.ctx, f.from, spec.BackendRef)
	if backend.Problem != nil {
		f.fail(referenceFault(path+"backendRef: ", backend.Problem, true))
		return
	}
	f.uses = append(f.uses, backend.Key)
	out := &api.TrafficPolicySpec_ExternalAuth{Target: backend.Reference}
	switch spec.ExternalAuthProtocol {
	case gwv1.HTTPRouteExternalAuthHTTPProtocol:
		http := &api.TrafficPolicySpec_ExternalAuth_HTTPProtocol{}
		out.IncludeRequestHeaders = []string{"Authorization", ":authority"}
		if config := spec.HTTPAuthConfig; config != nil {
			if config.Path != "" {
				http.Path = new(strconv.Quote(rooted(config.Path)) + " + request.path")
			}
			out.IncludeRequestHeaders = append(out.IncludeRequestHeaders, config.AllowedRequestHeaders...)
			// The proxy would refuse the whole route for a bad name here.
			for i, name := range config.AllowedResponseHeaders {
				if !httpguts.ValidHeaderFieldName(name) {
					f.fail(unsupported("%shttp.allowedResponseHeaders[%d]: %q is not a header name", path, i, name))
				}
			}
			http.IncludeResponseHeaders = config.AllowedResponseHeaders
		}
		out.Protocol = &api.TrafficPolicySpec_ExternalAuth_Http{Http: http}
	case gwv1.HTTPRouteExternalAuthGRPCProtocol:
		if config := spec.GRPCAuthConfig; config != nil {
			out.IncludeRequestHeaders = config.AllowedRequestHeaders
		}
		out.Protocol = &api.TrafficPolicySpec_ExternalAuth_Grpc{Grpc: &api.TrafficPolicySpec_ExternalAuth_GRPCProtocol{}}
	default:
		f.fail(unsupported("%sprotocol %q is unknown; use HTTP or GRPC", path, spec.ExternalAuthProtocol))
		return
	}
	if spec.ForwardBody != nil && spec.ForwardBody.MaxSize > 0 {
		out.IncludeRequestBody = &api.TrafficPolicySpec_ExternalAuth_BodyOptions{MaxRequestBytes: uint32(spec.ForwardBody.MaxSize)}
	}
	f.ordered = append(f.ordered, &api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_ExtAuthz{ExtAuthz: out}})
}
