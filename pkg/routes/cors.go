package routes

import (
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
	"google.golang.org/protobuf/types/known/durationpb"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	api "agentgateway.dev/controller/apis/xds"
)

func (f *filters) addCORS(path string, spec *gwv1.HTTPCORSFilter) {
	path += "cors."
	if spec == nil {
		f.fail(unsupported("%s must be set", strings.TrimSuffix(path, ".")))
		return
	}
	if !f.single(path, gwv1.HTTPRouteFilterCORS) {
		return
	}
	out := &api.CORS{AllowCredentials: spec.AllowCredentials != nil && *spec.AllowCredentials}
	for _, origin := range spec.AllowOrigins {
		out.AllowOrigins = append(out.AllowOrigins, string(origin))
	}
	for i, method := range spec.AllowMethods {
		if !httpguts.ValidHeaderFieldName(string(method)) {
			f.fail(unsupported("%sallowMethods[%d]: %q is not a method", path, i, method))
		}
		out.AllowMethods = append(out.AllowMethods, string(method))
	}
	out.AllowHeaders = f.headerNames(path+"allowHeaders", spec.AllowHeaders)
	out.ExposeHeaders = f.headerNames(path+"exposeHeaders", spec.ExposeHeaders)
	seconds := spec.MaxAge
	if seconds == 0 {
		// The API server's default, for objects that didn't pass through one.
		seconds = defaultMaxAge
	}
	if seconds < 0 {
		f.fail(unsupported("%smaxAge %d is negative", path, seconds))
		return
	}
	out.MaxAge = durationpb.New(time.Duration(seconds) * time.Second)
	f.ordered = append(f.ordered, &api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_Cors{Cors: out}})
}

// defaultMaxAge is Gateway API's default of cors.maxAge, in seconds.
const defaultMaxAge = 5

func (f *filters) headerNames(path string, names []gwv1.HTTPHeaderName) []string {
	var out []string
	for i, name := range names {
		if !httpguts.ValidHeaderFieldName(string(name)) {
			f.fail(unsupported("%s[%d]: %q is not a header name", path, i, name))
		}
		out = append(out, string(name))
	}
	return out
}
