// Package xdsclient speaks delta ADS as the proxy does: one stream, addresses
// before resources, a wildcard subscription for each, one answer for every
// response, known versions upon reconnecting.
//
// The dataplane tool is built on it. Tests use it as a recording client: with
// Options.Record it keeps every response and the bytes of all it holds.
package xdsclient

import (
	"errors"
	"fmt"
	"strings"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"agentgateway.dev/controller/tools/dataplane/internal/store"
)

// Finding is a complaint about one resource of a response. Exactly one of Warn
// and Error is set; both make the answer a NACK, only an error rejects.
type Finding = store.Finding

// Options describe one proxy.
type Options struct {
	// Address is the value of XDS_ADDRESS: [http://|https://]host:port. Without
	// a scheme it means https.
	Address string
	// RootCA is a PEM file that verifies the server of an https address. The
	// roots of the system are used if it is empty, "SYSTEM", or does not exist.
	RootCA string
	// Namespace and Gateway are mandatory; they select what the server sends.
	Namespace, Gateway string
	// PodName, InstanceIP and NodeName describe the pod. They may be empty;
	// InstanceIP is then sent as 1.1.1.1.
	PodName, InstanceIP, NodeName string
	// Token is sent as bearer token with every stream. TokenFile is read anew
	// for each stream instead, byte by byte: a trailing newline is not cut.
	Token, TokenFile string
	// ClusterID accompanies the token; empty means Kubernetes.
	ClusterID string
	// InitialVersions are versions known from an earlier life, by type URL and
	// then by name.
	InitialVersions map[string]map[string]string
	// OnResponse judges a response before it is answered; nil accepts
	// everything. It is never called concurrently.
	OnResponse func(*discovery.DeltaDiscoveryResponse) []Finding
	// OnStreamEnd is told how a stream ended: ConnectionError before the
	// server's headers, Error with a status, Reconnect for a broken or expired
	// connection, Complete for OK. It may be nil.
	OnStreamEnd func(reason EndReason, err error)
	// Record keeps every response in History and all bytes in Held. Without it
	// only versions are kept.
	Record bool
	// Logger receives connection events; nil is silent.
	Logger *zap.Logger
	// DialOptions are added when connecting, for tests without a network.
	DialOptions []grpc.DialOption
}

// Strict returns an OnResponse that validates as the dataplane tool does,
// without serving anything.
func Strict() func(*discovery.DeltaDiscoveryResponse) []Finding {
	state := store.New()
	return func(response *discovery.DeltaDiscoveryResponse) []Finding {
		return state.Apply(response).Findings
	}
}

// endpoint is a parsed XDS_ADDRESS.
type endpoint struct {
	hostPort string
	tls      bool
}

// parseAddress applies the proxy's rules: a port is mandatory, the path is
// ignored, and IPv6 literals are not supported.
func parseAddress(address string) (endpoint, error) {
	scheme, rest, found := strings.Cut(address, "://")
	if !found {
		scheme, rest = "https", address
	}
	if scheme != "http" && scheme != "https" {
		return endpoint{}, fmt.Errorf("xds address %q: scheme %q is neither http nor https", address, scheme)
	}
	rest, _, _ = strings.Cut(rest, "/")
	host, port, found := strings.Cut(rest, ":")
	if !found || host == "" || port == "" {
		return endpoint{}, fmt.Errorf("xds address %q: host:port is mandatory", address)
	}
	if strings.ContainsAny(rest, "[]") || strings.Contains(port, ":") {
		return endpoint{}, fmt.Errorf("xds address %q: IPv6 literals are not supported", address)
	}
	return endpoint{hostPort: rest, tls: scheme == "https"}, nil
}

func (o Options) validate() error {
	if o.Namespace == "" || o.Gateway == "" {
		return errors.New("NAMESPACE and GATEWAY are required with XDS_ADDRESS")
	}
	return nil
}
