package golden

import (
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// authority is the first certificate of a scenario, the only one that a world
// needs.
var authority = sync.OnceValue(func() string {
	content, err := os.ReadFile("scenarios/backend-tls-authorities.txt")
	if err != nil {
		panic(err)
	}
	found := regexp.MustCompile(`(?s) *-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n`).FindString(string(content))
	return strings.ReplaceAll(found, "    ", "")
})

func randomConfigMap(rng *rand.Rand) *corev1.ConfigMap {
	return &corev1.ConfigMap{TypeMeta: typed("ConfigMap"), ObjectMeta: named(rng, "ca1", "ca2"), Data: map[string]string{
		often(rng, "ca.crt", "other"): often(rng, authority(), "garbage"),
	}}
}

func randomBackendTLSPolicy(rng *rand.Rand) *gwv1.BackendTLSPolicy {
	policy := &gwv1.BackendTLSPolicy{TypeMeta: typed("BackendTLSPolicy"), ObjectMeta: named(rng, "t1", "t2", "t3", "t4")}
	policy.CreationTimestamp = metav1.NewTime(time.Unix(int64(1+rng.IntN(2)), 0))
	policy.Spec.TargetRefs = some(rng, 3, func(rng *rand.Rand) gwv1.LocalPolicyTargetReferenceWithSectionName {
		ref := gwv1.LocalPolicyTargetReferenceWithSectionName{SectionName: maybe[gwv1.SectionName](rng, "p", "80", "agent", "unknown")}
		ref.Kind, ref.Name = "Service", pick[gwv1.ObjectName](rng, "s1", "s2", "s3")
		if rng.IntN(6) == 0 {
			ref.Group, ref.Kind = "agentgateway.dev", pick[gwv1.Kind](rng, "AgentgatewayBackend", "Other")
		} else if rng.IntN(5) == 0 {
			ref.Group, ref.Kind = "inference.networking.k8s.io", "InferencePool"
		}
		return ref
	})
	policy.Spec.Validation.Hostname = often[gwv1.PreciseHostname](rng, "x.test", "not a name")
	if policy.Spec.Validation.CACertificateRefs = some(rng, 2, func(rng *rand.Rand) gwv1.LocalObjectReference {
		return gwv1.LocalObjectReference{Kind: often[gwv1.Kind](rng, "ConfigMap", "Secret"), Name: pick[gwv1.ObjectName](rng, "ca1", "ca2")}
	}); rng.IntN(3) > 0 {
		policy.Spec.Validation.WellKnownCACertificates = new(gwv1.WellKnownCACertificatesSystem)
	}
	return policy
}
