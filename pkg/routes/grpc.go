package routes

import (
	"regexp"
	"strings"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	api "agentgateway.dev/controller/apis/xds"
)

// NewGRPCRoutes translates GRPCRoutes, at the cost of HTTPRoutes: to the proxy
// a call is a request whose path is "/<service>/<method>".
func NewGRPCRoutes(routes krt.Collection[*gwv1.GRPCRoute], in Inputs, opts krt.OptionsBuilder) krt.Collection[Route] {
	return krt.NewCollection(routes, func(ctx krt.HandlerContext, route *gwv1.GRPCRoute) *Route {
		from := source{kind: grpcRoute, meta: route.ObjectMeta, hostnames: texts(route.Spec.Hostnames), parentRefs: route.Spec.ParentRefs}
		return new(translate(ctx, in, from, route.Spec.Rules, (*rule).grpc))
	}, opts.WithName("routes/GRPCRoutes")...)
}

func (r *rule) grpc(spec gwv1.GRPCRouteRule) {
	r.named(spec.Name)
	r.match(grpcMatches(spec.Matches))
	r.filter(httpFilters(spec.Filters))
	refs := make([]gwv1.HTTPBackendRef, 0, len(spec.BackendRefs))
	for _, ref := range spec.BackendRefs {
		refs = append(refs, gwv1.HTTPBackendRef{BackendRef: ref.BackendRef, Filters: httpFilters(ref.Filters)})
	}
	r.refer(refs)
	if !r.usable {
		// Where nothing resolves, clients must be told UNAVAILABLE. The proxy says
		// that for a rule without backends, and UNKNOWN for a reference that it
		// can't follow; of a rule with others beside it, that share has to do.
		r.backends = nil
	}
}

// httpFilters writes the filters as those of an HTTPRoute, which are the same
// where both kinds have them. Which types may occur is for the kind to say.
func httpFilters(specs []gwv1.GRPCRouteFilter) []gwv1.HTTPRouteFilter {
	out := make([]gwv1.HTTPRouteFilter, 0, len(specs))
	for _, spec := range specs {
		out = append(out, gwv1.HTTPRouteFilter{
			Type:                   gwv1.HTTPRouteFilterType(spec.Type),
			RequestHeaderModifier:  spec.RequestHeaderModifier,
			ResponseHeaderModifier: spec.ResponseHeaderModifier,
			RequestMirror:          spec.RequestMirror,
			ExtensionRef:           spec.ExtensionRef,
		})
	}
	return out
}

// grpcMatches is matches for the rules of a GRPCRoute.
func grpcMatches(specs []gwv1.GRPCRouteMatch) ([]*api.RouteMatch, *fault) {
	return collect(specs, grpcMatch)
}

func grpcMatch(spec gwv1.GRPCRouteMatch) (*api.RouteMatch, *fault) {
	path, f := methodMatch(spec.Method)
	if f != nil {
		return nil, f
	}
	out := &api.RouteMatch{Path: path}
	headers := make([]gwv1.HTTPHeaderMatch, 0, len(spec.Headers))
	for _, header := range spec.Headers {
		headers = append(headers, gwv1.HTTPHeaderMatch{
			Type: (*gwv1.HeaderMatchType)(header.Type), Name: gwv1.HTTPHeaderName(header.Name), Value: header.Value,
		})
	}
	out.Headers, f = headerMatches(headers)
	return out, f
}

// anySegment stands for the half of the path that a match leaves open.
const anySegment = "[^/]+"

func methodMatch(spec *gwv1.GRPCMethodMatch) (*api.PathMatch, *fault) {
	service, method, matchType := "", "", gwv1.GRPCMethodMatchExact
	if spec != nil {
		if spec.Type != nil {
			matchType = *spec.Type
		}
		if spec.Service != nil {
			service = *spec.Service
		}
		if spec.Method != nil {
			method = *spec.Method
		}
	}
	if matchType != gwv1.GRPCMethodMatchExact && matchType != gwv1.GRPCMethodMatchRegularExpression {
		return nil, unsupported("method.type %q is unknown; use Exact or RegularExpression", matchType)
	}
	exact := matchType == gwv1.GRPCMethodMatchExact
	switch {
	case service == "" && method == "":
		return &api.PathMatch{Kind: &api.PathMatch_PathPrefix{PathPrefix: "/"}}, nil
	case exact && method == "":
		return &api.PathMatch{Kind: &api.PathMatch_PathPrefix{PathPrefix: "/" + service}}, nil
	case exact && service != "":
		return &api.PathMatch{Kind: &api.PathMatch_Exact{Exact: "/" + service + "/" + method}}, nil
	case exact:
		return &api.PathMatch{Kind: &api.PathMatch_Regex{Regex: "/" + anySegment + "/" + regexp.QuoteMeta(method)}}, nil
	default:
		return &api.PathMatch{Kind: &api.PathMatch_Regex{Regex: whole("/" + segment(service) + "/" + segment(method))}}, nil
	}
}

// segment keeps the alternatives of a pattern within its half of the path.
func segment(pattern string) string {
	switch {
	case pattern == "":
		return anySegment
	case strings.Contains(pattern, "|"):
		return "(?:" + pattern + ")"
	default:
		return pattern
	}
}
