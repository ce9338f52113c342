package provision

import (
	"cmp"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

const (
	defaultCAAddress   = "https://istiod.istio-system.svc:15012"
	defaultTrustDomain = "cluster.local"
)

// membership is how a proxy takes part in an Istio mesh.
type membership struct {
	caAddress, trustDomain, clusterID, network string
	additionalTrustDomains                     []string
}

// joins returns nil when the proxy doesn't take part: parameters decide by
// enabled or else by having an istio block at all, settings only without one.
func (r Request) joins(layers []layer) *membership {
	enabled := r.Defaults.Istio.AutoEnabled
	var said *bool
	var merged membership
	for _, l := range layers {
		istio := l.object.Spec.Istio
		if istio == nil {
			continue
		}
		enabled = true
		if istio.Enabled != nil {
			said = istio.Enabled
		}
		merged.caAddress = cmp.Or(istio.CAAddress, merged.caAddress)
		merged.trustDomain = cmp.Or(istio.TrustDomain, merged.trustDomain)
		merged.clusterID = cmp.Or(istio.ClusterID, merged.clusterID)
		merged.network = cmp.Or(istio.Network, merged.network)
		if len(istio.AdditionalTrustDomains) > 0 {
			merged.additionalTrustDomains = istio.AdditionalTrustDomains
		}
	}
	override(&enabled, said)
	if !enabled {
		return nil
	}
	merged.caAddress = cmp.Or(merged.caAddress, r.Defaults.Istio.CAAddress, defaultCAAddress)
	merged.trustDomain = cmp.Or(merged.trustDomain, r.MeshTrustDomain, defaultTrustDomain)
	merged.clusterID = cmp.Or(merged.clusterID, r.Defaults.Istio.ClusterID)
	merged.network = cmp.Or(merged.network, r.Defaults.Istio.Network)
	return &merged
}

// env are the proxy's variables about the mesh. It has defaults of its own for
// those that are left out.
func (m *membership) env() []corev1.EnvVar {
	if m == nil {
		return nil
	}
	env := []corev1.EnvVar{{Name: "CA_ADDRESS", Value: m.caAddress}, {Name: "TRUST_DOMAIN", Value: m.trustDomain}}
	for _, v := range []corev1.EnvVar{
		{Name: "ADDITIONAL_TRUST_DOMAINS", Value: strings.Join(m.additionalTrustDomains, ",")},
		{Name: "CLUSTER_ID", Value: m.clusterID},
		{Name: "NETWORK", Value: m.network},
	} {
		if v.Value != "" {
			env = append(env, v)
		}
	}
	return env
}
