package addresses

import (
	corev1 "k8s.io/api/core/v1"

	"istio.io/istio/pkg/kube/krt"
	"istio.io/istio/pkg/workloadapi"

	"agentgateway.dev/controller/pkg/mesh"
)

// What addresses inherit is gathered once for each Namespace, so that a
// workload or service has one dependency for all of it. There are two kinds,
// because most of what a Namespace says concerns one side only and must not
// wake the other.

// serviceDefaults is what the services of a Namespace inherit.
type serviceDefaults struct {
	namespace  string
	network    string
	preference preference
	waypoint   gatewayAddress
	// ingress is the Namespace's word on whether gateways use that waypoint.
	ingress answer
}

// ResourceName is the name of the Namespace.
func (d serviceDefaults) ResourceName() string { return d.namespace }

// Equals compares everything.
func (d serviceDefaults) Equals(other serviceDefaults) bool { return d == other }

// workloadDefaults is what the workloads of a Namespace inherit.
type workloadDefaults struct {
	namespace, network, trustDomain string
	waypoint                        gatewayAddress
}

// ResourceName is the name of the Namespace.
func (d workloadDefaults) ResourceName() string { return d.namespace }

// Equals compares everything.
func (d workloadDefaults) Equals(other workloadDefaults) bool { return d == other }

func (s *sources) defaultsOfServices(ctx krt.HandlerContext, namespace *corev1.Namespace) *serviceDefaults {
	bound := bindingsOf(namespace.Labels)
	network := mesh.Fetch(ctx, s.mesh).Network
	return &serviceDefaults{
		namespace:  namespace.Name,
		network:    network,
		preference: preferenceOfAnnotation(namespace.Annotations),
		waypoint:   s.waypointOf(ctx, namespace.Name, bound, forServices, network, gatewayAddress{}),
		ingress:    bound.ingress,
	}
}

func (s *sources) defaultsOfWorkloads(ctx krt.HandlerContext, namespace *corev1.Namespace) *workloadDefaults {
	found := mesh.Fetch(ctx, s.mesh)
	return &workloadDefaults{
		namespace:   namespace.Name,
		network:     found.Network,
		trustDomain: shownTrustDomain(found),
		waypoint:    s.waypointOf(ctx, namespace.Name, bindingsOf(namespace.Labels), forWorkloads, found.Network, gatewayAddress{}),
	}
}

// shownTrustDomain leaves the default out, which proxies assume.
func shownTrustDomain(of mesh.Mesh) string {
	if of.TrustDomain == defaultTrustDomain {
		return ""
	}
	return of.TrustDomain
}

const defaultTrustDomain = "cluster.local"

// defaultsFor returns the mesh's part alone where there is no Namespace, as in
// files that leave it out.
func (s *sources) defaultsFor(ctx krt.HandlerContext, namespace string) serviceDefaults {
	if found := krt.FetchOne(ctx, s.serviceDefaults, krt.FilterKey(namespace)); found != nil {
		return *found
	}
	return serviceDefaults{namespace: namespace, network: mesh.Fetch(ctx, s.mesh).Network}
}

// newWorkload begins a workload with what it inherits.
func (s *sources) newWorkload(ctx krt.HandlerContext, namespace, name, uid string) (*workloadapi.Workload, workloadDefaults) {
	inherited := workloadDefaults{namespace: namespace}
	if found := krt.FetchOne(ctx, s.workloadDefaults, krt.FilterKey(namespace)); found != nil {
		inherited = *found
	} else {
		found := mesh.Fetch(ctx, s.mesh)
		inherited.network, inherited.trustDomain = found.Network, shownTrustDomain(found)
	}
	return &workloadapi.Workload{
		Uid:         s.settings.ClusterID + uid,
		Name:        name,
		Namespace:   namespace,
		Network:     inherited.network,
		TrustDomain: inherited.trustDomain,
		ClusterId:   s.settings.ClusterID,
	}, inherited
}
