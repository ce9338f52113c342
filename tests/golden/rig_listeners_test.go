package golden

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"math/rand/v2"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// keyPair is a certificate of an authority with its key, both PEM.
type keyPair struct{ certificate, key []byte }

// keyPairs are all that a world needs: one to have, one to change it to.
var keyPairs = sync.OnceValue(func() []keyPair {
	var pairs []keyPair
	for serial := range int64(2) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
		if err != nil {
			panic(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(serial + 1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
		der, err := x509.CreateCertificate(cryptorand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			panic(err)
		}
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			panic(err)
		}
		pairs = append(pairs, keyPair{
			certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
			key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		})
	}
	return pairs
})

func randomSecret(rng *rand.Rand) *corev1.Secret {
	pair := pick(rng, keyPairs()...)
	return &corev1.Secret{TypeMeta: typed("Secret"), ObjectMeta: named(rng, "k1", "k2"), Data: map[string][]byte{
		"tls.crt":                        pair.certificate,
		often(rng, "tls.key", "another"): often(rng, pair.key, keyPairs()[0].key),
		"ca.crt":                         often(rng, pair.certificate, []byte("garbage")),
	}}
}

func randomListenerSet(rng *rand.Rand) *gwv1.ListenerSet {
	set := &gwv1.ListenerSet{TypeMeta: typed("ListenerSet"), ObjectMeta: named(rng, "ls1", "ls2", "ls3", "g1")}
	if created := rng.IntN(3); created > 0 {
		set.CreationTimestamp = metav1.NewTime(time.Unix(int64(created), 0))
	}
	set.Annotations = pick(rng, nil, nil, map[string]string{"agentgateway.dev/internal-ports": pick(rng, "80", "81", "9999")})
	set.Spec.ParentRef = gwv1.ParentGatewayReference{
		Kind: often(rng, nil, new(gwv1.Kind("Service"))), Namespace: maybe[gwv1.Namespace](rng, "a", "b"),
		Name: often[gwv1.ObjectName](rng, "g1", "g2", "absent"),
	}
	for i := range 1 + rng.IntN(3) {
		l := randomListener(rng)
		set.Spec.Listeners = append(set.Spec.Listeners, gwv1.ListenerEntry{
			Name: gwv1.SectionName(fmt.Sprintf("l%d", i)), Hostname: l.Hostname, Port: l.Port, Protocol: l.Protocol, TLS: l.TLS, AllowedRoutes: l.AllowedRoutes,
		})
	}
	return set
}

// randomListener returns a listener without a name.
func randomListener(rng *rand.Rand) gwv1.Listener {
	listener := gwv1.Listener{
		Protocol:      often(rng, gwv1.HTTPProtocolType, gwv1.HTTPSProtocolType, gwv1.HTTPSProtocolType, gwv1.TLSProtocolType, gwv1.TCPProtocolType, "HBONE", gwv1.UDPProtocolType),
		Port:          pick[gwv1.PortNumber](rng, 80, 81, 82, 83),
		Hostname:      often[*gwv1.Hostname](rng, nil, new(gwv1.Hostname("*.test")), new(gwv1.Hostname("X.Test"))),
		AllowedRoutes: randomAllowedRoutes(rng),
	}
	if listener.Protocol != gwv1.HTTPSProtocolType && listener.Protocol != gwv1.TLSProtocolType || rng.IntN(8) == 0 {
		return listener
	}
	listener.TLS = &gwv1.ListenerTLSConfig{Mode: often(rng, nil, new(gwv1.TLSModePassthrough))}
	if rng.IntN(8) > 0 {
		listener.TLS.CertificateRefs = []gwv1.SecretObjectReference{randomSecretReference(rng)}
	}
	listener.TLS.Options = often(rng, nil,
		map[gwv1.AnnotationKey]gwv1.AnnotationValue{"gateway.istio.io/tls-terminate-mode": pick[gwv1.AnnotationValue](rng, "ISTIO_SIMPLE", "ISTIO_MUTUAL")},
		map[gwv1.AnnotationKey]gwv1.AnnotationValue{"agentgateway.dev/tls-certificate-source": "DYNAMIC_CA"})
	return listener
}

func randomSecretReference(rng *rand.Rand) gwv1.SecretObjectReference {
	return gwv1.SecretObjectReference{
		Kind: maybe[gwv1.Kind](rng, "Secret"), Namespace: often(rng, nil, new(gwv1.Namespace("a"))), Name: often[gwv1.ObjectName](rng, "k1", "k2", "absent"),
	}
}

func randomAllowedListeners(rng *rand.Rand) *gwv1.AllowedListeners {
	from := often(rng, gwv1.NamespacesFromAll, gwv1.NamespacesFromSame, gwv1.NamespacesFromSelector, gwv1.NamespacesFromNone)
	return &gwv1.AllowedListeners{Namespaces: &gwv1.ListenerNamespaces{From: &from, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "red"}}}}
}

func randomGatewayTLS(rng *rand.Rand) *gwv1.GatewayTLSConfig {
	config := &gwv1.GatewayTLSConfig{}
	if rng.IntN(2) == 0 {
		config.Backend = &gwv1.GatewayBackendTLS{ClientCertificateRef: new(randomSecretReference(rng))}
	}
	if rng.IntN(2) == 0 {
		config.Frontend = &gwv1.FrontendTLSConfig{Default: randomValidation(rng), PerPort: []gwv1.TLSPortConfig{{Port: 81, TLS: randomValidation(rng)}}}
	}
	return config
}

func randomValidation(rng *rand.Rand) gwv1.TLSConfig {
	return gwv1.TLSConfig{Validation: pick(rng, nil, &gwv1.FrontendTLSValidation{
		Mode: often(rng, gwv1.AllowValidOnly, gwv1.AllowInsecureFallback),
		CACertificateRefs: some(rng, 2, func(rng *rand.Rand) gwv1.ObjectReference {
			return gwv1.ObjectReference{
				Kind: pick[gwv1.Kind](rng, "ConfigMap", "Secret", "Other"), Namespace: often(rng, nil, new(gwv1.Namespace("b"))),
				Name: pick[gwv1.ObjectName](rng, "ca1", "ca2", "k1"),
			}
		}),
	})}
}
