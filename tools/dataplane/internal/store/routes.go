package store

import (
	"maps"
	"sync/atomic"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/tools/dataplane/internal/match"
)

// routeSet holds the routes of one parent. It is sorted by the first request
// after a change, so that a burst of changes sorts once.
type routeSet struct {
	byKey map[string]*match.Route
	table atomic.Pointer[match.Table]
}

func (s *routeSet) sorted() *match.Table {
	if table := s.table.Load(); table != nil {
		return table
	}
	// Two readers may both get here; they build equal tables.
	table := match.NewTable(maps.Values(s.byKey))
	s.table.Store(table)
	return table
}

type parented interface {
	GetListenerKey() string
	GetServicePort() uint32
}

// parentOf finds the list that a route belongs to.
func parentOf(route *api.Route) Parent {
	if group := route.GetRouteGroupKey(); group != "" {
		return Parent{Kind: ParentGroup, Key: group}
	}
	service := ServiceKey{route.GetServiceKey().GetNamespace(), route.GetServiceKey().GetHostname()}
	return serviceOrListener(service, route)
}

func parentOfTCP(route *api.TCPRoute) Parent {
	service := ServiceKey{route.GetServiceKey().GetNamespace(), route.GetServiceKey().GetHostname()}
	return serviceOrListener(service, route)
}

func serviceOrListener(service ServiceKey, route parented) Parent {
	if service != (ServiceKey{}) {
		return Parent{Kind: ParentService, Key: service.String(), Port: route.GetServicePort()}
	}
	return Parent{Kind: ParentListener, Key: route.GetListenerKey()}
}

// putRoute adds a route to its parent. A route that has another parent now is
// not moved: it stays under the old one too, until it is removed.
func (s *State) putRoute(route *match.Route) {
	parent := parentOf(route.Spec)
	set := s.routes[parent]
	if set == nil {
		set = &routeSet{byKey: map[string]*match.Route{}}
		s.routes[parent] = set
	}
	key := route.Spec.GetKey()
	set.byKey[key] = route
	set.table.Store(nil)
	if s.routeParents[key] == nil {
		s.routeParents[key] = map[Parent]bool{}
	}
	s.routeParents[key][parent] = true
}

// removeRoute removes the key from every parent.
func (s *State) removeRoute(key string) {
	for parent := range s.routeParents[key] {
		set := s.routes[parent]
		delete(set.byKey, key)
		set.table.Store(nil)
		if len(set.byKey) == 0 {
			delete(s.routes, parent)
		}
	}
	delete(s.routeParents, key)
}

func (s *State) putTCPRoute(route *api.TCPRoute) {
	parent := parentOfTCP(route)
	if s.tcpRoutes[parent] == nil {
		s.tcpRoutes[parent] = map[string]*api.TCPRoute{}
	}
	s.tcpRoutes[parent][route.GetKey()] = route
}

func (s *State) removeTCPRoute(key string) {
	for parent, routes := range s.tcpRoutes {
		delete(routes, key)
		if len(routes) == 0 {
			delete(s.tcpRoutes, parent)
		}
	}
}
