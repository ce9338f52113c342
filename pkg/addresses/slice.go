package addresses

import (
	"net/netip"
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	"istio.io/istio/pkg/kube/krt"
	"istio.io/istio/pkg/workloadapi"

	"agentgateway.dev/controller/pkg/resources"
)

// joinedPort is a service port with the number that an EndpointSlice gives it.
type joinedPort struct {
	service, target uint32
}

// podReference says that an EndpointSlice makes a pod an endpoint of a Service
// that has no selector. Slices of Services with a selector say nothing new
// and have no references: their constant changes must not wake pods.
type podReference struct {
	namespace, slice, pod, service string
	// joined are the ports that the slice gives a number.
	joined []joinedPort
	// ports are those of the Service; the ones that are not joined are looked
	// up on the pod.
	ports []servicePort
}

// ResourceName is the key "<namespace>/<slice>/<pod>".
func (r podReference) ResourceName() string { return r.namespace + "/" + r.slice + "/" + r.pod }

// Equals compares everything.
func (r podReference) Equals(other podReference) bool {
	return r.namespace == other.namespace && r.slice == other.slice && r.pod == other.pod && r.service == other.service &&
		slices.Equal(r.joined, other.joined) && slices.Equal(r.ports, other.ports)
}

func (r podReference) podKeys() []string { return []string{podKey(r.namespace, r.pod)} }

func podKey(namespace, name string) string { return namespace + "/" + name }

func refersToPod(endpoint *discoveryv1.Endpoint) bool {
	return endpoint.TargetRef != nil && endpoint.TargetRef.Kind == "Pod"
}

// podReferences costs one lookup for a slice of a Service with a selector, and
// one pass over the endpoints for the others.
func (s *sources) podReferences(ctx krt.HandlerContext, slice *discoveryv1.EndpointSlice) []podReference {
	if !slices.ContainsFunc(slice.Endpoints, func(endpoint discoveryv1.Endpoint) bool { return refersToPod(&endpoint) }) {
		return nil
	}
	owner := s.serviceOf(ctx, slice)
	if owner == nil || len(owner.selector) > 0 {
		return nil
	}
	joined := joinPorts(slice, owner.ports)
	var references []podReference
	seen := map[string]bool{}
	for i := range slice.Endpoints {
		endpoint := &slice.Endpoints[i]
		if !refersToPod(endpoint) || seen[endpoint.TargetRef.Name] {
			continue
		}
		// Endpoints are never in another namespace than their Service.
		if namespace := endpoint.TargetRef.Namespace; namespace != "" && namespace != slice.Namespace {
			continue
		}
		seen[endpoint.TargetRef.Name] = true
		references = append(references, podReference{
			namespace: slice.Namespace,
			slice:     slice.Name,
			pod:       endpoint.TargetRef.Name,
			service:   owner.Name,
			joined:    joined,
			ports:     owner.ports,
		})
	}
	return references
}

// serviceOf returns nil when the slice is of no Service, of one that doesn't
// exist, or lists names instead of addresses.
func (s *sources) serviceOf(ctx krt.HandlerContext, slice *discoveryv1.EndpointSlice) *service {
	name := slice.Labels[discoveryv1.LabelServiceName]
	if name == "" || slice.AddressType == discoveryv1.AddressTypeFQDN {
		return nil
	}
	return krt.FetchOne(ctx, s.services, krt.FilterKey(types.NamespacedName{Namespace: slice.Namespace, Name: name}.String()))
}

// joinPorts matches the TCP ports of a Service and of a slice by their names,
// in the order of the Service. A slice's port without a number stands for all
// ports, which no proxy can be told.
func joinPorts(slice *discoveryv1.EndpointSlice, ports []servicePort) []joinedPort {
	numbers := map[string]uint32{}
	for _, port := range slice.Ports {
		if port.Port == nil || (port.Protocol != nil && !isTCP(*port.Protocol)) {
			continue
		}
		name := ""
		if port.Name != nil {
			name = *port.Name
		}
		numbers[name] = uint32(*port.Port)
	}
	var joined []joinedPort
	for _, port := range ports {
		if target, ok := numbers[port.name]; ok && port.tcp {
			joined = append(joined, joinedPort{service: port.number, target: target})
		}
	}
	return joined
}

// endpointWorkloads translates the endpoints of a slice that are not Pods, one
// workload per address. It runs when the slice changes, and if it has such
// endpoints, when its Service or the place of one of their nodes does.
func (s *sources) endpointWorkloads(ctx krt.HandlerContext, slice *discoveryv1.EndpointSlice) []resources.Resource {
	if !slices.ContainsFunc(slice.Endpoints, func(endpoint discoveryv1.Endpoint) bool { return !refersToPod(&endpoint) }) {
		return nil
	}
	owner := s.serviceOf(ctx, slice)
	if owner == nil {
		return nil
	}
	ports := &workloadapi.PortList{}
	for _, port := range joinPorts(slice, owner.ports) {
		ports.Ports = append(ports.Ports, &workloadapi.Port{ServicePort: port.service, TargetPort: port.target})
	}
	served := map[string]*workloadapi.PortList{owner.endpointKey(): ports}

	var workloads []resources.Resource
	seen := map[netip.Addr]bool{}
	for i := range slice.Endpoints {
		endpoint := &slice.Endpoints[i]
		if refersToPod(endpoint) {
			continue
		}
		for _, text := range endpoint.Addresses {
			address, err := netip.ParseAddr(text)
			// An address that repeats would have the same uid; the first counts.
			if err != nil || seen[address] {
				continue
			}
			seen[address] = true
			workloads = append(workloads, *s.endpointWorkload(ctx, slice, endpoint, address, served))
		}
	}
	return workloads
}

func (s *sources) endpointWorkload(
	ctx krt.HandlerContext, slice *discoveryv1.EndpointSlice, endpoint *discoveryv1.Endpoint,
	address netip.Addr, served map[string]*workloadapi.PortList,
) *resources.Resource {
	uid := "/discovery.k8s.io/EndpointSlice/" + slice.Namespace + "/" + slice.Name + "/" + address.String()
	workload, _ := s.newWorkload(ctx, slice.Namespace, slice.Name, uid)
	workload.Addresses = [][]byte{address.AsSlice()}
	workload.Services = served
	// Nothing says that the address is this endpoint's alone, so proxies must
	// not find the workload by it.
	workload.NetworkMode = workloadapi.NetworkMode_HOST_NETWORK
	if ready := endpoint.Conditions.Ready; ready != nil && !*ready {
		workload.Status = workloadapi.WorkloadStatus_UNHEALTHY
	}
	s.place(ctx, workload, endpoint)
	return workloadResource(workload)
}

// place says where an endpoint is. Its node knows best; an endpoint outside
// the cluster may still have a zone.
func (s *sources) place(ctx krt.HandlerContext, workload *workloadapi.Workload, endpoint *discoveryv1.Endpoint) {
	if endpoint.NodeName != nil {
		workload.Node = *endpoint.NodeName
		workload.Locality = s.locality(ctx, *endpoint.NodeName)
	}
	if workload.Locality == nil && endpoint.Zone != nil && *endpoint.Zone != "" {
		workload.Locality = &workloadapi.Locality{Zone: *endpoint.Zone}
	}
}
