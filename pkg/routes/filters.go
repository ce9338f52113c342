package routes

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/references"
)

// filters translates the filters of a rule, in the order in which the proxy
// must hear of them. Several filters of one kind would replace each other in
// the proxy, so they are merged here.
type filters struct {
	ctx    krt.HandlerContext
	in     Inputs
	from   references.From
	prefix bool // every match of the rule is a path prefix
	// allowed are the types that may occur, nil for all; place says where they
	// stand, for messages.
	allowed []gwv1.HTTPRouteFilterType
	place   string
	faults  []*fault
	uses    []string
	ordered []*api.TrafficPolicySpec

	request, response *api.HeaderModifier
	mirrors           []*api.RequestMirrors_Mirror
	relocated         bool // a redirect or rewrite was seen
	singles           []gwv1.HTTPRouteFilterType
}

func (f *filters) fail(fault *fault) { f.faults = append(f.faults, fault) }

// add translates one filter; path names it in messages.
func (f *filters) add(path string, spec gwv1.HTTPRouteFilter) {
	if f.allowed != nil && !slices.Contains(f.allowed, spec.Type) {
		f.fail(invalid(gwv1.RouteReasonIncompatibleFilters, "%stype %q is not supported %s", path, spec.Type, f.place))
		return
	}
	switch spec.Type {
	case gwv1.HTTPRouteFilterRequestHeaderModifier:
		f.request = f.modifier(path+"requestHeaderModifier", f.request, spec.RequestHeaderModifier)
	case gwv1.HTTPRouteFilterResponseHeaderModifier:
		f.response = f.modifier(path+"responseHeaderModifier", f.response, spec.ResponseHeaderModifier)
	case gwv1.HTTPRouteFilterRequestRedirect:
		f.addRedirect(path, spec.RequestRedirect)
	case gwv1.HTTPRouteFilterURLRewrite:
		f.addRewrite(path, spec.URLRewrite)
	case gwv1.HTTPRouteFilterRequestMirror:
		f.addMirror(path, spec.RequestMirror)
	case gwv1.HTTPRouteFilterCORS:
		f.addCORS(path, spec.CORS)
	case gwv1.HTTPRouteFilterExternalAuth:
		f.addExternalAuth(path, spec.ExternalAuth)
	case gwv1.HTTPRouteFilterExtensionRef:
		group, kind := gwv1.Group(""), gwv1.Kind("")
		if spec.ExtensionRef != nil {
			group, kind = spec.ExtensionRef.Group, spec.ExtensionRef.Kind
		}
		f.fail(invalid(gwv1.RouteReasonIncompatibleFilters, "%s: unsupported ExtensionRef: %s/%s", strings.TrimSuffix(path, "."), group, kind))
	default:
		f.fail(invalid(gwv1.RouteReasonIncompatibleFilters, "%stype %q is not supported", path, spec.Type))
	}
}

// policies returns the translated filters of the rule.
func (f *filters) policies() []*api.TrafficPolicySpec {
	out := f.ordered
	if f.request != nil {
		out = append(out, &api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_RequestHeaderModifier{RequestHeaderModifier: f.request}})
	}
	if f.response != nil {
		out = append(out, &api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_ResponseHeaderModifier{ResponseHeaderModifier: f.response}})
	}
	if len(f.mirrors) > 0 {
		out = append(out, &api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_RequestMirror{RequestMirror: &api.RequestMirrors{Mirrors: f.mirrors}}})
	}
	return out
}

// backendPolicies returns the same for the filters of a backendRef.
func (f *filters) backendPolicies() []*api.BackendPolicySpec {
	var out []*api.BackendPolicySpec
	for _, spec := range f.policies() {
		switch kind := spec.GetKind().(type) {
		case *api.TrafficPolicySpec_RequestHeaderModifier:
			out = append(out, &api.BackendPolicySpec{Kind: &api.BackendPolicySpec_RequestHeaderModifier{RequestHeaderModifier: kind.RequestHeaderModifier}})
		case *api.TrafficPolicySpec_ResponseHeaderModifier:
			out = append(out, &api.BackendPolicySpec{Kind: &api.BackendPolicySpec_ResponseHeaderModifier{ResponseHeaderModifier: kind.ResponseHeaderModifier}})
		case *api.TrafficPolicySpec_RequestRedirect:
			out = append(out, &api.BackendPolicySpec{Kind: &api.BackendPolicySpec_RequestRedirect{RequestRedirect: kind.RequestRedirect}})
		case *api.TrafficPolicySpec_RequestMirror:
			out = append(out, &api.BackendPolicySpec{Kind: &api.BackendPolicySpec_RequestMirror{RequestMirror: kind.RequestMirror}})
		}
	}
	return out
}

// modifier merges spec into into. The proxy doesn't check names and values
// when it loads them but answers 500 to every request, so they are refused
// here.
func (f *filters) modifier(path string, into *api.HeaderModifier, spec *gwv1.HTTPHeaderFilter) *api.HeaderModifier {
	if spec == nil {
		f.fail(unsupported("%s must be set", path))
		return into
	}
	if into == nil {
		into = &api.HeaderModifier{}
	}
	into.Add = append(into.Add, f.headers(path+".add", spec.Add)...)
	into.Set = append(into.Set, f.headers(path+".set", spec.Set)...)
	for i, name := range spec.Remove {
		if !httpguts.ValidHeaderFieldName(name) {
			f.fail(unsupported("%s.remove[%d]: %q is not a header name", path, i, name))
		}
		into.Remove = append(into.Remove, name)
	}
	return into
}

func (f *filters) headers(path string, specs []gwv1.HTTPHeader) []*api.Header {
	out := make([]*api.Header, 0, len(specs))
	for i, spec := range specs {
		if !httpguts.ValidHeaderFieldName(string(spec.Name)) {
			f.fail(unsupported("%s[%d].name: %q is not a header name", path, i, spec.Name))
		}
		if !httpguts.ValidHeaderFieldValue(spec.Value) {
			f.fail(unsupported("%s[%d].value: not a header value", path, i))
		}
		out = append(out, &api.Header{Name: string(spec.Name), Value: spec.Value})
	}
	return out
}

// at writes the path of a list's item for messages.
func at(list string, index int) string { return fmt.Sprintf("%s[%d].", list, index) }
