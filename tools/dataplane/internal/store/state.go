// Package store holds what the control plane has sent and applies changes to it
// with the rules of the real proxy: partial acceptance, pending listeners,
// objects that stay under their old parent. It opens no socket and runs no
// goroutine; whoever applies a response is told what happened to the binds.
package store

import (
	"crypto/tls"
	"maps"
	"slices"
	"sync"

	"istio.io/istio/pkg/workloadapi"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/tools/dataplane/internal/match"
)

// State is the whole configuration of a proxy. Readers hold the lock through
// View; Apply takes it for a whole response.
type State struct {
	mu sync.RWMutex

	binds map[string]*Bind
	// pending holds listeners whose bind is unknown, by bind key and then
	// listener key. They cannot be removed, only attached.
	pending map[string]map[string]*Listener

	routes map[Parent]*routeSet
	// routeParents has every parent that a route key is stored under.
	routeParents map[string]map[Parent]bool
	tcpRoutes    map[Parent]map[string]*api.TCPRoute

	modelRoutes map[string]*api.ModelRoute
	backends    map[string]*api.Backend
	policies    map[string]*api.Policy
	// targets indexes policies by what they are attached to, and then by key.
	targets map[Target]map[string]*api.Policy

	// objects tells which kind and key an xDS name stands for.
	objects map[string]object
	// names is the inverse of objects.
	names map[object]string
	// versions has what was applied, by type and xDS name.
	versions map[Type]map[string]string

	workloads map[string]*workloadapi.Workload
	services  map[ServiceKey]*workloadapi.Service
	// endpoints indexes workload uids by the services that they belong to, in
	// the form of Workload.services.
	endpoints map[string]map[string]bool

	// clean has the types of which a response without an error was seen.
	clean map[Type]bool
}

// New returns an empty state.
func New() *State {
	return &State{
		binds: map[string]*Bind{}, pending: map[string]map[string]*Listener{},
		routes: map[Parent]*routeSet{}, routeParents: map[string]map[Parent]bool{}, tcpRoutes: map[Parent]map[string]*api.TCPRoute{},
		modelRoutes: map[string]*api.ModelRoute{}, backends: map[string]*api.Backend{},
		policies: map[string]*api.Policy{}, targets: map[Target]map[string]*api.Policy{}, objects: map[string]object{}, names: map[object]string{},
		workloads: map[string]*workloadapi.Workload{}, services: map[ServiceKey]*workloadapi.Service{},
		endpoints: map[string]map[string]bool{}, clean: map[Type]bool{},
		versions: map[Type]map[string]string{TypeResource: {}, TypeAddress: {}},
	}
}

// Bind is a port with its listeners.
type Bind struct {
	// Spec is what was sent last.
	Spec *api.Bind
	// Running is what was sent first under this key. The accept loop keeps its
	// port, protocol, tunnel protocol and mode until the bind is removed.
	Running   *api.Bind
	Listeners map[string]*Listener
}

// Listener is a Listener of the wire with its certificate loaded.
type Listener struct {
	Spec *api.Listener
	// Certificate is nil without TLS, and with material that cannot be used.
	Certificate *tls.Certificate
}

// ParentKind says what a route hangs on.
type ParentKind string

// The parents of routes. A group outranks a service, a service a listener.
const (
	ParentListener ParentKind = "listener"
	ParentService  ParentKind = "service"
	ParentGroup    ParentKind = "group"
)

// Parent identifies the list that a route is stored in.
type Parent struct {
	Kind ParentKind
	Key  string
	// Port is the service port, 0 for any and for other kinds.
	Port uint32
}

// ServiceKey is the identity of a service.
type ServiceKey struct{ Namespace, Hostname string }

func (k ServiceKey) String() string { return k.Namespace + "/" + k.Hostname }

// object is what an xDS name of the resource type stands for.
type object struct{ kind, key string }

// Ready tells whether a response without errors was seen for both types; until
// then the proxy accepts no connection.
func (s *State) Ready() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.clean[TypeResource] && s.clean[TypeAddress]
}

// Workload returns the workload of a pod, nil if it is not stored.
func (s *State) Workload(namespace, name string) *workloadapi.Workload {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, workload := range s.workloads {
		if workload.GetName() == name && workload.GetNamespace() == namespace {
			return workload
		}
	}
	return nil
}

// HasWorkloads tells whether any workload is stored.
func (s *State) HasWorkloads() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.workloads) > 0
}

// View lets read look at the configuration while no response is applied. What
// read returns may be kept: stored messages are replaced and never changed.
func (s *State) View(read func(View)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	read(View{state: s})
}

// View reads a State. It is valid only within State.View.
type View struct{ state *State }

// Bind returns a bind by key, nil if unknown.
func (v View) Bind(key string) *Bind { return v.state.binds[key] }

// Routes returns the routes of a parent, nil if it has none.
func (v View) Routes(parent Parent) *match.Table {
	set := v.state.routes[parent]
	if set == nil {
		return nil
	}
	return set.sorted()
}

// TCPRoutes returns the TCP routes of a parent in ascending order of key.
func (v View) TCPRoutes(parent Parent) []*api.TCPRoute {
	var routes []*api.TCPRoute
	held := v.state.tcpRoutes[parent]
	for _, key := range slices.Sorted(maps.Keys(held)) {
		routes = append(routes, held[key])
	}
	return routes
}

// Backend returns a backend by key, nil if unknown.
func (v View) Backend(key string) *api.Backend { return v.state.backends[key] }

// Service returns a service, nil if unknown.
func (v View) Service(key ServiceKey) *workloadapi.Service { return v.state.services[key] }

// Endpoints returns the workloads of a service in ascending order of uid.
func (v View) Endpoints(key ServiceKey) []*workloadapi.Workload {
	var workloads []*workloadapi.Workload
	for _, uid := range slices.Sorted(maps.Keys(v.state.endpoints[key.String()])) {
		workloads = append(workloads, v.state.workloads[uid])
	}
	return workloads
}
