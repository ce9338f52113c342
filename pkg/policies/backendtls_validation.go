package policies

import (
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	api "agentgateway.dev/controller/apis/xds"
)

// trustNothing returns the roots with which no handshake succeeds: present and
// empty, where absent would mean the roots of the system. Text that isn't PEM
// would do worse: a proxy refuses a policy with it and goes on without TLS.
func trustNothing() []byte { return []byte{} }

// verification is spec.validation of a BackendTLSPolicy, translated.
type verification struct {
	// tls is what proxies are sent. With a fault no handshake succeeds.
	tls *api.BackendPolicySpec_BackendTLS
	// refused is why the policy as a whole isn't accepted.
	refused fault
	// unresolved is which reference doesn't resolve.
	unresolved fault
}

// validate translates validation of a policy in namespace. A policy that can't
// be applied as written fails traffic: connecting without the demanded check
// is never the answer to a mistake.
func validate(ctx krt.HandlerContext, in BackendTLSInputs, known *authorities, namespace string, validation gwv1.BackendTLSPolicyValidation) verification {
	v := verification{tls: &api.BackendPolicySpec_BackendTLS{Verification: api.BackendPolicySpec_BackendTLS_STRICT}}
	if hostname := string(validation.Hostname); serverName(hostname) {
		v.tls.Hostname = &hostname
	} else {
		v.refuse(string(gwv1.PolicyReasonInvalid), fmt.Sprintf("validation.hostname: %q is not a DNS name", hostname))
	}
	for i, san := range validation.SubjectAltNames {
		if name, problem := alternativeName(san); problem == "" {
			v.tls.VerifySubjectAltNames = append(v.tls.VerifySubjectAltNames, name)
		} else {
			v.refuse(string(gwv1.PolicyReasonInvalid), fmt.Sprintf("validation.subjectAltNames[%d]: %s", i, problem))
		}
	}
	switch wellKnown := validation.WellKnownCACertificates; {
	case len(validation.CACertificateRefs) > 0:
		v.roots(ctx, in, known, namespace, validation.CACertificateRefs)
	case wellKnown == nil || *wellKnown == "":
		v.refuse(string(gwv1.PolicyReasonInvalid), "validation: either caCertificateRefs or wellKnownCACertificates must be set")
	case *wellKnown != gwv1.WellKnownCACertificatesSystem:
		v.refuse(string(gwv1.PolicyReasonInvalid), fmt.Sprintf("validation.wellKnownCACertificates: %q is not supported; use System", *wellKnown))
	}
	if v.refused != (fault{}) {
		v.tls.Root = trustNothing()
	}
	return v
}

// refuse keeps the first reason and all messages.
func (v *verification) refuse(reason, message string) { v.refused = v.refused.and(reason, message) }

func (f fault) and(reason, message string) fault {
	if f == (fault{}) {
		return fault{reason, message}
	}
	return fault{f.reason, f.message + "; " + message}
}

// roots reads the referred bundles. One that is bad makes all bad: with fewer
// roots than its author wrote, a policy could fail half of the backends, and
// nobody would look for the cause here.
func (v *verification) roots(ctx krt.HandlerContext, in BackendTLSInputs, known *authorities, namespace string, refs []gwv1.LocalObjectReference) {
	var roots []byte
	for i, ref := range refs {
		path := fmt.Sprintf("validation.caCertificateRefs[%d]: ", i)
		if !core(ref.Group) || ref.Kind != "ConfigMap" {
			v.unresolve(string(gwv1.BackendTLSPolicyReasonInvalidKind),
				fmt.Sprintf("%skind %q of group %q is not supported; use a ConfigMap", path, ref.Kind, ref.Group))
			continue
		}
		certificates, problem := bundleOf(ctx, in.ConfigMaps, known, namespace+"/"+string(ref.Name))
		if problem != "" {
			v.unresolve(string(gwv1.BackendTLSPolicyReasonInvalidCACertificateRef), path+problem)
			continue
		}
		roots = append(roots, certificates...)
	}
	v.tls.Root = roots
}

func (v *verification) unresolve(reason, message string) {
	v.unresolved = v.unresolved.and(reason, message)
	v.refuse(string(gwv1.BackendTLSPolicyReasonNoValidCACertificate), message)
}

// caKey is the key of a ConfigMap that holds a bundle.
const caKey = "ca.crt"

func bundleOf(ctx krt.HandlerContext, configMaps krt.Collection[*corev1.ConfigMap], known *authorities, key string) (certificates []byte, problem string) {
	configMap := krt.FetchOne(ctx, configMaps, krt.FilterKey(key))
	if configMap == nil {
		return nil, fmt.Sprintf("ConfigMap %s not found", key)
	}
	text, found := (*configMap).Data[caKey]
	if !found {
		return nil, fmt.Sprintf("ConfigMap %s has no key %s", key, caKey)
	}
	certificates, err := known.parse(text)
	if err != nil {
		return nil, fmt.Sprintf("%s of ConfigMap %s: %s", caKey, key, err)
	}
	return certificates, ""
}

// alternativeName returns what proxies compare with the names in a
// certificate.
func alternativeName(san gwv1.SubjectAltName) (name, problem string) {
	switch san.Type {
	case gwv1.HostnameSubjectAltNameType:
		switch name = string(san.Hostname); {
		case strings.HasPrefix(name, "*"):
			return "", fmt.Sprintf("a wildcard, %q, cannot be verified; list the names one by one", name)
		case !serverName(name):
			return "", fmt.Sprintf("%q is not a DNS name", name)
		}
		return name, ""
	case gwv1.URISubjectAltNameType:
		// Proxies tell a URI by these characters.
		if name = string(san.URI); !strings.Contains(name, "://") {
			return "", fmt.Sprintf("%q is not an absolute URI", name)
		}
		return name, ""
	default:
		return "", fmt.Sprintf("type %q is not supported; use Hostname or URI", san.Type)
	}
}

// serverName reports whether a TLS client can ask for name. The API is more
// lenient: it has no limit for a label, and takes a number as the last one.
func serverName(name string) bool {
	if address, err := netip.ParseAddr(name); err == nil {
		return address.Zone() == ""
	}
	if len(name) > 253 {
		return false
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			return false
		}
	}
	return strings.Trim(labels[len(labels)-1], "0123456789") != ""
}
