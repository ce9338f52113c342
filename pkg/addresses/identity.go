package addresses

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"istio.io/istio/pkg/workloadapi"
)

const (
	workloadNameLabel = "service.istio.io/workload-name"
	templateHashLabel = "pod-template-hash"
	tlsModeLabel      = "security.istio.io/tlsMode"
	tunnelLabel       = "networking.istio.io/tunnel"
	redirection       = "ambient.istio.io/redirection"

	// registrationAnnotation stands on WorkloadEntries that were made for a
	// machine of a group, which it names.
	registrationAnnotation = "istio.io/autoRegistrationGroup"

	// unknownRevision is the canonical revision of pods that name none.
	unknownRevision = "latest"
)

// Labels that name a pod's canonical service and revision, best first.
var (
	canonicalNameLabels     = []string{"service.istio.io/canonical-name", "app.kubernetes.io/name", "app"}
	canonicalRevisionLabels = []string{"service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"}
)

// workloadName is the name under which telemetry gathers the pods of one
// workload: what the user created, as far as the pod tells.
func workloadName(pod *corev1.Pod) string {
	if name := pod.Labels[workloadNameLabel]; name != "" {
		return name
	}
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return pod.Name
	}
	switch owner.Kind {
	case "ReplicaSet":
		// A Deployment names its ReplicaSets after itself and the hash.
		if hash := pod.Labels[templateHashLabel]; hash != "" {
			return strings.TrimSuffix(owner.Name, "-"+hash)
		}
		return owner.Name
	case "StatefulSet", "DaemonSet", "Job":
		return owner.Name
	default:
		return pod.Name
	}
}

// describe fills in what telemetry and tunnels need to know of a workload.
func describe(workload *workloadapi.Workload, name string, labels, annotations map[string]string) {
	workload.WorkloadName = name
	workload.WorkloadType = workloadapi.WorkloadType_POD
	workload.CanonicalName = firstLabel(labels, canonicalNameLabels, name)
	workload.CanonicalRevision = firstLabel(labels, canonicalRevisionLabels, unknownRevision)
	workload.TunnelProtocol, workload.NativeTunnel = tunnel(labels, annotations)
}

// firstLabel returns the first of labels that says something, else fallback.
func firstLabel(own map[string]string, labels []string, fallback string) string {
	for _, label := range labels {
		if value := own[label]; value != "" {
			return value
		}
	}
	return fallback
}

// tunnel returns how a mesh member wants to be reached, and whether it
// terminates the tunnel by itself.
func tunnel(labels, annotations map[string]string) (protocol workloadapi.TunnelProtocol, native bool) {
	switch {
	case slices.Contains(strings.Split(labels[tunnelLabel], ","), "http"):
		return workloadapi.TunnelProtocol_HBONE, true
	case annotations[redirection] == "enabled":
		return workloadapi.TunnelProtocol_HBONE, false
	case labels[tlsModeLabel] == "istio":
		return workloadapi.TunnelProtocol_LEGACY_ISTIO_MTLS, false
	default:
		return workloadapi.TunnelProtocol_NONE, false
	}
}
