package addresses

import (
	"cmp"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"istio.io/istio/pkg/kube/krt"
	"istio.io/istio/pkg/workloadapi"

	"agentgateway.dev/controller/pkg/resources"
)

// podWorkload translates one Pod, nil if it has finished or has no address
// yet. It runs when the Pod changes, a service that selects it or ceases to,
// an EndpointSlice entry that refers to it, the place of its node, or what it
// inherits from its Namespace. Pods that are not ready or are going away stay:
// they are told apart by their status, and a proxy waits for its own pod
// before it becomes ready.
func (s *sources) podWorkload(ctx krt.HandlerContext, pod *corev1.Pod) *resources.Resource {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return nil
	}
	addresses := podAddresses(pod)
	if len(addresses) == 0 {
		return nil
	}
	// The empty segment is the API group of pods.
	workload, inherited := s.newWorkload(ctx, pod.Namespace, pod.Name, "//Pod/"+pod.Namespace+"/"+pod.Name)
	workload.Addresses = addresses
	workload.ServiceAccount = pod.Spec.ServiceAccountName
	workload.Node = pod.Spec.NodeName
	workload.Locality = s.locality(ctx, pod.Spec.NodeName)
	workload.Services = s.podServices(ctx, pod)
	workload.Status = podStatus(pod)
	if pod.Spec.HostNetwork {
		workload.NetworkMode = workloadapi.NetworkMode_HOST_NETWORK
	}
	describe(workload, workloadName(pod), pod.Labels, pod.Annotations)
	s.bind(ctx, workload, bindingsOf(pod.Labels), inherited)
	return workloadResource(workload)
}

// bind tells a workload which waypoint is before it, or how it takes traffic
// if it is a part of one.
func (s *sources) bind(ctx krt.HandlerContext, workload *workloadapi.Workload, bound bindings, inherited workloadDefaults) {
	if own := s.instanceOf(ctx, workload.Namespace, bound); own != nil {
		workload.ApplicationTunnel = own.tunnel.message()
		return
	}
	workload.Waypoint = s.waypointOf(ctx, workload.Namespace, bound, forWorkloads, inherited.network, inherited.waypoint).message()
}

func workloadResource(workload *workloadapi.Workload) *resources.Resource {
	resource := resources.ForAddress(&workloadapi.Address{Type: &workloadapi.Address_Workload{Workload: workload}})
	return &resource
}

func podAddresses(pod *corev1.Pod) [][]byte {
	ips := pod.Status.PodIPs
	if len(ips) == 0 {
		ips = []corev1.PodIP{{IP: pod.Status.PodIP}}
	}
	var addresses [][]byte
	for _, ip := range ips {
		if parsed, err := netip.ParseAddr(ip.IP); err == nil {
			addresses = append(addresses, parsed.AsSlice())
		}
	}
	return addresses
}

func podStatus(pod *corev1.Pod) workloadapi.WorkloadStatus {
	if pod.DeletionTimestamp != nil {
		return workloadapi.WorkloadStatus_UNHEALTHY
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
			return workloadapi.WorkloadStatus_HEALTHY
		}
	}
	return workloadapi.WorkloadStatus_UNHEALTHY
}

// podServices maps every service that the pod is an endpoint of to the pod's
// ports. It costs one index lookup per label of the pod, and one for the
// EndpointSlices of Services without a selector.
func (s *sources) podServices(ctx krt.HandlerContext, pod *corev1.Pod) map[string]*workloadapi.PortList {
	served := map[string]*workloadapi.PortList{}
	for _, selecting := range s.selecting(ctx, pod.Namespace, pod.Labels) {
		served[selecting.endpointKey()] = podPorts(pod, selecting.source, selecting.ports, nil)
	}

	references := s.byPod.Fetch(ctx, podKey(pod.Namespace, pod.Name))
	slices.SortFunc(references, func(a, b podReference) int { return cmp.Compare(a.slice, b.slice) })
	known := map[string]map[uint32]uint32{}
	for _, reference := range references {
		key := endpointKey(reference.namespace, s.hostname(types.NamespacedName{Namespace: reference.namespace, Name: reference.service}))
		if known[key] == nil {
			known[key] = map[uint32]uint32{}
		}
		for _, port := range reference.joined {
			if _, taken := known[key][port.service]; !taken {
				known[key][port.service] = port.target
			}
		}
		// The last slice has seen the numbers of all.
		served[key] = podPorts(pod, fromService, reference.ports, known[key])
	}
	return served
}

// selecting returns the services whose selectors match labels.
func (s *sources) selecting(ctx krt.HandlerContext, namespace string, labels map[string]string) []service {
	var found []service
	for key, value := range labels {
		// The label filter holds the full selector: it leaves out services that
		// share the indexed pair only, both here and when krt asks whom a
		// changed service concerns.
		found = append(found, s.bySelector.Fetch(ctx, labelKey(namespace, key, value), krt.FilterSelectsNonEmpty(labels))...)
	}
	return found
}
