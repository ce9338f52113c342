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
// yet. It runs when the Pod changes, a Service that selects it or ceases to,
// an EndpointSlice entry that refers to it, or the place of its node. Pods that
// are not ready or are going away stay: they are told apart by their status,
// and a proxy waits for its own pod before it becomes ready.
func (s *sources) podWorkload(ctx krt.HandlerContext, pod *corev1.Pod) *resources.Resource {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return nil
	}
	addresses := podAddresses(pod)
	if len(addresses) == 0 {
		return nil
	}
	name := workloadName(pod)
	workload := &workloadapi.Workload{
		// The empty segment is the API group of pods.
		Uid:               s.settings.ClusterID + "//Pod/" + pod.Namespace + "/" + pod.Name,
		Name:              pod.Name,
		Namespace:         pod.Namespace,
		Addresses:         addresses,
		Network:           s.settings.Network,
		TrustDomain:       s.settings.TrustDomain,
		ServiceAccount:    pod.Spec.ServiceAccountName,
		Node:              pod.Spec.NodeName,
		CanonicalName:     firstLabel(pod, canonicalNameLabels, name),
		CanonicalRevision: firstLabel(pod, canonicalRevisionLabels, unknownRevision),
		WorkloadType:      workloadapi.WorkloadType_POD,
		WorkloadName:      name,
		Services:          s.podServices(ctx, pod),
		Status:            podStatus(pod),
		ClusterId:         s.settings.ClusterID,
		Locality:          s.locality(ctx, pod.Spec.NodeName),
	}
	if pod.Spec.HostNetwork {
		workload.NetworkMode = workloadapi.NetworkMode_HOST_NETWORK
	}
	workload.TunnelProtocol, workload.NativeTunnel = tunnel(pod)
	return workloadResource(workload)
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

// podServices maps every Service that the pod is an endpoint of to the pod's
// ports. It costs one index lookup per label of the pod, and one for the
// EndpointSlices of Services without a selector.
func (s *sources) podServices(ctx krt.HandlerContext, pod *corev1.Pod) map[string]*workloadapi.PortList {
	served := map[string]*workloadapi.PortList{}
	for key, value := range pod.Labels {
		// The label filter holds the full selector: it leaves out Services that
		// share the indexed pair only, both here and when krt asks whom a
		// changed Service concerns.
		for _, selecting := range s.bySelector.Fetch(ctx, labelKey(pod.Namespace, key, value), krt.FilterSelectsNonEmpty(pod.Labels)) {
			served[s.endpointKey(selecting.NamespacedName)] = podPorts(pod, selecting.ports, nil)
		}
	}

	references := s.byPod.Fetch(ctx, podKey(pod.Namespace, pod.Name))
	slices.SortFunc(references, func(a, b podReference) int { return cmp.Compare(a.slice, b.slice) })
	known := map[string]map[uint32]uint32{}
	for _, reference := range references {
		key := s.endpointKey(types.NamespacedName{Namespace: reference.namespace, Name: reference.service})
		if known[key] == nil {
			known[key] = map[uint32]uint32{}
		}
		for _, port := range reference.joined {
			if _, taken := known[key][port.service]; !taken {
				known[key][port.service] = port.target
			}
		}
		// The last slice has seen the numbers of all.
		served[key] = podPorts(pod, reference.ports, known[key])
	}
	return served
}
