package gateways

import (
	"bytes"
	"maps"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/references"
)

// frontendValidation is spec.tls.frontend of a Gateway with its references
// resolved: how clients of listeners that terminate TLS are validated.
type frontendValidation struct {
	standard *validation
	// perPort holds an entry, nil for no validation, for every port that has
	// settings of its own.
	perPort map[int32]*validation
}

// validation is how the clients of a port are validated.
type validation struct {
	// root holds the valid bundles as PEM, nil when there is none.
	root []byte
	// fallback lets clients in without a valid certificate.
	fallback bool
	// fault is the first problem of a reference.
	fault *problem
}

func (v *validation) equals(other *validation) bool {
	return v == other || v != nil && other != nil && bytes.Equal(v.root, other.root) && (v.root == nil) == (other.root == nil) &&
		v.fallback == other.fallback && v.fault.equals(other.fault)
}

func (f frontendValidation) equals(other frontendValidation) bool {
	return f.standard.equals(other.standard) && maps.EqualFunc(f.perPort, other.perPort, (*validation).equals)
}

// forPort returns how the clients of a port are validated, nil for not at all.
func (f frontendValidation) forPort(port int32) *validation {
	if own, set := f.perPort[port]; set {
		return own
	}
	return f.standard
}

// newFrontendValidation resolves the references of all settings.
func newFrontendValidation(ctx krt.HandlerContext, certificates references.Certificates, gateway *gwv1.Gateway) frontendValidation {
	settings := frontendOf(gateway)
	if settings == nil {
		return frontendValidation{}
	}
	f := frontendValidation{standard: newValidation(ctx, certificates, gateway, settings.Default)}
	if len(settings.PerPort) > 0 {
		f.perPort = map[int32]*validation{}
	}
	for _, port := range settings.PerPort {
		f.perPort[int32(port.Port)] = newValidation(ctx, certificates, gateway, port.TLS)
	}
	return f
}

func newValidation(ctx krt.HandlerContext, certificates references.Certificates, gateway *gwv1.Gateway, settings gwv1.TLSConfig) *validation {
	if settings.Validation == nil || len(settings.Validation.CACertificateRefs) == 0 {
		return nil
	}
	v := &validation{fallback: settings.Validation.Mode == gwv1.AllowInsecureFallback}
	var bundles [][]byte
	for _, ref := range settings.Validation.CACertificateRefs {
		bundle, p := certificates.Authorities(ctx, ownerOf(gateway), ref)
		if p != nil {
			v.fault = firstOf(v.fault, &problem{p.Reason, p.Message})
			continue
		}
		bundles = append(bundles, bundle)
	}
	if len(bundles) > 0 {
		v.root = bytes.Join(bundles, []byte("\n"))
	}
	return v
}

// allowsFallback tells whether any setting lets clients in without a valid
// certificate.
func allowsFallback(gateway *gwv1.Gateway) bool {
	settings := frontendOf(gateway)
	if settings == nil {
		return false
	}
	allows := func(config gwv1.TLSConfig) bool {
		return config.Validation != nil && config.Validation.Mode == gwv1.AllowInsecureFallback
	}
	for _, port := range settings.PerPort {
		if allows(port.TLS) {
			return true
		}
	}
	return allows(settings.Default)
}

func frontendOf(gateway *gwv1.Gateway) *gwv1.FrontendTLSConfig {
	if gateway.Spec.TLS == nil {
		return nil
	}
	return gateway.Spec.TLS.Frontend
}
