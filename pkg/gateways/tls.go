package gateways

import (
	"fmt"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/references"
)

// Options of a listener's tls that say where its certificate comes from.
const (
	// terminateModeOption with ISTIO_SIMPLE or ISTIO_MUTUAL uses the
	// certificate of the proxy's mesh identity.
	terminateModeOption gwv1.AnnotationKey = "gateway.istio.io/tls-terminate-mode"
	istioSimple                            = "ISTIO_SIMPLE"
	istioMutual                            = "ISTIO_MUTUAL"
	// certificateSourceOption with DYNAMIC_CA takes the referenced certificate
	// for an authority that signs one for every server name.
	certificateSourceOption gwv1.AnnotationKey = "agentgateway.dev/tls-certificate-source"
	dynamicCA                                  = "DYNAMIC_CA"
)

// badTLS is the message of a listener that can't serve for its TLS settings;
// what is wrong with them stands in its ResolvedRefs.
const badTLS = "Bad TLS configuration"

// modeOf is the TLS mode of a listener with its default filled in.
func modeOf(spec gwv1.Listener) gwv1.TLSModeType {
	if spec.TLS == nil || spec.TLS.Mode == nil || *spec.TLS.Mode == "" {
		return gwv1.TLSModeTerminate
	}
	return *spec.TLS.Mode
}

// terminate judges the TLS settings of a listener and makes its tls message.
//
// A listener whose settings can't be used is sent all the same, with material
// that makes the proxy refuse its handshakes: if it were missing, its clients
// would reach a listener with a wider host name.
func (s *state) terminate(ctx krt.HandlerContext, d declarer, spec gwv1.Listener) {
	switch spec.Protocol {
	case gwv1.HTTPSProtocolType:
	case gwv1.TLSProtocolType:
		if modeOf(spec) == gwv1.TLSModePassthrough {
			return
		}
	default:
		return
	}
	if spec.Protocol == gwv1.HTTPSProtocolType && spec.TLS == nil {
		s.unsendable = true
		s.fail(string(gwv1.ListenerReasonInvalidCertificateRef), "protocol HTTPS needs tls.certificateRefs")
		return
	}
	validation := d.validation.forPort(s.Port)
	config, p := d.certificate(ctx, spec)
	if p != nil {
		s.fail(p.Reason, p.Message)
	}
	if incompatible := s.validate(config, validation); incompatible != nil {
		s.refused = &problem{string(gwv1.ListenerReasonNoValidCACertificate), incompatible.message}
		s.fail(incompatible.reason, incompatible.message)
	}
	if s.unserviceable != nil {
		config = &api.TLSConfig{Cert: []byte(InvalidPEM), PrivateKey: []byte(InvalidPEM)}
	}
	s.tls = config
}

// fail marks the listener as one that can't serve. A problem with its route
// kinds, or one found before, is what its ResolvedRefs tells.
func (s *state) fail(reason, message string) {
	s.unserviceable = &problem{string(gwv1.ListenerReasonInvalid), badTLS}
	s.resolved = firstOf(s.resolved, &problem{reason, message})
}

// certificate makes the message for what the listener presents.
func (d declarer) certificate(ctx krt.HandlerContext, spec gwv1.Listener) (*api.TLSConfig, *references.Problem) {
	invalid := func(format string, args ...any) (*api.TLSConfig, *references.Problem) {
		return &api.TLSConfig{}, &references.Problem{
			Reason: string(gwv1.ListenerReasonInvalidCertificateRef), Message: fmt.Sprintf(format, args...),
		}
	}
	settings := gwv1.ListenerTLSConfig{}
	if spec.TLS != nil {
		settings = *spec.TLS
	}
	if mode := modeOf(spec); mode != gwv1.TLSModeTerminate {
		return invalid("tls.mode %s is not possible with protocol %s; use Terminate", mode, spec.Protocol)
	}
	switch string(settings.Options[terminateModeOption]) {
	case istioSimple:
		return &api.TLSConfig{CertificateSource: api.TLSConfig_ISTIO_WORKLOAD, MtlsMode: api.TLSConfig_DISABLE}, nil
	case istioMutual:
		return &api.TLSConfig{CertificateSource: api.TLSConfig_ISTIO_WORKLOAD, MtlsMode: api.TLSConfig_STRICT}, nil
	}
	if len(settings.CertificateRefs) != 1 {
		return invalid("exactly 1 certificateRefs should be present for TLS termination")
	}
	pair, p := d.certificates.KeyPair(ctx, d.From, settings.CertificateRefs[0])
	if p != nil {
		return &api.TLSConfig{}, p
	}
	config := &api.TLSConfig{Cert: pair.Certificate, PrivateKey: pair.PrivateKey}
	if string(settings.Options[certificateSourceOption]) == dynamicCA {
		if !pair.Authority {
			return invalid("tls option %s: %s needs the certificate of an authority, and that of secret %q is none",
				certificateSourceOption, dynamicCA, settings.CertificateRefs[0].Name)
		}
		config.CertificateSource = api.TLSConfig_DYNAMIC_CA
	}
	return config, nil
}

// validate puts the validation of client certificates into config. It returns
// what keeps clients from being validated as demanded; then nobody may be let
// in. Other problems stand in the listener's ResolvedRefs.
func (s *state) validate(config *api.TLSConfig, v *validation) *problem {
	if v == nil {
		return nil
	}
	source := config.GetCertificateSource()
	switch {
	case source == api.TLSConfig_DYNAMIC_CA:
		return &problem{string(gwv1.ListenerReasonInvalidCACertificateRef),
			fmt.Sprintf("client certificates can't be validated together with the tls option %s: %s", certificateSourceOption, dynamicCA)}
	case source == api.TLSConfig_ISTIO_WORKLOAD && config.GetMtlsMode() == api.TLSConfig_STRICT:
		// Clients are validated against the mesh's authority.
		return nil
	case source == api.TLSConfig_ISTIO_WORKLOAD:
		return &problem{string(gwv1.ListenerReasonInvalidCACertificateRef),
			fmt.Sprintf("client certificates can't be validated together with the tls option %s: %s", terminateModeOption, istioSimple)}
	case v.root == nil:
		return v.fault
	}
	config.Root = v.root
	if v.fallback {
		config.MtlsMode = api.TLSConfig_ALLOW_INSECURE_FALLBACK
	}
	s.resolved = firstOf(s.resolved, v.fault)
	return nil
}
