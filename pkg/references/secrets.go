package references

import (
	"bytes"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"istio.io/istio/pkg/kube/krt"
)

// The keys under which Secrets and ConfigMaps hold certificates.
const (
	certificateKey = corev1.TLSCertKey
	privateKeyKey  = corev1.TLSPrivateKeyKey
	authoritiesKey = "ca.crt"
)

// Secret is what references to certificates depend on of a Secret. The bytes
// are those of the watched object, not copies.
type Secret struct {
	types.NamespacedName
	Certificate, PrivateKey, Authorities []byte
}

// ResourceName is the key "<namespace>/<name>".
func (s Secret) ResourceName() string { return s.String() }

// Equals compares everything.
func (s Secret) Equals(other Secret) bool {
	return s.NamespacedName == other.NamespacedName && bytes.Equal(s.Certificate, other.Certificate) &&
		bytes.Equal(s.PrivateKey, other.PrivateKey) && bytes.Equal(s.Authorities, other.Authorities)
}

func newSecrets(secrets krt.Collection[*corev1.Secret], opts krt.OptionsBuilder) krt.Collection[Secret] {
	return krt.NewCollection(secrets, func(_ krt.HandlerContext, secret *corev1.Secret) *Secret {
		return &Secret{
			NamespacedName: types.NamespacedName{Namespace: secret.Namespace, Name: secret.Name},
			Certificate:    secret.Data[certificateKey],
			PrivateKey:     secret.Data[privateKeyKey],
			Authorities:    secret.Data[authoritiesKey],
		}
	}, opts.WithName("references/Secrets")...)
}

// configMap is what references to certificate authorities depend on of a
// ConfigMap.
type configMap struct {
	types.NamespacedName
	authorities string
}

// ResourceName is the key "<namespace>/<name>".
func (c configMap) ResourceName() string { return c.String() }

// Equals compares everything.
func (c configMap) Equals(other configMap) bool { return c == other }

func newConfigMaps(configMaps krt.Collection[*corev1.ConfigMap], opts krt.OptionsBuilder) krt.Collection[configMap] {
	return krt.NewCollection(configMaps, func(_ krt.HandlerContext, object *corev1.ConfigMap) *configMap {
		return &configMap{
			NamespacedName: types.NamespacedName{Namespace: object.Namespace, Name: object.Name},
			authorities:    object.Data[authoritiesKey],
		}
	}, opts.WithName("references/ConfigMaps")...)
}
