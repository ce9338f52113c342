package provision

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"

	"istio.io/istio/pkg/kube/krt"
)

// Secrets of the xDS server's certificate. The second is read where the first
// doesn't exist.
const (
	AuthoritySecret      = "agentgateway-xds-cert"
	AuthorityAliasSecret = "kgateway-xds-cert"
)

// Authority is the CA of the xDS server; at most one exists.
type Authority struct {
	// PEM are its certificates.
	PEM string
}

// ResourceName is the same for all: there is only one.
func (Authority) ResourceName() string { return authorityKey }

// Equals compares everything.
func (a Authority) Equals(other Authority) bool { return a == other }

const authorityKey = "authority"

// NewAuthority reads the CA that proxies are given from the controller's
// Secret. secrets must show the controller's own namespace whether it is
// selected for discovery or not.
func NewAuthority(secrets krt.Collection[*corev1.Secret], namespace string, opts krt.OptionsBuilder) krt.Singleton[Authority] {
	return krt.NewSingleton(func(ctx krt.HandlerContext) *Authority {
		for _, name := range []string{AuthoritySecret, AuthorityAliasSecret} {
			secret := krt.FetchOne(ctx, secrets, krt.FilterKey(namespace+"/"+name))
			if secret == nil {
				continue
			}
			data := (*secret).Data
			if pem := cmp.Or(string(data[authorityDataKey]), string(data[corev1.TLSCertKey])); pem != "" {
				return &Authority{PEM: pem}
			}
			return nil
		}
		return nil
	}, opts.WithName("provision/Authority")...)
}
