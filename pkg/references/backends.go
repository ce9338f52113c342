package references

import (
	"fmt"
	"strings"

	inferencev1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	api "agentgateway.dev/controller/apis/xds"
)

const (
	// AgentgatewayGroup is the API group of the product's own kinds.
	AgentgatewayGroup = "agentgateway.dev"
	// BackendKind is the kind of an AgentgatewayBackend.
	BackendKind = "AgentgatewayBackend"

	// maxPort is the highest port number.
	maxPort = 65535
)

// GrantMode says where references to backends need a ReferenceGrant when they
// cross namespaces.
type GrantMode string

const (
	// GrantRoutes demands grants for the backendRefs of routes.
	GrantRoutes GrantMode = "route"
	// GrantRoutesAndPolicies demands them for policies and backends as well.
	GrantRoutesAndPolicies GrantMode = "route-and-policy"
	// GrantNone demands none.
	GrantNone GrantMode = "none"
)

// Problem is a user's mistake in a reference: a reason and a message for a
// condition.
type Problem struct {
	Reason, Message string
	// Unsupported marks a reference that can't be expressed at all, which makes
	// the rule around it invalid, rather than one that merely doesn't resolve.
	Unsupported bool
}

// Backend is a resolved backend reference.
type Backend struct {
	// Reference is what the proxy is sent; nil stands for a backend that must
	// answer 500 because the reference isn't permitted.
	Reference *api.BackendReference
	// Key names the referred object, "<Kind>/<namespace>/<name>"; "" when there
	// is none that a proxy could use.
	Key     string
	Problem *Problem
}

// Backends resolves backend references of every kind of object.
type Backends struct {
	Services krt.Collection[Service]
	// InferencePools is nil where they aren't served, and their kind unknown.
	InferencePools krt.Collection[InferencePool]
	Grants         Grants
	Mode           GrantMode
	// ClusterDomain ends the host names of Services, for example cluster.local.
	ClusterDomain string
}

// Resolve resolves ref as written in an object of kind from. What is wrong
// with it comes back as the Problem; the Reference is still set wherever the
// proxy shall answer with an error for that share of the traffic, or start to
// work by itself when the missing object appears.
func (b Backends) Resolve(ctx krt.HandlerContext, from From, ref gwv1.BackendObjectReference) Backend {
	to := To{Group: "", Kind: "Service", Namespace: from.Namespace, Name: string(ref.Name)}
	if ref.Group != nil {
		to.Group = coreGroup(string(*ref.Group))
	}
	if ref.Kind != nil {
		to.Kind = string(*ref.Kind)
	}
	if ref.Namespace != nil {
		to.Namespace = string(*ref.Namespace)
	}
	// Checked before anything else: whether the target exists is nobody's
	// business who may not refer to it.
	if b.Mode != GrantNone && !b.Grants.Permit(ctx, from, to) {
		return Backend{Problem: &Problem{
			Reason: string(gwv1.RouteReasonRefNotPermitted),
			Message: fmt.Sprintf("backendRef %s/%s not accessible to a %s in namespace %q (missing a ReferenceGrant?): "+
				"a ReferenceGrant in namespace %q must allow it", to.Namespace, to.Name, from.Kind, from.Namespace, to.Namespace),
		}}
	}
	switch {
	case to.Group == "" && to.Kind == "Service":
		return b.service(ctx, to, ref.Port)
	case to.Group == AgentgatewayGroup && to.Kind == BackendKind:
		return b.agentgatewayBackend(to)
	case to.Group == inferencev1.GroupName && to.Kind == InferencePoolKind && b.InferencePools != nil:
		return b.inferencePool(ctx, to)
	default:
		return unknownKind(to)
	}
}

func unknownKind(to To) Backend {
	advice := "use a Service"
	if to.Group == inferencev1.GroupName && to.Kind == InferencePoolKind {
		advice = "the inference extension is not enabled"
	}
	return Backend{
		Reference: &api.BackendReference{},
		Problem: &Problem{
			Reason:  string(gwv1.RouteReasonInvalidKind),
			Message: fmt.Sprintf("referencing unsupported backendRef: group %q kind %q; %s", to.Group, to.Kind, advice),
		},
	}
}

// ServiceHostname is the name under which proxies know a Service.
func (b Backends) ServiceHostname(namespace, name string) string {
	return name + "." + namespace + ".svc." + b.ClusterDomain
}

func (b Backends) service(ctx krt.HandlerContext, to To, port *gwv1.PortNumber) Backend {
	if port == nil {
		return Backend{Problem: &Problem{
			Unsupported: true,
			Reason:      string(gwv1.RouteReasonUnsupportedValue),
			Message:     fmt.Sprintf("backendRef to Service %s/%s needs a port", to.Namespace, to.Name),
		}}
	}
	if *port < 1 || *port > maxPort {
		return Backend{Problem: &Problem{
			Unsupported: true,
			Reason:      string(gwv1.RouteReasonUnsupportedValue),
			Message:     fmt.Sprintf("backendRef to Service %s/%s has port %d: it must be 1 to %d", to.Namespace, to.Name, *port, maxPort),
		}}
	}
	if strings.Contains(to.Name, ".") {
		return Backend{Problem: &Problem{
			Unsupported: true,
			Reason:      string(gwv1.RouteReasonUnsupportedValue),
			Message:     fmt.Sprintf("backendRef name %q is not a Service's name: give the name without its domain", to.Name),
		}}
	}
	hostname := b.ServiceHostname(to.Namespace, to.Name)
	backend := Backend{
		Key: "Service/" + to.Namespace + "/" + to.Name,
		Reference: &api.BackendReference{
			Kind: &api.BackendReference_Service_{Service: &api.BackendReference_Service{Namespace: to.Namespace, Hostname: hostname}},
			Port: uint32(*port),
		},
	}
	if krt.FetchOne(ctx, b.Services, krt.FilterKey(to.Namespace+"/"+to.Name)) == nil {
		backend.Problem = &Problem{
			Reason:  string(gwv1.RouteReasonBackendNotFound),
			Message: fmt.Sprintf("backend(%s) not found", hostname),
		}
	}
	return backend
}

// agentgatewayBackend keeps the key of the reference, so that it works as soon
// as the backend is served.
func (b Backends) agentgatewayBackend(to To) Backend {
	key := to.Namespace + "/" + to.Name
	return Backend{
		Key:       BackendKind + "/" + key,
		Reference: &api.BackendReference{Kind: &api.BackendReference_Backend{Backend: key}},
		Problem: &Problem{
			Reason:  string(gwv1.RouteReasonBackendNotFound),
			Message: fmt.Sprintf("backend(%s) not found: AgentgatewayBackends are not served by this version", key),
		},
	}
}
