package router

import (
	"net/http"

	"istio.io/istio/pkg/workloadapi"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/tools/dataplane/internal/match"
	"agentgateway.dev/controller/tools/dataplane/internal/store"
)

// ResolveTCP selects the endpoint for a connection. With a server name the
// lowest key of the best hostname wins, without one simply the lowest key.
func ResolveTCP(v store.View, listener *store.Listener, name string, own *workloadapi.Workload, draw Draw) (Endpoint, *Failure) {
	routes := v.TCPRoutes(store.Parent{Kind: store.ParentListener, Key: listener.Spec.GetKey()})
	route := bestTCPRoute(routes, name, listener.Spec.GetProtocol() == api.Protocol_TLS)
	if route == nil {
		return Endpoint{}, failure(http.StatusNotFound, "no route")
	}
	drawn := drawBackend(route.GetBackends(), draw)
	if failed := unusable(v, drawn); failed != nil {
		return Endpoint{}, failed
	}
	return Resolve(v, drawn.GetBackend(), name, own, draw)
}

// bestTCPRoute expects routes in ascending order of key.
func bestTCPRoute(routes []*api.TCPRoute, name string, byHostname bool) *api.TCPRoute {
	if !byHostname {
		if len(routes) == 0 {
			return nil
		}
		return routes[0]
	}
	for hostname := range match.Hostnames(name) {
		for _, route := range routes {
			if hostname == "" && len(route.GetHostnames()) == 0 {
				return route
			}
			for _, own := range route.GetHostnames() {
				if own == hostname && own != "" {
					return route
				}
			}
		}
	}
	return nil
}
