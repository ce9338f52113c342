// Package provision runs the proxies: it renders the Kubernetes objects of a
// Gateway as a pure function (Render), derives them for every Gateway
// (NewDesired), and on the leader applies, repairs and prunes them (Applier).
//
// What goes wrong is a value: a user's mistake is a Problem, and what the API
// server refuses is an Outcome. Both end in the Report of their Gateway.
package provision

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"agentgateway.dev/controller/apis/v1alpha1"
	"agentgateway.dev/controller/pkg/settings"
)

// DefaultProxyTag is the version of the proxy that this controller was built
// for, as an image tag.
const DefaultProxyTag = "v1.4.1"

// Request is everything that the objects of a Gateway depend on.
type Request struct {
	// Gateway is read for its identity, class, infrastructure and addresses.
	Gateway *gwv1.Gateway
	// Ports are those of all effective listeners, in any order, with
	// repetitions.
	Ports []Port
	// Class and Own are the parameters of the GatewayClass and of the Gateway
	// itself, nil where there are none.
	Class, Own *v1alpha1.AgentgatewayParameters
	// Authority is the CA of the xDS server as PEM; read only when xDS is
	// encrypted, and then it must not be empty.
	Authority string
	// MeshTrustDomain is that of the mesh's own configuration, "" if unknown.
	MeshTrustDomain string
	// Session is the Secret of session keys as it is now, nil if there is none.
	Session  *Session
	Defaults Defaults
}

// Port is the port of a listener.
type Port struct {
	Number int32
	// Internal ports have no socket. A port is internal if all listeners say
	// so.
	Internal bool
}

// Session is the Secret that holds the key of a Gateway's sessions.
type Session struct {
	UID types.UID
	// Version is the resourceVersion.
	Version string
	// Key is the Secret's data under "key", nil if it has none.
	Key []byte
}

// Defaults are the parts of a rendering that are the same for all Gateways.
type Defaults struct {
	// ImageRegistry, ImageRepository and ImageTag make up the proxy's image
	// unless parameters say otherwise; empty parts are left out.
	ImageRegistry, ImageRepository, ImageTag string
	// XDSHost and XDSPort are what proxies dial, with TLS if XDSTLS is set.
	XDSHost string
	XDSPort uint32
	XDSTLS  bool
	Istio   Istio
	// DummyPort is the only port of a Gateway without listeners; 0 means none.
	DummyPort uint16
	// Version is the controller's, for a label; "" leaves the label out.
	Version string
	// NewSessionKey makes the key of a Gateway that has no Secret yet. It is nil
	// where rendering must be pure; the Result then awaits a key.
	NewSessionKey func() string
}

// Istio are the controller-wide values of mesh integration. Those of
// parameters win over them.
type Istio struct {
	AutoEnabled                   bool
	CAAddress, ClusterID, Network string
}

// DefaultsOf returns the defaults that settings stand for. version is the
// controller's own.
func DefaultsOf(s settings.Settings, version string) Defaults {
	tag := DefaultProxyTag
	if s.Proxy.ImageTag != nil {
		tag = *s.Proxy.ImageTag
	}
	return Defaults{
		ImageRegistry:   s.Proxy.ImageRegistry,
		ImageRepository: s.Proxy.ImageRepository,
		ImageTag:        tag,
		XDSHost:         s.XDS.Host,
		XDSPort:         s.XDS.Port,
		XDSTLS:          s.XDS.Mode != settings.XDSPlaintext,
		Istio: Istio{
			AutoEnabled: s.Istio.AutoEnabled,
			CAAddress:   s.Istio.CAAddress,
			ClusterID:   s.Istio.ClusterID,
			Network:     s.Istio.Network,
		},
		DummyPort: s.Proxy.DummyPort,
		Version:   version,
	}
}

// Object is a typed Kubernetes object with its apiVersion and kind.
type Object interface {
	metav1.Object
	runtime.Object
	GroupVersionKind() schema.GroupVersionKind
}

// Result is what a Request renders to: objects, or a Problem.
type Result struct {
	// Objects are in the order in which they must be applied.
	Objects []Object
	// AwaitsKey says that the session Secret has no key yet. Its object, and
	// what comes after it, can be applied only once it has.
	AwaitsKey bool
	// Warnings are parts of overlays that have no effect.
	Warnings []string
	Problem  *Problem
}

// Problem is a user's mistake: as long as it lasts nothing is applied, and
// what is running goes on.
type Problem struct {
	// Reason is the reason of the Gateway's condition.
	Reason string
	// Object is the kind and name of what is to be corrected, "" for the
	// Gateway itself.
	Object string
	// Field is the path of the mistake in Object, "" for all of it.
	Field string
	// Message is a sentence without a final stop.
	Message string
}

// Reasons of problems.
const (
	// ReasonInvalidParameters is a mistake in parameters, or in what they refer
	// to.
	ReasonInvalidParameters = string(gwv1.GatewayReasonInvalidParameters)
	// ReasonNoPorts is a Gateway without a port that a Service could have; its
	// listeners' own status says why.
	ReasonNoPorts = "NoPorts"
)

// String is the form for conditions and terminals: object: field: message.
func (p *Problem) String() string {
	parts := []string{p.Object, p.Field, p.Message}
	var said []string
	for _, part := range parts {
		if part != "" {
			said = append(said, part)
		}
	}
	return strings.Join(said, ": ")
}

func invalid(object, field, message string) *Problem {
	return &Problem{Reason: ReasonInvalidParameters, Object: object, Field: field, Message: message}
}
