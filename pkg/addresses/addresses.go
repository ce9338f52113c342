// Package addresses tells proxies where traffic can go: Services, Pods and
// EndpointSlices become istio.workload addresses, the same for every Gateway.
//
// The flow, left to right; only what stands on an arrow wakes what it points
// to, and every arrow is a fetch by key or by index:
//
//	Service ──▶ service ─┬──────────────────────▶ Services
//	Namespace ─▶ preference ────────────────────▶ Services
//	                     ├─ by selector ────────▶ Workloads
//	EndpointSlice ─▶ podReference ─ by pod ─────▶ Workloads ◀── Pod
//	Node ────▶ nodeLocality ─ by node name ─────▶ Workloads
//	EndpointSlice ──────────────────────────────▶ EndpointWorkloads
//
// A pod that becomes ready costs the translation of that pod, whatever the
// number of Services and of other pods. The EndpointSlices that change along
// with it cost one pass over their own endpoints and wake no pod.
package addresses

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/resources"
)

// Settings are the facts of the cluster that stand in every address.
type Settings struct {
	// ClusterDomain is the DNS suffix of service hostnames; "" means
	// "cluster.local".
	ClusterDomain string
	// ClusterID is the first part of every workload's uid; "" means
	// "Kubernetes". Proxies compare it with their own CLUSTER_ID.
	ClusterID string
	// Network is the Istio network of this cluster. Proxies take a workload of
	// another network than theirs for remote, so without Istio it must be "".
	Network string
	// TrustDomain is the mesh's; "" means "cluster.local".
	TrustDomain string
}

const (
	defaultDomain    = "cluster.local"
	defaultClusterID = "Kubernetes"
)

// normalized fills the defaults in. The default trust domain is left out of
// workloads, where proxies assume it.
func (s Settings) normalized() Settings {
	if s.ClusterDomain == "" {
		s.ClusterDomain = defaultDomain
	}
	if s.ClusterID == "" {
		s.ClusterID = defaultClusterID
	}
	if s.TrustDomain == defaultDomain {
		s.TrustDomain = ""
	}
	return s
}

// Addresses are the resources of type resources.TypeAddress. Names are unique
// across the three collections.
type Addresses struct {
	// Services has one resource per Service that is not of type ExternalName.
	Services krt.Collection[resources.Resource]
	// Workloads has one resource per Pod that has an address and has not
	// finished, ready or not.
	Workloads krt.Collection[resources.Resource]
	// EndpointWorkloads has one resource per EndpointSlice address that belongs
	// to no Pod.
	EndpointWorkloads krt.Collection[resources.Resource]
}

// New translates Services, Pods and EndpointSlices. The collections live until
// the stop channel of opts closes.
func New(in *inputs.Inputs, settings Settings, opts krt.OptionsBuilder) Addresses {
	s := newSources(in, settings, opts)
	return Addresses{
		Services:          krt.NewCollection(s.services, s.serviceAddress, opts.WithName("addresses/Services")...),
		Workloads:         krt.NewCollection(in.Pods, s.podWorkload, opts.WithName("addresses/Workloads")...),
		EndpointWorkloads: krt.NewManyCollection(in.EndpointSlices, s.endpointWorkloads, opts.WithName("addresses/EndpointWorkloads")...),
	}
}

// sources is what translations fetch from, each collection narrowed to what
// reaches the wire.
type sources struct {
	settings Settings

	services    krt.Collection[service]
	bySelector  krt.Index[string, service]
	preferences krt.Collection[namespacePreference]
	localities  krt.Collection[nodeLocality]
	references  krt.Collection[podReference]
	byPod       krt.Index[string, podReference]
}

func newSources(in *inputs.Inputs, settings Settings, opts krt.OptionsBuilder) *sources {
	s := &sources{settings: settings.normalized()}

	s.services = krt.NewCollection(in.Services, func(_ krt.HandlerContext, object *corev1.Service) *service {
		return projectService(object)
	}, opts.WithName("addresses/ProjectedServices")...)
	s.bySelector = krt.NewIndex(s.services, "selector", service.selectorKeys)

	s.preferences = krt.NewCollection(in.Namespaces, func(_ krt.HandlerContext, object *corev1.Namespace) *namespacePreference {
		return projectNamespace(object)
	}, opts.WithName("addresses/NamespacePreferences")...)

	s.localities = krt.NewCollection(in.Nodes, func(_ krt.HandlerContext, object *corev1.Node) *nodeLocality {
		return projectNode(object)
	}, opts.WithName("addresses/NodeLocalities")...)

	s.references = krt.NewManyCollection(in.EndpointSlices, func(ctx krt.HandlerContext, slice *discoveryv1.EndpointSlice) []podReference {
		return s.podReferences(ctx, slice)
	}, opts.WithName("addresses/PodReferences")...)
	s.byPod = krt.NewIndex(s.references, "pod", podReference.podKeys)
	return s
}
