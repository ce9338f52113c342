package routes

import (
	"net/http"
	"strings"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"golang.org/x/net/http/httpguts"

	api "agentgateway.dev/controller/apis/xds"
)

// matches translates the matches of a rule; a rule without any matches every
// request. The result is never empty unless there is a fault: a route without
// matches would never match anything in the proxy. The fault is the first one;
// the matches without a fault come back all the same, so that their requests
// get the broken rule's error and don't fall to a less specific rule.
func matches(specs []gwv1.HTTPRouteMatch) ([]*api.RouteMatch, *fault) {
	return collect(specs, match)
}

func collect[S any](specs []S, translate func(S) (*api.RouteMatch, *fault)) ([]*api.RouteMatch, *fault) {
	if len(specs) == 0 {
		specs = make([]S, 1)
	}
	out := make([]*api.RouteMatch, 0, len(specs))
	var first *fault
	for i, spec := range specs {
		match, f := translate(spec)
		if f == nil {
			out = append(out, match)
			continue
		}
		if first == nil {
			f.message = at("matches", i) + f.message
			first = f
		}
	}
	return out, first
}

func match(spec gwv1.HTTPRouteMatch) (*api.RouteMatch, *fault) {
	out := &api.RouteMatch{}
	var f *fault
	if out.Path, f = pathMatch(spec.Path); f != nil {
		return nil, f
	}
	if spec.Method != nil {
		out.Method = &api.MethodMatch{Exact: string(*spec.Method)}
	}
	if out.Headers, f = headerMatches(spec.Headers); f != nil {
		return nil, f
	}
	seenQuery := map[gwv1.HTTPHeaderName]bool{}
	for i, query := range spec.QueryParams {
		if seenQuery[query.Name] {
			continue
		}
		seenQuery[query.Name] = true
		translated, f := queryMatch(query)
		if f != nil {
			f.message = at("queryParams", i) + f.message
			return nil, f
		}
		out.QueryParams = append(out.QueryParams, translated)
	}
	return out, nil
}

func headerMatches(specs []gwv1.HTTPHeaderMatch) ([]*api.HeaderMatch, *fault) {
	var out []*api.HeaderMatch
	seen := map[string]bool{}
	for i, header := range specs {
		// Only the first entry of a name counts (Gateway API, HTTPHeaderMatch).
		name := http.CanonicalHeaderKey(string(header.Name))
		if seen[name] {
			continue
		}
		seen[name] = true
		translated, f := headerMatch(header)
		if f != nil {
			f.message = at("headers", i) + f.message
			return nil, f
		}
		out = append(out, translated)
	}
	return out, nil
}

func pathMatch(spec *gwv1.HTTPPathMatch) (*api.PathMatch, *fault) {
	value, matchType := "/", gwv1.PathMatchPathPrefix
	if spec != nil && spec.Value != nil && *spec.Value != "" {
		value = *spec.Value
	}
	if spec != nil && spec.Type != nil {
		matchType = *spec.Type
	}
	switch matchType {
	case gwv1.PathMatchPathPrefix:
		value = rooted(value)
		if trimmed := strings.TrimRight(value, "/"); trimmed != "" {
			value = trimmed
		} else {
			value = "/"
		}
		return &api.PathMatch{Kind: &api.PathMatch_PathPrefix{PathPrefix: value}}, nil
	case gwv1.PathMatchExact:
		return &api.PathMatch{Kind: &api.PathMatch_Exact{Exact: rooted(value)}}, nil
	case gwv1.PathMatchRegularExpression:
		return &api.PathMatch{Kind: &api.PathMatch_Regex{Regex: whole(value)}}, nil
	default:
		return nil, unsupported("path.type %q is unknown; use Exact, PathPrefix or RegularExpression", matchType)
	}
}

func rooted(path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	return "/" + path
}

func headerMatch(spec gwv1.HTTPHeaderMatch) (*api.HeaderMatch, *fault) {
	if !httpguts.ValidHeaderFieldName(string(spec.Name)) {
		return nil, unsupported("name %q is not a header name", spec.Name)
	}
	if !httpguts.ValidHeaderFieldValue(spec.Value) {
		return nil, unsupported("value of %q is not a header value", spec.Name)
	}
	out := &api.HeaderMatch{Name: string(spec.Name)}
	matchType := gwv1.HeaderMatchExact
	if spec.Type != nil {
		matchType = *spec.Type
	}
	switch matchType {
	case gwv1.HeaderMatchExact:
		out.Value = &api.HeaderMatch_Exact{Exact: spec.Value}
	case gwv1.HeaderMatchRegularExpression:
		out.Value = &api.HeaderMatch_Regex{Regex: whole(spec.Value)}
	default:
		return nil, unsupported("type %q is unknown; use Exact or RegularExpression", matchType)
	}
	return out, nil
}

func queryMatch(spec gwv1.HTTPQueryParamMatch) (*api.QueryMatch, *fault) {
	out := &api.QueryMatch{Name: string(spec.Name)}
	matchType := gwv1.QueryParamMatchExact
	if spec.Type != nil {
		matchType = *spec.Type
	}
	switch matchType {
	case gwv1.QueryParamMatchExact:
		out.Value = &api.QueryMatch_Exact{Exact: spec.Value}
	case gwv1.QueryParamMatchRegularExpression:
		out.Value = &api.QueryMatch_Regex{Regex: whole(spec.Value)}
	default:
		return nil, unsupported("type %q is unknown; use Exact or RegularExpression", matchType)
	}
	return out, nil
}

// whole makes a pattern with alternatives match as a whole. The proxy takes
// the first alternative that matches at all and then finds that it doesn't
// reach the end; anchored in a group, it tries them all. Other patterns stay
// as they are: their length decides precedence between routes.
func whole(pattern string) string {
	if !strings.Contains(pattern, "|") {
		return pattern
	}
	return "^(?:" + pattern + ")$"
}
