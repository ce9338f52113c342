// Package routes attaches routes to listeners and translates them to what
// proxies match requests with, and says in their status what came of it.
package routes

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"agentgateway.dev/controller/pkg/conditions"
	"agentgateway.dev/controller/pkg/gateways"
	"agentgateway.dev/controller/pkg/references"
	"agentgateway.dev/controller/pkg/resources"

	"istio.io/istio/pkg/kube/krt"
)

// Route is one route of any kind, attached and translated.
type Route struct {
	Kind string
	types.NamespacedName
	// Resources are what the proxies of its Gateways are sent.
	Resources []resources.Resource
	// Parents are our entries of status.parents, sorted, without transition
	// times. It is empty, not absent, for a route that has no parent of ours.
	Parents []gwv1.RouteParentStatus
	// Attached are the listeners it attaches to, each once, as
	// gateways.AttachmentKey.
	Attached []string
	// Uses are the backends that each of its Gateways needs for it, each once,
	// as UseKey.
	Uses []string
}

// ResourceName is the key "<kind>/<namespace>/<name>".
func (r Route) ResourceName() string { return r.Kind + "/" + r.Namespace + "/" + r.Name }

// Equals compares everything.
func (r Route) Equals(other Route) bool {
	return r.Kind == other.Kind && r.NamespacedName == other.NamespacedName &&
		slices.EqualFunc(r.Resources, other.Resources, resources.Resource.Equals) &&
		slices.EqualFunc(r.Parents, other.Parents, equalParent) &&
		slices.Equal(r.Attached, other.Attached) && slices.Equal(r.Uses, other.Uses)
}

func equalParent(a, b gwv1.RouteParentStatus) bool {
	return a.ControllerName == b.ControllerName && conditions.Equal(a.Conditions, b.Conditions) &&
		comparableRef(a.ParentRef) == comparableRef(b.ParentRef)
}

// Inputs is what every kind of route is translated with.
type Inputs struct {
	Parents    krt.Collection[gateways.Parent]
	Namespaces krt.Collection[Namespace]
	Backends   references.Backends
	// Controller is the controllerName of entries that no GatewayClass is
	// behind: those for a parent that is a route.
	Controller string

	delegations delegations
}

// UseKey says that the proxies of gateway need backend, a key of
// references.Backend.
func UseKey(gateway types.NamespacedName, backend string) string {
	return gateway.String() + "|" + backend
}
