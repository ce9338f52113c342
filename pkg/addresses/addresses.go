// Package addresses tells proxies where traffic can go: Services, Pods,
// EndpointSlices, and Istio's ServiceEntries and WorkloadEntries become
// istio.workload addresses, the same for every Gateway.
//
// The flow, left to right; only what stands on an arrow wakes what it points
// to, and every arrow is a fetch by key or by index:
//
//	Service, InferencePool ─▶ service ──────────────────────▶ Services
//	ServiceEntry ─▶ candidate ─ by host ─▶ service ─────────▶ Services
//	                                        └ by selector ──▶ Workloads, EntryWorkloads
//	Namespace, mesh ─▶ serviceDefaults ─────────────────────▶ Services
//	Namespace, mesh ─▶ workloadDefaults ────────────────────▶ every workload
//	Gateway ─▶ waypoint ─▶ both defaults, and who asks for it by a label
//	Gateway ─▶ networkGateway ─ by network ─▶ exit ─────────▶ workloads of that network
//	                                       └────────────────▶ NetworkGateways
//	EndpointSlice ─▶ podReference ─ by pod ─────────────────▶ Workloads ◀── Pod
//	EndpointSlice ──────────────────────────────────────────▶ EndpointWorkloads
//	WorkloadEntry, ServiceEntry's endpoints ────────────────▶ EntryWorkloads
//	Node ────▶ nodeLocality ─ by node name ─────────────────▶ workloads on it
//
// A pod that becomes ready costs the translation of that pod, whatever the
// number of Services and of other pods. The EndpointSlices that change along
// with it cost one pass over their own endpoints and wake no pod. A change of
// the mesh's trust domain costs a translation of every workload, as it is in
// every one of them.
//
// Nothing here is switched on for Istio: an object, label or annotation of
// Istio's has its effect by being there, and without any of them addresses are
// those of Services, pods and EndpointSlices alone. Whether a proxy uses what
// it is told about tunnels and waypoints depends on its own membership in the
// mesh, which provisioning decides for each Gateway.
package addresses

import (
	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/mesh"
	"agentgateway.dev/controller/pkg/resources"
)

// Settings are the facts of the cluster that stand in every address, and never
// change while the controller runs.
type Settings struct {
	// ClusterDomain is the DNS suffix of service hostnames; "" means
	// "cluster.local".
	ClusterDomain string
	// ClusterID is the first part of every workload's uid; "" means
	// "Kubernetes". Proxies compare it with their own CLUSTER_ID.
	ClusterID string
}

const (
	defaultDomain    = "cluster.local"
	defaultClusterID = "Kubernetes"
)

func (s Settings) normalized() Settings {
	if s.ClusterDomain == "" {
		s.ClusterDomain = defaultDomain
	}
	if s.ClusterID == "" {
		s.ClusterID = defaultClusterID
	}
	return s
}

// Addresses are the resources of type resources.TypeAddress. Names are unique
// across the collections.
type Addresses struct {
	// Services has one resource per Service that is not of type ExternalName,
	// per InferencePool, and per host of a ServiceEntry that no Service and no
	// older ServiceEntry of its namespace has.
	Services krt.Collection[resources.Resource]
	// Workloads has one resource per Pod that has an address and has not
	// finished, ready or not.
	Workloads krt.Collection[resources.Resource]
	// EndpointWorkloads has one resource per EndpointSlice address that belongs
	// to no Pod.
	EndpointWorkloads krt.Collection[resources.Resource]
	// EntryWorkloads has one resource per WorkloadEntry.
	EntryWorkloads krt.Collection[resources.Resource]
	// InlineWorkloads has one resource per endpoint that a ServiceEntry lists,
	// or implies.
	InlineWorkloads krt.Collection[resources.Resource]
	// NetworkGateways has one resource per address of a Gateway that leads to
	// another network.
	NetworkGateways krt.Collection[resources.Resource]
}

// All returns every collection.
func (a Addresses) All() []krt.Collection[resources.Resource] {
	return []krt.Collection[resources.Resource]{
		a.Services, a.Workloads, a.EndpointWorkloads, a.EntryWorkloads, a.InlineWorkloads, a.NetworkGateways,
	}
}

// New translates everything that traffic can go to. from is the mesh that the
// cluster belongs to, nil for none. The collections live until the stop
// channel of opts closes.
func New(in *inputs.Inputs, from krt.Singleton[mesh.Mesh], settings Settings, opts krt.OptionsBuilder) Addresses {
	return newSources(in, from, settings, opts).addresses(in, opts)
}

// addresses makes the right end of the flow.
func (s *sources) addresses(in *inputs.Inputs, opts krt.OptionsBuilder) Addresses {
	// While a Service takes a hostname over from a ServiceEntry, or gives it
	// back, both have it for a moment: the first collection wins then.
	services := krt.JoinCollection([]krt.Collection[resources.Resource]{
		krt.NewCollection(s.services, s.serviceAddress, opts.WithName("addresses/KubernetesServices")...),
		krt.NewCollection(s.pools, s.serviceAddress, opts.WithName("addresses/InferencePools")...),
		krt.NewCollection(s.entries, s.serviceAddress, opts.WithName("addresses/ServiceEntries")...),
	}, opts.WithName("addresses/Services")...)
	return Addresses{
		Services:          services,
		Workloads:         krt.NewCollection(in.Pods, s.podWorkload, opts.WithName("addresses/Workloads")...),
		EndpointWorkloads: krt.NewManyCollection(in.EndpointSlices, s.endpointWorkloads, opts.WithName("addresses/EndpointWorkloads")...),
		EntryWorkloads:    krt.NewCollection(in.WorkloadEntries, s.entryWorkload, opts.WithName("addresses/EntryWorkloads")...),
		InlineWorkloads:   krt.NewManyCollection(in.ServiceEntries, s.inlineWorkloads, opts.WithName("addresses/InlineWorkloads")...),
		NetworkGateways:   krt.NewManyCollection(s.gatewaysByNetwork, s.networkGateways, opts.WithName("addresses/NetworkGateways")...),
	}
}
