package provision

import (
	"maps"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Labels of provisioned objects.
const (
	// GatewayNameLabel is on every provisioned object; its value is Name of the
	// Gateway.
	GatewayNameLabel  = "gateway.networking.k8s.io/gateway-name"
	gatewayClassLabel = "gateway.networking.k8s.io/gateway-class-name"
	nameLabel         = "app.kubernetes.io/name"
	instanceLabel     = "app.kubernetes.io/instance"
	managedByLabel    = "app.kubernetes.io/managed-by"
	versionLabel      = "app.kubernetes.io/version"
)

// reservedPrefix starts the keys that infrastructure labels and annotations
// can't set.
const reservedPrefix = "gateway.networking.k8s.io/"

// identity is what the metadata of all objects of a Gateway is made of.
type identity struct {
	gateway *gwv1.Gateway
	name    string
	version string
}

// selector finds the pods of the Gateway. It must never change: it is an
// immutable field of workloads that exist.
func (i identity) selector() map[string]string {
	return map[string]string{nameLabel: i.name, instanceLabel: i.name, GatewayNameLabel: i.name}
}

// shortLabels are those of the session Secret.
func (i identity) shortLabels() map[string]string {
	return map[string]string{GatewayNameLabel: i.name, gatewayClassLabel: string(i.gateway.Spec.GatewayClassName)}
}

// labels are those of all other objects. Own keys win over infrastructure's.
func (i identity) labels() map[string]string {
	labels := i.infrastructureLabels()
	maps.Copy(labels, i.selector())
	maps.Copy(labels, i.shortLabels())
	labels[managedByLabel] = "agentgateway"
	if version := labelValue(i.version); version != "" {
		labels[versionLabel] = version
	}
	return labels
}

// labelValue makes a label's value of a version, which may hold what labels
// can't: the plus sign before a build's metadata, or the parentheses of an
// unversioned build.
func labelValue(version string) string {
	valid := strings.Map(func(r rune) rune {
		if strings.ContainsRune("-_.", r) || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, version)
	return strings.Trim(valid[:min(len(valid), nameLimit)], "-_.")
}

// podLabels are those of pods: no version, or every upgrade of the controller
// would restart the proxies.
func (i identity) podLabels(mesh bool) map[string]string {
	labels := map[string]string{}
	if mesh {
		labels["istio.io/dataplane-mode"] = "none"
		labels["sidecar.istio.io/inject"] = "false"
	}
	maps.Copy(labels, i.infrastructureLabels())
	maps.Copy(labels, i.selector())
	maps.Copy(labels, i.shortLabels())
	return labels
}

// podAnnotations are the defaults that infrastructure annotations win over,
// and the checksums that win over those.
func (i identity) podAnnotations(checksums map[string]string) map[string]string {
	annotations := map[string]string{
		"prometheus.io/path":   "/metrics",
		"prometheus.io/port":   "15020",
		"prometheus.io/scrape": "true",
	}
	maps.Copy(annotations, i.infrastructureAnnotations())
	maps.Copy(annotations, checksums)
	return annotations
}

func (i identity) infrastructureLabels() map[string]string {
	out := map[string]string{}
	if infrastructure := i.gateway.Spec.Infrastructure; infrastructure != nil {
		for key, value := range infrastructure.Labels {
			if !strings.HasPrefix(string(key), reservedPrefix) {
				out[string(key)] = string(value)
			}
		}
	}
	return out
}

func (i identity) infrastructureAnnotations() map[string]string {
	out := map[string]string{}
	if infrastructure := i.gateway.Spec.Infrastructure; infrastructure != nil {
		for key, value := range infrastructure.Annotations {
			if !strings.HasPrefix(string(key), reservedPrefix) {
				out[string(key)] = string(value)
			}
		}
	}
	return out
}

// meta is the metadata of an object of the Gateway. The owner reference makes
// Kubernetes delete the object together with the Gateway. A Gateway that never
// was in a cluster has no uid and can't own anything yet.
func (i identity) meta(name string, labels, annotations map[string]string) metav1.ObjectMeta {
	meta := metav1.ObjectMeta{Name: name, Namespace: i.gateway.Namespace, Labels: labels, Annotations: annotations}
	if i.gateway.UID != "" {
		meta.OwnerReferences = []metav1.OwnerReference{{
			APIVersion: gwv1.GroupVersion.String(),
			Kind:       gatewayKind,
			Name:       i.gateway.Name,
			UID:        i.gateway.UID,
			Controller: new(true),
		}}
	}
	return meta
}

const gatewayKind = "Gateway"
