// Package graph ties the collections together. It reads like the flow: inputs,
// gateways, routes, policies and backends, addresses; what leaves it to the
// right are feeds of resources and collections of desired status.
package graph

import (
	"maps"
	"slices"

	inferencev1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/addresses"
	"agentgateway.dev/controller/pkg/backends"
	"agentgateway.dev/controller/pkg/gateways"
	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/krtx"
	"agentgateway.dev/controller/pkg/mesh"
	"agentgateway.dev/controller/pkg/policies"
	"agentgateway.dev/controller/pkg/references"
	"agentgateway.dev/controller/pkg/resources"
	"agentgateway.dev/controller/pkg/routes"
)

// Settings are the settings that change a translation.
type Settings struct {
	// Controllers are the controllerNames of our GatewayClasses, at least one;
	// the first one signs what no GatewayClass stands behind.
	Controllers []string
	// ManagedClass is the name of the GatewayClass that the controller keeps.
	ManagedClass string
	GrantMode    references.GrantMode
	// InferencePools makes backends of them. Without it they don't exist.
	InferencePools bool
	Addresses      addresses.Settings
	// Mesh says where Istio's configuration is, if there is any.
	Mesh mesh.Settings
}

// DefaultSettings returns what a controller without any configuration uses.
func DefaultSettings() Settings {
	return Settings{
		Controllers:  []string{gateways.DefaultController, gateways.AliasController},
		ManagedClass: "agentgateway",
		GrantMode:    references.GrantRoutes,
		Addresses:    addresses.Settings{ClusterDomain: "cluster.local", ClusterID: "Kubernetes"},
	}
}

// Graph is what everything to the right reads.
type Graph struct {
	Classes         krt.Collection[gateways.Class]
	Gateways        krt.Collection[gateways.Gateway]
	GatewayStatuses krt.Collection[gateways.Status]
	// ListenerSetStatuses are the statuses of ListenerSets.
	ListenerSetStatuses krt.Collection[gateways.Status]
	// Routes are the routes of each kind.
	Routes map[string]krt.Collection[routes.Route]
	// InferencePools are the pools with their status.
	InferencePools krt.Collection[backends.InferencePool]
	// BackendTLSStatuses are the statuses of BackendTLSPolicies.
	BackendTLSStatuses krt.Collection[policies.Status]
	// Mesh is what Istio's configuration says, for everybody who needs it.
	Mesh krt.Singleton[mesh.Mesh]
	// Feeds are all resources for proxies.
	Feeds []resources.Feed

	syncers []krt.Syncer
}

