package gateways

import (
	"bytes"

	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/references"
)

// ClientCertificate is what the proxies of a Gateway present to backends that
// a policy has them speak TLS to: spec.tls.backend.clientCertificateRef,
// resolved. A Gateway that names none has no ClientCertificate.
type ClientCertificate struct {
	// Gateway is the Gateway, and the key in its collection.
	Gateway types.NamespacedName
	// Certificate and Key are PEM as stored, or InvalidPEM when Invalid: with
	// that the proxy speaks to no backend, where without a certificate it might.
	Certificate, Key []byte
	Invalid          bool
	// Reason and Message say what is wrong when Invalid: the Gateway's
	// condition ResolvedRefs has them.
	Reason, Message string
}

// InvalidPEM stands in for a certificate or key that can't be used. Proxies
// refuse to work with it, so that nothing is served in a weaker way than asked.
const InvalidPEM = "invalid"

// ResourceName is the key of the Gateway, "<namespace>/<name>".
func (c ClientCertificate) ResourceName() string { return c.Gateway.String() }

// Equals compares everything.
func (c ClientCertificate) Equals(other ClientCertificate) bool {
	return c.Gateway == other.Gateway && bytes.Equal(c.Certificate, other.Certificate) && bytes.Equal(c.Key, other.Key) &&
		c.Invalid == other.Invalid && c.Reason == other.Reason && c.Message == other.Message
}

// NewClientCertificates resolves the client certificates of the Gateways of
// ours. An event costs one look-up.
func NewClientCertificates(gateways krt.Collection[*gwv1.Gateway], classes krt.Collection[Class], certificates references.Certificates, opts krt.OptionsBuilder) krt.Collection[ClientCertificate] {
	return krt.NewCollection(gateways, func(ctx krt.HandlerContext, gateway *gwv1.Gateway) *ClientCertificate {
		if gateway.Spec.TLS == nil || gateway.Spec.TLS.Backend == nil || gateway.Spec.TLS.Backend.ClientCertificateRef == nil {
			return nil
		}
		if krt.FetchOne(ctx, classes, krt.FilterKey(string(gateway.Spec.GatewayClassName))) == nil {
			return nil
		}
		resolved := &ClientCertificate{Gateway: types.NamespacedName{Namespace: gateway.Namespace, Name: gateway.Name}}
		pair, problem := certificates.KeyPair(ctx, ownerOf(gateway), *gateway.Spec.TLS.Backend.ClientCertificateRef)
		if problem == nil {
			resolved.Certificate, resolved.Key = pair.Certificate, pair.PrivateKey
			return resolved
		}
		resolved.Certificate, resolved.Key = []byte(InvalidPEM), []byte(InvalidPEM)
		resolved.Invalid, resolved.Reason = true, problem.Reason
		if resolved.Reason == string(gwv1.ListenerReasonInvalidCertificateRef) {
			resolved.Reason = string(gwv1.GatewayReasonInvalidClientCertificateRef)
		}
		resolved.Message = "spec.tls.backend.clientCertificateRef: " + problem.Message
		return resolved
	}, opts.WithName("gateways/ClientCertificates")...)
}

// ownerOf is a Gateway as the side that refers to something.
func ownerOf(gateway *gwv1.Gateway) references.From {
	return references.From{Group: gwv1.GroupName, Kind: gatewayKind, Namespace: gateway.Namespace}
}
