package provision

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"agentgateway.dev/controller/apis/v1alpha1"
)

// Data keys of the ConfigMaps.
const (
	configDataKey    = "config.yaml"
	authorityDataKey = "ca.crt"
)

// draft is a Request with everything that had to be worked out before objects
// can be written down.
type draft struct {
	Request
	parameters
	identity

	sessionSecretName string
	// checksums are annotations of pods that restart them when what they read
	// only at their start changes.
	checksums map[string]string
}

// Render returns the objects of a Gateway. It is a pure function of the
// Request, apart from Defaults.NewSessionKey.
func Render(r Request) Result {
	layers := r.layers()
	merged, problem := r.parameters(layers)
	if problem != nil {
		return Result{Problem: problem}
	}
	ip, problem := loadBalancerIP(r.Gateway.Spec.Addresses)
	if problem != nil {
		return Result{Problem: problem}
	}
	name := Name(r.Gateway.Name)
	d := draft{
		Request:           r,
		parameters:        merged,
		identity:          identity{gateway: r.Gateway, name: name, version: r.Defaults.Version},
		sessionSecretName: sessionSecretName(name),
		checksums:         map[string]string{},
	}
	objects, awaits, problem := d.configuration()
	if problem != nil {
		return Result{Problem: problem}
	}
	ports, problem := servicePorts(r.Ports, r.Defaults.DummyPort)
	if problem != nil {
		return Result{Problem: problem}
	}
	result := Result{AwaitsKey: awaits}
	result.Objects = append(objects, d.service(ports, ip), d.workload())
	result.overlay(d, layers)
	if result.Problem != nil {
		return Result{Problem: result.Problem}
	}
	return result
}

// configuration returns the objects that pods can't start without. It fills in
// the checksums.
func (d draft) configuration() (objects []Object, awaitsKey bool, problem *Problem) {
	objects = []Object{&corev1.ServiceAccount{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: serviceAccountKind},
		ObjectMeta: d.meta(d.name, d.labels(), d.infrastructureAnnotations()),
		// Pods have projected tokens, of the audiences that they need.
		AutomountServiceAccountToken: new(false),
	}}
	if !hasEnv(d.parameters.env, sessionVariable) {
		key, problem := d.sessionKey(d.sessionSecretName)
		if problem != nil {
			return nil, false, problem
		}
		objects = append(objects, d.sessionSecret(d.sessionSecretName, key))
		d.checksums["checksum/session-key"] = checksum(key)
		awaitsKey = len(key) == 0
	}
	config := d.configMap(d.name, d.infrastructureAnnotations(), map[string]string{configDataKey: d.file})
	d.checksums["checksum/config"] = checksumData(config.Data)
	objects = append(objects, config)
	if d.Defaults.XDSTLS {
		if d.Authority == "" {
			return nil, false, invalid("Secret "+AuthoritySecret+" in the controller's namespace", "data."+authorityDataKey,
				"the CA of the xDS server is missing; the controller's log tells why")
		}
		authority := d.configMap(authorityName(d.name), nil, map[string]string{authorityDataKey: d.Authority})
		d.checksums["checksum/xds-ca"] = checksumData(authority.Data)
		objects = append(objects, authority)
	}
	return objects, awaitsKey, nil
}

func (i identity) configMap(name string, annotations, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: configMapKind},
		ObjectMeta: i.meta(name, i.labels(), annotations),
		Data:       data,
	}
}

// workload has neither replicas nor a strategy: what isn't set here belongs to
// autoscalers, and to users through overlays.
func (d draft) workload() Object {
	meta := d.meta(d.name, d.labels(), d.infrastructureAnnotations())
	selector := &metav1.LabelSelector{MatchLabels: d.selector()}
	if d.kind == v1alpha1.WorkloadKindDaemonSet {
		return &appsv1.DaemonSet{
			TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: daemonSetKind},
			ObjectMeta: meta,
			Spec:       appsv1.DaemonSetSpec{Selector: selector, Template: d.podTemplate()},
		}
	}
	return &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: deploymentKind},
		ObjectMeta: meta,
		Spec:       appsv1.DeploymentSpec{Selector: selector, Template: d.podTemplate()},
	}
}

func checksum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// checksumData covers the data alone: labels change with every release of the
// controller, and that is no reason to restart proxies.
func checksumData(data map[string]string) string {
	text, err := json.Marshal(data)
	if err != nil {
		// Text always has a JSON form.
		return checksum([]byte(fmt.Sprint(data)))
	}
	return checksum(text)
}
