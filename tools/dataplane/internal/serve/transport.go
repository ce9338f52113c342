package serve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/tools/dataplane/internal/router"
)

const (
	// dialTimeout and idleTimeout are the proxy's defaults for backends.
	dialTimeout = 10 * time.Second
	idleTimeout = 90 * time.Second
)

// transports keeps one connection pool for every way of speaking to backends.
type transports struct {
	mu     sync.Mutex
	byKind map[transportKind]*http.Transport
}

type transportKind struct {
	http2 bool
	unix  string
	// tls is the serialized TLS policy, empty for plaintext; serverName is the
	// name it verifies.
	tls, serverName string
}

func newTransports() *transports {
	return &transports{byKind: map[transportKind]*http.Transport{}}
}

// of returns the pool for a call and sets the scheme of the request.
func (t *transports) of(out *http.Request, endpoint router.Endpoint, policies router.BackendPolicies, http2 bool) (*http.Transport, error) {
	kind := transportKind{http2: http2, unix: endpoint.UnixPath}
	if kind.unix != "" {
		out.URL.Host = "localhost"
	}
	policy := policies.Of("backend_tls").GetBackendTls()
	if policy != nil {
		content, err := proto.MarshalOptions{Deterministic: true}.Marshal(policy)
		if err != nil {
			return nil, fmt.Errorf("TLS policy: %w", err)
		}
		out.URL.Scheme = "https"
		kind.tls, kind.serverName = string(content), serverName(policy, endpoint)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if known := t.byKind[kind]; known != nil {
		return known, nil
	}
	transport, err := newTransport(kind, policy)
	if err != nil {
		return nil, err
	}
	t.byKind[kind] = transport
	return transport, nil
}

// serverName is the name of a static backend, but the IP of a service endpoint
// unless the policy names one.
func serverName(policy *api.BackendPolicySpec_BackendTLS, endpoint router.Endpoint) string {
	switch {
	case policy.GetHostname() != "":
		return policy.GetHostname()
	case endpoint.Static:
		return endpoint.HostName
	}
	host, _, _ := net.SplitHostPort(endpoint.Address)
	return host
}

func newTransport(kind transportKind, policy *api.BackendPolicySpec_BackendTLS) (*http.Transport, error) {
	dialer := &net.Dialer{Timeout: dialTimeout}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(!kind.http2)
	protocols.SetUnencryptedHTTP2(kind.http2 && policy == nil)
	protocols.SetHTTP2(kind.http2 && policy != nil)
	transport := &http.Transport{
		Protocols: protocols, DialContext: dialer.DialContext, IdleConnTimeout: idleTimeout,
		MaxIdleConnsPerHost: 64, DisableCompression: true,
	}
	if kind.unix != "" {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", kind.unix)
		}
	}
	if policy == nil {
		return transport, nil
	}
	config, err := clientTLS(policy, kind.serverName)
	if err != nil {
		return nil, err
	}
	transport.TLSClientConfig = config
	return transport, nil
}

// clientTLS verifies by the policy's roots and names. Subject alternative names
// take the place of the name check.
func clientTLS(policy *api.BackendPolicySpec_BackendTLS, name string) (*tls.Config, error) {
	config := &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}
	if policy.Root != nil {
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(policy.GetRoot())
	}
	if policy.Cert != nil && policy.Key != nil {
		certificate, err := tls.X509KeyPair(policy.GetCert(), policy.GetKey())
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	if policy.GetVerification() == api.BackendPolicySpec_BackendTLS_INSECURE_ALL {
		return config, nil
	}
	config.VerifyConnection = func(state tls.ConnectionState) error {
		return verifyServer(state, config.RootCAs, name, policy)
	}
	return config, nil
}

func verifyServer(state tls.ConnectionState, roots *x509.CertPool, name string, policy *api.BackendPolicySpec_BackendTLS) error {
	leaf := state.PeerCertificates[0]
	intermediates := x509.NewCertPool()
	for _, certificate := range state.PeerCertificates[1:] {
		intermediates.AddCert(certificate)
	}
	options := x509.VerifyOptions{Roots: roots, Intermediates: intermediates}
	if _, err := leaf.Verify(options); err != nil {
		return err
	}
	if policy.GetVerification() == api.BackendPolicySpec_BackendTLS_INSECURE_HOST {
		return nil
	}
	names := policy.GetVerifySubjectAltNames()
	if len(names) == 0 {
		return leaf.VerifyHostname(name)
	}
	if slices.ContainsFunc(names, func(san string) bool {
		for _, uri := range leaf.URIs {
			if uri.String() == san {
				return true
			}
		}
		return leaf.VerifyHostname(san) == nil
	}) {
		return nil
	}
	return fmt.Errorf("certificate of %s has none of the names %q", name, names)
}

// idle closes connections that no request uses.
func (t *transports) idle() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, transport := range t.byKind {
		transport.CloseIdleConnections()
	}
}
