package references

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"
)

// Certificates resolves references to certificates and to bundles of
// certificate authorities. A reference depends on the object that it names and
// on nothing else, and equal bytes are parsed once, whoever refers to them.
type Certificates struct {
	secrets    krt.Collection[Secret]
	configMaps krt.Collection[configMap]
	grants     Grants
	parsed     *memo
}

// NewCertificates projects secrets and configMaps. An event costs one small
// object; nothing is parsed before somebody refers to it.
func NewCertificates(secrets krt.Collection[*corev1.Secret], configMaps krt.Collection[*corev1.ConfigMap], grants Grants, opts krt.OptionsBuilder) Certificates {
	return Certificates{
		secrets:    newSecrets(secrets, opts),
		configMaps: newConfigMaps(configMaps, opts),
		grants:     grants,
		parsed:     newMemo(),
	}
}

// KeyPair is a certificate with its private key, both PEM as stored.
type KeyPair struct {
	Certificate, PrivateKey []byte
	// Authority tells that the certificate may sign others.
	Authority bool
}

// KeyPair resolves a reference to a Secret with tls.crt and tls.key. What is
// wrong comes back as a Problem with reason InvalidCertificateRef or
// RefNotPermitted (Gateway API's reasons for listeners), and never shows a
// byte of the Secret.
//
// The Secret is looked up before the grant: Gateway API wants a missing Secret
// to be told from one that must not be used.
func (c Certificates) KeyPair(ctx krt.HandlerContext, from From, ref gwv1.SecretObjectReference) (KeyPair, *Problem) {
	invalid := func(format string, args ...any) (KeyPair, *Problem) {
		return KeyPair{}, &Problem{
			Reason:  string(gwv1.ListenerReasonInvalidCertificateRef),
			Message: fmt.Sprintf("invalid certificate reference %s, ", literal(ref)) + fmt.Sprintf(format, args...),
		}
	}
	to := To{Kind: "Secret", Namespace: from.Namespace, Name: string(ref.Name)}
	if ref.Group != nil {
		to.Group = coreGroup(string(*ref.Group))
	}
	if ref.Kind != nil {
		to.Kind = string(*ref.Kind)
	}
	if ref.Namespace != nil {
		to.Namespace = string(*ref.Namespace)
	}
	if to.Group != "" || to.Kind != "Secret" {
		return invalid("only secret is allowed")
	}
	secret := krt.FetchOne(ctx, c.secrets, krt.FilterKey(to.Namespace+"/"+to.Name))
	if secret == nil {
		return invalid("secret not found")
	}
	if !c.grants.Permit(ctx, from, to) {
		return KeyPair{}, &Problem{
			Reason:  string(gwv1.ListenerReasonRefNotPermitted),
			Message: notPermitted(fmt.Sprintf("certificate reference %s", literal(ref)), from, to),
		}
	}
	parsed := c.parsed.keyPair(secret.Certificate, secret.PrivateKey)
	if parsed.fault != "" {
		return invalid("%s", parsed.fault)
	}
	return KeyPair{Certificate: secret.Certificate, PrivateKey: secret.PrivateKey, Authority: parsed.authority}, nil
}

// literal shows a reference as it is written, parts that aren't set empty.
func literal(ref gwv1.SecretObjectReference) string {
	var group, kind, namespace string
	if ref.Group != nil {
		group = string(*ref.Group)
	}
	if ref.Kind != nil {
		kind = string(*ref.Kind)
	}
	if ref.Namespace != nil {
		namespace = string(*ref.Namespace)
	}
	return fmt.Sprintf("%s/%s/%s.%s", group, kind, ref.Name, namespace)
}

func notPermitted(what string, from From, to To) string {
	return fmt.Sprintf("%s not accessible to a %s in namespace %q (missing a ReferenceGrant?): a ReferenceGrant in namespace %q must allow it",
		what, from.Kind, from.Namespace, to.Namespace)
}

// Authorities resolves a reference to a ConfigMap or Secret with ca.crt, one
// or more certificates as PEM. What is wrong comes back as a Problem with
// reason InvalidCACertificateRef, InvalidCACertificateKind or RefNotPermitted.
func (c Certificates) Authorities(ctx krt.HandlerContext, from From, ref gwv1.ObjectReference) ([]byte, *Problem) {
	to := To{Group: coreGroup(string(ref.Group)), Kind: string(ref.Kind), Namespace: from.Namespace, Name: string(ref.Name)}
	if ref.Namespace != nil {
		to.Namespace = string(*ref.Namespace)
	}
	what := fmt.Sprintf("caCertificateRef %s %s/%s", to.Kind, to.Namespace, to.Name)
	if to.Group != "" || to.Kind != "ConfigMap" && to.Kind != "Secret" {
		return nil, &Problem{
			Reason: string(gwv1.ListenerReasonInvalidCACertificateKind),
			Message: fmt.Sprintf("caCertificateRef %s/%s has group %q and kind %q: only a ConfigMap or Secret of the core group is allowed",
				to.Namespace, to.Name, to.Group, to.Kind),
		}
	}
	if !c.permitAuthorities(ctx, from, to) {
		return nil, &Problem{Reason: string(gwv1.ListenerReasonRefNotPermitted), Message: notPermitted(what, from, to)}
	}
	pem, found := c.authorities(ctx, to.Kind, to.Namespace+"/"+to.Name)
	fault := "not found"
	if found {
		fault = c.parsed.authorities(pem)
	}
	if fault != "" {
		return nil, &Problem{Reason: string(gwv1.ListenerReasonInvalidCACertificateRef), Message: what + ": " + fault}
	}
	return pem, nil
}

// permitAuthorities takes a grant for Secrets as one for ConfigMaps as well:
// existing installations have only had the former.
func (c Certificates) permitAuthorities(ctx krt.HandlerContext, from From, to To) bool {
	if c.grants.Permit(ctx, from, to) {
		return true
	}
	to.Kind = "Secret"
	return c.grants.Permit(ctx, from, to)
}

func (c Certificates) authorities(ctx krt.HandlerContext, kind, key string) (pem []byte, found bool) {
	if kind == "Secret" {
		if secret := krt.FetchOne(ctx, c.secrets, krt.FilterKey(key)); secret != nil {
			return secret.Authorities, true
		}
		return nil, false
	}
	if object := krt.FetchOne(ctx, c.configMaps, krt.FilterKey(key)); object != nil {
		return []byte(object.authorities), true
	}
	return nil, false
}
