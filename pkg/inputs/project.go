package inputs

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"

	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
)

// transform drops what no kind is read for before an object is stored:
// managedFields and the copy of the manifest that kubectl leaves behind are
// often larger than the object itself.
func (k Kind) transform(stored any) (any, error) {
	object, ok := stored.(runtime.Object)
	if !ok {
		// A deletion that the watch missed arrives wrapped; what it wraps was
		// transformed when it was stored.
		return stored, nil
	}
	accessor, err := meta.Accessor(object)
	if err != nil {
		return stored, nil
	}
	accessor.SetManagedFields(nil)
	if annotations := accessor.GetAnnotations(); annotations[corev1.LastAppliedConfigAnnotation] != "" {
		delete(annotations, corev1.LastAppliedConfigAnnotation)
		accessor.SetAnnotations(annotations)
	}
	if k.project != nil {
		k.project(object)
	}
	return object, nil
}

// projectNode keeps a node's labels: only its locality is read.
func projectNode(object runtime.Object) {
	node, ok := object.(*corev1.Node)
	if !ok {
		return
	}
	node.Annotations = nil
	node.Spec = corev1.NodeSpec{}
	node.Status = corev1.NodeStatus{}
}

// configMapKeys are the keys that anything here reads: bundles of certificate
// authorities, and Istio's mesh configuration.
var configMapKeys = []string{"ca.crt", "mesh"}

// projectConfigMap keeps the keys that are read. What else teams store in
// ConfigMaps can be large.
func projectConfigMap(object runtime.Object) {
	configMap, ok := object.(*corev1.ConfigMap)
	if !ok {
		return
	}
	configMap.BinaryData = nil
	maps.DeleteFunc(configMap.Data, func(key, _ string) bool { return !slices.Contains(configMapKeys, key) })
}

// projectPod keeps what becomes a workload: identity, ports, addresses and
// readiness. A cluster has many pods and most of a pod is its spec.
func projectPod(object runtime.Object) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return
	}
	pod.Spec = corev1.PodSpec{
		NodeName:           pod.Spec.NodeName,
		HostNetwork:        pod.Spec.HostNetwork,
		Hostname:           pod.Spec.Hostname,
		Subdomain:          pod.Spec.Subdomain,
		ServiceAccountName: pod.Spec.ServiceAccountName,
		InitContainers:     portsOf(pod.Spec.InitContainers),
		Containers:         portsOf(pod.Spec.Containers),
	}
	status := corev1.PodStatus{Phase: pod.Status.Phase, PodIP: pod.Status.PodIP, PodIPs: pod.Status.PodIPs}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			status.Conditions = []corev1.PodCondition{{Type: condition.Type, Status: condition.Status}}
		}
	}
	pod.Status = status
}

// portsOf keeps the named ports of containers, and the restart policy that
// tells a native sidecar from an init container.
func portsOf(containers []corev1.Container) []corev1.Container {
	var kept []corev1.Container
	for _, container := range containers {
		if len(container.Ports) > 0 {
			kept = append(kept, corev1.Container{Name: container.Name, Ports: container.Ports, RestartPolicy: container.RestartPolicy})
		}
	}
	return kept
}

// projectServiceEntry leaves out who may see the entry, which holds for
// sidecars only, and of the status all but the addresses that were assigned.
func projectServiceEntry(object runtime.Object) {
	entry, ok := object.(*networkingv1.ServiceEntry)
	if !ok {
		return
	}
	entry.Spec.ExportTo = nil
	entry.Status.Conditions, entry.Status.ValidationMessages = nil, nil
}

// projectWorkloadEntry drops the status: health checks are for sidecars.
func projectWorkloadEntry(object runtime.Object) {
	entry, ok := object.(*networkingv1.WorkloadEntry)
	if !ok {
		return
	}
	entry.Status.Reset()
}
