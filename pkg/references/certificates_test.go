package references

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	gwv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	"istio.io/istio/pkg/kube/krt"
)

// newPair makes a certificate and its key, both PEM.
func newPair(t *testing.T, authority bool) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: authority, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1})
}

func TestParseKeyPair(t *testing.T) {
	certificate, key := newPair(t, false)
	authority, authorityKey := newPair(t, true)
	broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})
	parameters := pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte("x")})
	for _, test := range []struct {
		name             string
		certificate, key []byte
		want             string
	}{
		{"a pair", certificate, key, ""},
		{"a chain", append(bytes.Clone(certificate), authority...), key, ""},
		{"parameters before the key", certificate, append(parameters, key...), ""},
		{"no certificate", nil, key, "has no tls.crt"},
		{"no key", certificate, nil, "has no tls.key"},
		{"garbage as certificate", []byte("x"), key, "no certificate in PEM"},
		{"a broken certificate", broken, key, "can't be parsed"},
		{"the leaf isn't first", append(bytes.Clone(authority), certificate...), key, "isn't the key of the first"},
		{"another key", certificate, authorityKey, "isn't the key of the first"},
		{"two keys", certificate, append(bytes.Clone(key), authorityKey...), "exactly one private key"},
		{"garbage as key", certificate, []byte("x"), "exactly one private key"},
		{"a certificate as key", certificate, certificate, "exactly one private key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := parseKeyPair(test.certificate, test.key).fault; test.want == "" && got != "" || !strings.Contains(got, test.want) {
				t.Errorf("fault %q, want %q", got, test.want)
			}
		})
	}
	if parseKeyPair(certificate, key).authority || !parseKeyPair(authority, authorityKey).authority {
		t.Error("authorities aren't told from others")
	}
}

// TestNothingIsParsedTwice counts the parsing of equal and of other bytes.
func TestNothingIsParsedTwice(t *testing.T) {
	m, parses := newMemo(), 0
	get := func(i int) parsed {
		return m.get(sha256.Sum256(fmt.Append(nil, i)), func() parsed { parses++; return parsed{fault: fmt.Sprint(i)} })
	}
	for range 3 {
		for i := range memoSize {
			if got := get(i).fault; got != fmt.Sprint(i) {
				t.Fatalf("finding %d is %q", i, got)
			}
		}
	}
	if parses != memoSize {
		t.Errorf("parsed %d times, want %d", parses, memoSize)
	}
	// However many there are, what is in use stays known and the rest goes.
	for i := range 5 * memoSize {
		get(memoSize + i)
		get(0)
	}
	if parses != 6*memoSize {
		t.Errorf("parsed %d times, want %d", parses, 6*memoSize)
	}
	if known := len(m.recent) + len(m.former); known > 2*memoSize {
		t.Errorf("%d findings are remembered", known)
	}
}

// TestKeyPairIsNotMixedUp: the boundary between certificate and key counts.
func TestKeyPairIsNotMixedUp(t *testing.T) {
	certificate, key := newPair(t, false)
	m := newMemo()
	if fault := m.keyPair(certificate, key).fault; fault != "" {
		t.Errorf("a good pair: %s", fault)
	}
	if fault := m.keyPair(append(bytes.Clone(certificate), key[:1]...), key[1:]).fault; fault == "" {
		t.Error("the same bytes cut elsewhere are a good pair")
	}
}

