package addresses

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	inferencev1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/mesh"
)

// sources is what translations fetch from, each collection narrowed to what
// reaches the wire.
type sources struct {
	settings Settings
	mesh     krt.Singleton[mesh.Mesh]
	// namespaces is for waypoints that select them by labels, and only them.
	namespaces krt.Collection[*corev1.Namespace]
	classes    krt.Collection[*gwv1.GatewayClass]

	// services, pools and entries are what becomes a Service on the wire, by
	// what it comes from. bySelector has all of them.
	services   krt.Collection[service]
	pools      krt.Collection[service]
	entries    krt.Collection[service]
	bySelector krt.Index[string, service]
	byEntry    krt.Index[string, service]

	serviceDefaults  krt.Collection[serviceDefaults]
	workloadDefaults krt.Collection[workloadDefaults]
	localities       krt.Collection[nodeLocality]
	references       krt.Collection[podReference]
	byPod            krt.Index[string, podReference]

	waypoints         krt.Collection[waypoint]
	gatewaysByNetwork krt.IndexCollection[string, networkGateway]
	exits             krt.Collection[exit]
}

func newSources(in *inputs.Inputs, from krt.Singleton[mesh.Mesh], settings Settings, opts krt.OptionsBuilder) *sources {
	s := &sources{settings: settings.normalized(), mesh: from, namespaces: in.Namespaces, classes: in.GatewayClasses}

	s.waypoints = krt.NewCollection(in.Statuses.Gateways, s.waypoint, opts.WithName("addresses/Waypoints")...)
	s.serviceDefaults = krt.NewCollection(in.Namespaces, s.defaultsOfServices, opts.WithName("addresses/ServiceDefaults")...)
	s.workloadDefaults = krt.NewCollection(in.Namespaces, s.defaultsOfWorkloads, opts.WithName("addresses/WorkloadDefaults")...)

	gateways := krt.NewManyCollection(in.Statuses.Gateways, func(_ krt.HandlerContext, object *gwv1.Gateway) []networkGateway {
		return projectNetworkGateway(object)
	}, opts.WithName("addresses/ProjectedNetworkGateways")...)
	s.gatewaysByNetwork = krt.NewIndex(gateways, "network", networkGateway.networkKeys).AsCollection(opts.WithName("addresses/GatewaysByNetwork")...)
	s.exits = krt.NewCollection(s.gatewaysByNetwork, newExit, opts.WithName("addresses/Exits")...)

	s.withServices(in, opts)

	s.localities = krt.NewCollection(in.Nodes, func(_ krt.HandlerContext, object *corev1.Node) *nodeLocality {
		return projectNode(object)
	}, opts.WithName("addresses/NodeLocalities")...)

	s.references = krt.NewManyCollection(in.EndpointSlices, func(ctx krt.HandlerContext, slice *discoveryv1.EndpointSlice) []podReference {
		return s.podReferences(ctx, slice)
	}, opts.WithName("addresses/PodReferences")...)
	s.byPod = krt.NewIndex(s.references, "pod", podReference.podKeys)
	return s
}

// withServices adds everything that workloads can be endpoints of.
func (s *sources) withServices(in *inputs.Inputs, opts krt.OptionsBuilder) {
	s.services = krt.NewCollection(in.Services, func(_ krt.HandlerContext, object *corev1.Service) *service {
		return s.projectService(object)
	}, opts.WithName("addresses/ProjectedServices")...)
	s.pools = krt.NewCollection(in.InferencePools, func(_ krt.HandlerContext, object *inferencev1.InferencePool) *service {
		return s.projectPool(object)
	}, opts.WithName("addresses/ProjectedPools")...)
	candidates := krt.NewManyCollection(in.ServiceEntries, func(_ krt.HandlerContext, object *networkingv1.ServiceEntry) []candidate {
		return projectServiceEntry(object)
	}, opts.WithName("addresses/ServiceEntryHosts")...)
	byHost := krt.NewIndex(candidates, "host", candidate.hostKeys).AsCollection(opts.WithName("addresses/ServiceEntriesByHost")...)
	s.entries = krt.NewManyCollection(byHost, s.chosenEntries, opts.WithName("addresses/ChosenServiceEntries")...)
	s.byEntry = krt.NewIndex(s.entries, "entry", service.objectKeys)

	// One index over all of them keeps it at one dependency for each label of a
	// pod. Their keys differ in form, so no two have one in common.
	selecting := krt.JoinCollection([]krt.Collection[service]{s.services, s.pools, s.entries},
		append(opts.WithName("addresses/Selecting"), krt.WithJoinUnchecked())...)
	s.bySelector = krt.NewIndex(selecting, "selector", service.selectorKeys)
}
