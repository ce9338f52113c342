package routes

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// kind is what sets one kind of route apart from the others.
type kind struct {
	name string
	// infix keeps the keys of routes apart that have one name and go into one
	// list of the proxy.
	infix string
	// layer4 routes choose a backend per connection: they have neither matches
	// nor filters.
	layer4 bool
	// delegates says that rules may refer to routes of this kind, and that such
	// routes may be their parents.
	delegates bool
	// filters are the types that a rule takes, nil for all that are known.
	filters []gwv1.HTTPRouteFilterType
	// backendFilters are the types that a backendRef takes.
	backendFilters []gwv1.HTTPRouteFilterType
}

// The served kinds of routes.
var (
	httpRoute = kind{
		name: "HTTPRoute", delegates: true,
		backendFilters: []gwv1.HTTPRouteFilterType{
			gwv1.HTTPRouteFilterRequestHeaderModifier, gwv1.HTTPRouteFilterResponseHeaderModifier,
			gwv1.HTTPRouteFilterRequestRedirect, gwv1.HTTPRouteFilterRequestMirror,
		},
	}
	grpcRoute = kind{
		name: "GRPCRoute", infix: ".grpc",
		filters: []gwv1.HTTPRouteFilterType{
			gwv1.HTTPRouteFilterRequestHeaderModifier, gwv1.HTTPRouteFilterResponseHeaderModifier,
			gwv1.HTTPRouteFilterRequestMirror, gwv1.HTTPRouteFilterExtensionRef,
		},
		backendFilters: []gwv1.HTTPRouteFilterType{
			gwv1.HTTPRouteFilterRequestHeaderModifier, gwv1.HTTPRouteFilterResponseHeaderModifier,
			gwv1.HTTPRouteFilterRequestMirror,
		},
	}
	tcpRoute = kind{name: "TCPRoute", layer4: true}
	tlsRoute = kind{name: "TLSRoute", layer4: true, infix: ".tls"}
)

// source is what the routes of all kinds have in common.
type source struct {
	kind       kind
	meta       metav1.ObjectMeta
	hostnames  []string
	parentRefs []gwv1.ParentReference
}

// name is the route's name.
func (s source) name() types.NamespacedName {
	return types.NamespacedName{Namespace: s.meta.Namespace, Name: s.meta.Name}
}

// texts turns hostnames into plain strings.
func texts(hostnames []gwv1.Hostname) []string {
	out := make([]string, 0, len(hostnames))
	for _, hostname := range hostnames {
		out = append(out, string(hostname))
	}
	return out
}

// routeKey is unique among the routes of a Gateway, and its byte order is the
// order of precedence between equally specific matches: older routes first,
// then by name, then by rule. Within one proxy the Gateway needn't be named.
func routeKey(route source, index int, t target) string {
	var key strings.Builder
	if created := route.meta.CreationTimestamp; !created.IsZero() {
		fmt.Fprintf(&key, "%010d/", created.Unix())
	}
	fmt.Fprintf(&key, "%s/%s.%02d%s.", route.meta.Namespace, route.meta.Name, index, route.kind.infix)
	if t.group != nil {
		key.WriteString(t.group.suffix())
	} else {
		key.WriteString(t.listener.RouteSuffix)
	}
	return key.String()
}