func TestCertificates(t *testing.T) {
	certificate, key := newPair(t, true)
	opts := options(t)
	named := func(namespace, name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name}
	}
	data := map[string][]byte{"tls.crt": certificate, "tls.key": key, "ca.crt": certificate}
	secrets := krt.NewStaticCollection(nil, []*corev1.Secret{
		{ObjectMeta: named("own", "s"), Data: data}, {ObjectMeta: named("own", "bad"), Data: map[string][]byte{"tls.crt": certificate, "tls.key": []byte("topsecret"), "ca.crt": []byte("topsecret")}},
		{ObjectMeta: named("target", "s"), Data: data}, {ObjectMeta: named("target", "granted"), Data: data},
	}, opts.WithName("secrets")...)
	configMaps := krt.NewStaticCollection(nil, []*corev1.ConfigMap{
		{ObjectMeta: named("own", "c"), Data: map[string]string{"ca.crt": string(certificate)}}, {ObjectMeta: named("own", "empty")},
		{ObjectMeta: named("target", "granted"), Data: map[string]string{"ca.crt": string(certificate)}}, {ObjectMeta: named("target", "c"), Data: map[string]string{"ca.crt": string(certificate)}},
	}, opts.WithName("configmaps")...)
	from := From{gwv1.GroupName, "Gateway", "own"}
	grants := NewGrants(krt.NewStaticCollection(nil, []*gwv1beta1.ReferenceGrant{
		grant("g", []gwv1beta1.ReferenceGrantFrom{{Group: gwv1.GroupName, Kind: "Gateway", Namespace: "own"}}, gwv1beta1.ReferenceGrantTo{Kind: "Secret", Name: new(gwv1.ObjectName("granted"))}),
	}, opts.WithName("grants")...))
	certificates := NewCertificates(secrets, configMaps, grants, opts)
	certificates.secrets.WaitUntilSynced(t.Context().Done())
	certificates.configMaps.WaitUntilSynced(t.Context().Done())

	target := new(gwv1.Namespace("target"))
	check := func(what string, got *Problem, reason string) {
		t.Helper()
		if (got == nil) != (reason == "") || got != nil && got.Reason != reason {
			t.Errorf("%s: got %+v, want reason %q", what, got, reason)
		}
		if got != nil && strings.Contains(got.Message, "topsecret") {
			t.Errorf("%s: the message shows what is in the Secret: %s", what, got.Message)
		}
	}
	for _, test := range []struct {
		ref    gwv1.SecretObjectReference
		reason string
	}{
		{gwv1.SecretObjectReference{Name: "s"}, ""},
		{gwv1.SecretObjectReference{Group: new(gwv1.Group("core")), Kind: new(gwv1.Kind("Secret")), Name: "s", Namespace: new(gwv1.Namespace("own"))}, ""},
		{gwv1.SecretObjectReference{Name: "bad"}, "InvalidCertificateRef"},
		{gwv1.SecretObjectReference{Name: "absent"}, "InvalidCertificateRef"},
		{gwv1.SecretObjectReference{Name: "c", Kind: new(gwv1.Kind("ConfigMap"))}, "InvalidCertificateRef"},
		{gwv1.SecretObjectReference{Name: "s", Group: new(gwv1.Group("x"))}, "InvalidCertificateRef"},
		{gwv1.SecretObjectReference{Name: "s", Namespace: target}, "RefNotPermitted"},
		{gwv1.SecretObjectReference{Name: "absent", Namespace: target}, "InvalidCertificateRef"},
		{gwv1.SecretObjectReference{Name: "granted", Namespace: target}, ""},
	} {
		pair, problem := certificates.KeyPair(krt.TestingDummyContext{}, from, test.ref)
		check("key pair "+literal(test.ref), problem, test.reason)
		if test.reason == "" && (!bytes.Equal(pair.Certificate, certificate) || !bytes.Equal(pair.PrivateKey, key) || !pair.Authority) {
			t.Errorf("key pair %s isn't what is stored", literal(test.ref))
		}
	}
	for _, test := range []struct {
		ref    gwv1.ObjectReference
		reason string
	}{
		{gwv1.ObjectReference{Kind: "ConfigMap", Name: "c"}, ""},
		{gwv1.ObjectReference{Kind: "Secret", Name: "s"}, ""},
		{gwv1.ObjectReference{Kind: "Secret", Name: "bad"}, "InvalidCACertificateRef"},
		{gwv1.ObjectReference{Kind: "ConfigMap", Name: "empty"}, "InvalidCACertificateRef"},
		{gwv1.ObjectReference{Kind: "ConfigMap", Name: "absent"}, "InvalidCACertificateRef"},
		{gwv1.ObjectReference{Kind: "Service", Name: "c"}, "InvalidCACertificateKind"},
		{gwv1.ObjectReference{Group: "x", Kind: "ConfigMap", Name: "c"}, "InvalidCACertificateKind"},
		{gwv1.ObjectReference{Kind: "ConfigMap", Name: "c", Namespace: target}, "RefNotPermitted"},
		// A grant for Secrets is taken for ConfigMaps too.
		{gwv1.ObjectReference{Kind: "ConfigMap", Name: "granted", Namespace: target}, ""},
		{gwv1.ObjectReference{Kind: "Secret", Name: "granted", Namespace: target}, ""},
	} {
		bundle, problem := certificates.Authorities(krt.TestingDummyContext{}, from, test.ref)
		check(fmt.Sprintf("authorities %v", test.ref), problem, test.reason)
		if test.reason == "" && !bytes.Equal(bundle, certificate) {
			t.Errorf("authorities %v aren't what is stored", test.ref)
		}
	}
}
