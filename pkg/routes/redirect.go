package routes

import (
	"slices"
	"strings"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	api "agentgateway.dev/controller/apis/xds"
)

// once refuses a second redirect or rewrite, and both together.
func (f *filters) once(path string) bool {
	if f.relocated {
		f.fail(invalid(gwv1.RouteReasonIncompatibleFilters, "%s: a rule takes one RequestRedirect or one URLRewrite, not both and not two", strings.TrimSuffix(path, ".")))
		return false
	}
	f.relocated = true
	return true
}

// single refuses a second filter of a type that can't be merged: the proxy
// would apply the last one alone, and requests would pass the others.
func (f *filters) single(path string, filterType gwv1.HTTPRouteFilterType) bool {
	if slices.Contains(f.singles, filterType) {
		f.fail(invalid(gwv1.RouteReasonIncompatibleFilters, "%s: a rule takes one %s", strings.TrimSuffix(path, "."), filterType))
		return false
	}
	f.singles = append(f.singles, filterType)
	return true
}

// defaultPorts are the well-known ports of the schemes that a redirect can
// name.
var defaultPorts = map[string]uint32{"http": 80, "https": 443}

func (f *filters) addRedirect(path string, spec *gwv1.HTTPRequestRedirectFilter) {
	path += "requestRedirect."
	if spec == nil {
		f.fail(unsupported("%s must be set", strings.TrimSuffix(path, ".")))
		return
	}
	if !f.once(path) {
		return
	}
	out := &api.RequestRedirect{}
	if spec.Scheme != nil {
		out.Scheme = strings.ToLower(*spec.Scheme)
		if _, known := defaultPorts[out.Scheme]; !known {
			f.fail(unsupported("%sscheme %q is not supported; use http or https", path, *spec.Scheme))
		}
	}
	if spec.Hostname != nil {
		out.Host = string(*spec.Hostname)
	}
	if spec.StatusCode != nil {
		out.Status = uint32(*spec.StatusCode)
		if out.Status < 300 || out.Status > 399 {
			f.fail(unsupported("%sstatusCode %d is not a redirection", path, *spec.StatusCode))
		}
	}
	switch {
	case spec.Port != nil && (*spec.Port < 1 || *spec.Port > 65535):
		f.fail(unsupported("%sport %d is outside 1 to 65535", path, *spec.Port))
	case spec.Port != nil:
		out.Port = uint32(*spec.Port)
		// With a host the proxy prints the port as it is; Gateway API wants the
		// scheme's own port left out.
		if out.GetHost() != "" && out.GetPort() == defaultPorts[out.GetScheme()] {
			out.Port = 0
		}
	case out.GetScheme() != "" && out.GetHost() == "":
		// Else the proxy would keep the port of the request.
		out.Port = defaultPorts[out.GetScheme()]
	}
	full, prefix := f.pathModifier(path+"path", spec.Path)
	if full != nil {
		out.Path = &api.RequestRedirect_Full{Full: *full}
	}
	if prefix != nil {
		out.Path = &api.RequestRedirect_Prefix{Prefix: *prefix}
	}
	f.ordered = append(f.ordered, &api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_RequestRedirect{RequestRedirect: out}})
}

func (f *filters) addRewrite(path string, spec *gwv1.HTTPURLRewriteFilter) {
	path += "urlRewrite."
	if spec == nil {
		f.fail(unsupported("%s must be set", strings.TrimSuffix(path, ".")))
		return
	}
	if !f.once(path) {
		return
	}
	out := &api.UrlRewrite{}
	if spec.Hostname != nil {
		out.Host = string(*spec.Hostname)
	}
	full, prefix := f.pathModifier(path+"path", spec.Path)
	if full != nil {
		out.Path = &api.UrlRewrite_Full{Full: *full}
	}
	if prefix != nil {
		out.Path = &api.UrlRewrite_Prefix{Prefix: *prefix}
	}
	f.ordered = append(f.ordered, &api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_UrlRewrite{UrlRewrite: out}})
}

// pathModifier returns one of the two forms, without one trailing slash.
func (f *filters) pathModifier(path string, spec *gwv1.HTTPPathModifier) (full, prefix *string) {
	if spec == nil {
		return nil, nil
	}
	switch {
	case spec.Type == gwv1.FullPathHTTPPathModifier && spec.ReplaceFullPath != nil:
		return new(strings.TrimSuffix(*spec.ReplaceFullPath, "/")), nil
	case spec.Type == gwv1.PrefixMatchHTTPPathModifier && spec.ReplacePrefixMatch != nil:
		if !f.prefix {
			f.fail(unsupported("%s.replacePrefixMatch needs every match of the rule to be a PathPrefix", path))
		}
		return nil, new(strings.TrimSuffix(*spec.ReplacePrefixMatch, "/"))
	default:
		f.fail(unsupported("%s.type %q is unknown or its value is missing; use ReplaceFullPath or ReplacePrefixMatch", path, spec.Type))
		return nil, nil
	}
}