// Build makes the graph over in. Its collections live until the stop channel
// of opts closes.
func Build(in *inputs.Inputs, settings Settings, opts krt.OptionsBuilder) *Graph {
	g := &Graph{}
	if !settings.InferencePools {
		without := *in
		without.InferencePools = krt.NewStaticCollection[*inferencev1.InferencePool](nil, nil, opts.WithName("graph/NoInferencePools")...)
		in = &without
	}

	// Gateways: which are ours, and what their listeners take.
	g.Classes = gateways.NewClasses(in.GatewayClasses, settings.Controllers, settings.ManagedClass, opts)
	grants := references.NewGrants(in.ReferenceGrants)
	certificates := references.NewCertificates(in.Secrets, in.ConfigMaps, grants, opts)
	clientCertificates := gateways.NewClientCertificates(in.Gateways, g.Classes, certificates, opts)
	listening := gateways.New(gateways.Inputs{
		Gateways: in.Gateways, ListenerSets: in.ListenerSets, Namespaces: in.Namespaces,
		Classes: g.Classes, ClientCertificates: clientCertificates, Certificates: certificates,
	}, opts)
	g.Gateways = listening.Gateways

	// References, resolved once for everybody.
	services := references.NewServices(in.Services, opts)
	resolve := references.Backends{
		Services:      services,
		Grants:        grants,
		Mode:          settings.GrantMode,
		ClusterDomain: settings.Addresses.ClusterDomain,
	}
	if settings.InferencePools {
		resolve.InferencePools = references.NewInferencePools(in.InferencePools, opts)
	}

	// Routes: attached to listeners, translated rule by rule.
	routing := routes.Inputs{Parents: listening.Parents, Namespaces: routes.NewNamespaces(in.Namespaces, opts), Backends: resolve, Controller: settings.Controllers[0]}
	g.Routes = map[string]krt.Collection[routes.Route]{
		"HTTPRoute": routes.NewHTTPRoutes(in.HTTPRoutes, routing, opts),
		"GRPCRoute": routes.NewGRPCRoutes(in.GRPCRoutes, routing, opts),
		"TCPRoute":  routes.NewTCPRoutes(in.TCPRoutes, routing, opts),
		"TLSRoute":  routes.NewTLSRoutes(in.TLSRoutes, routing, opts),
	}

	// What is derived from all routes at once is counted, one step an event:
	// the routes on each listener, and the gateways that need each backend.
	tally := krtx.NewTally(slices.Collect(maps.Values(g.Routes))...)
	attached := tally.Count(func(r routes.Route) []string { return r.Attached }, opts, "graph/Attached")
	using := tally.Members(func(r routes.Route) []string { return r.Uses }, opts, "graph/RouteUsers")
	tally.Start()
	g.GatewayStatuses = gateways.NewStatuses(g.Gateways, listening.ListenerSets, attached, opts)
	g.ListenerSetStatuses = gateways.NewListenerSetStatuses(listening.ListenerSets, attached, opts)
	users := routes.NewUsers(using)

	// Policies and backends go where they are used, by routes or by each other.
	owners := gateways.NewOwners(g.Gateways, opts)
	g.InferencePools = backends.NewInferencePools(backends.InferencePoolInputs{
		Pools: in.InferencePools, Owners: owners, Users: users, Backends: resolve, Controller: settings.Controllers[0],
	}, opts)
	users = users.And(krtx.NewMembers(g.InferencePools, func(p backends.InferencePool) []string { return p.Uses }, opts, "graph/InferencePoolUsers"))
	a2a := policies.NewA2A(services, users, resolve, opts)
	backendTLS := policies.NewBackendTLS(policies.BackendTLSInputs{
		Policies: in.BackendTLSPolicies, ConfigMaps: in.ConfigMaps, Owners: owners, Certificates: clientCertificates, Users: users, Backends: resolve,
	}, opts)
	g.BackendTLSStatuses = backendTLS.Statuses

	// Addresses are the same for every proxy.
	g.Mesh = mesh.New(mesh.Inputs{ConfigMaps: in.MeshConfigs, Namespaces: in.Namespaces}, settings.Mesh, opts)
	found := addresses.New(in, g.Mesh, settings.Addresses, opts)

	g.Feeds = []resources.Feed{
		resources.NewFeed(g.Gateways, func(gateway gateways.Gateway) []resources.Resource { return gateway.Resources }),
		resources.NewFeed(listening.ListenerSets, func(set gateways.ListenerSet) []resources.Resource { return set.Resources }),
		resources.FeedOf(a2a),
		resources.FeedOf(backendTLS.Resources),
		resources.NewFeed(g.InferencePools, func(pool backends.InferencePool) []resources.Resource { return pool.Resources }),
		resources.FeedOf(backends.NewPickerTLS(g.InferencePools, backendTLS.Covers, resolve, opts)),
	}
	for _, kind := range found.All() {
		g.Feeds = append(g.Feeds, resources.FeedOf(kind))
	}
	for _, kind := range g.Routes {
		g.Feeds = append(g.Feeds, resources.NewFeed(kind, func(r routes.Route) []resources.Resource { return r.Resources }))
	}
	g.syncers = []krt.Syncer{g.Classes, g.GatewayStatuses, g.ListenerSetStatuses, g.InferencePools, g.BackendTLSStatuses}
	for _, feed := range g.Feeds {
		g.syncers = append(g.syncers, feed)
	}
	return g
}

// HasSynced reports whether the graph shows everything that its inputs held
// when they were synced.
func (g *Graph) HasSynced() bool {
	for _, syncer := range g.syncers {
		if !syncer.HasSynced() {
			return false
		}
	}
	return true
}

// WaitUntilSynced blocks until HasSynced, or returns false when stop closes.
func (g *Graph) WaitUntilSynced(stop <-chan struct{}) bool {
	for _, syncer := range g.syncers {
		if !syncer.WaitUntilSynced(stop) {
			return false
		}
	}
	return true
}
