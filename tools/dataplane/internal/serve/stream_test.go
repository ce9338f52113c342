package serve_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"testing"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/tools/dataplane/internal/adstest"
)

// certificate returns a self-signed certificate for names, as PEM.
func certificate(t *testing.T, names ...string) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: names, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}

func TestTLSBind(t *testing.T) {
	r := newRig(t, describe)
	cert, key := certificate(t, "a.com", "b.com", "c.com")
	listener := func(name, hostname string, protocol api.Protocol, config *api.TLSConfig) *discovery.Resource {
		return adstest.Of(&api.Resource{Kind: &api.Resource_Listener{Listener: &api.Listener{
			Key: name, BindKey: "tls", Hostname: hostname, Protocol: protocol, Tls: config, Name: &api.ListenerName{},
		}}})
	}
	good := &api.TLSConfig{Cert: cert, PrivateKey: key}
	tcp := func(name, listener string) *discovery.Resource {
		return adstest.Of(&api.Resource{Kind: &api.Resource_TcpRoute{TcpRoute: &api.TCPRoute{
			Key: name, ListenerKey: listener, Name: &api.RouteName{}, Backends: []*api.RouteBackend{adstest.To("app")},
		}}})
	}
	r.resources(
		adstest.Of(&api.Resource{Kind: &api.Resource_Bind{Bind: &api.Bind{Key: "tls", Port: 443, Protocol: api.Bind_TLS}}}),
		listener("a", "a.com", api.Protocol_HTTPS, good), listener("b", "b.com", api.Protocol_HTTPS, good),
		listener("broken", "x.com", api.Protocol_HTTPS, &api.TLSConfig{}), listener("c", "c.com", api.Protocol_TLS, good), tcp("t", "c"),
		adstest.Route(&api.Route{Key: "ra", ListenerKey: "a", Matches: []*api.RouteMatch{{}}, Backends: []*api.RouteBackend{adstest.To("app")}}),
	)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	send := func(name, host string) (*http.Response, string, error) {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: name}, DisableKeepAlives: true}
		request := r.request("GET", "/", "Host", host)
		request.URL.Scheme, request.URL.Host = "https", r.gateway.Address("tls").String()
		response, err := transport.RoundTrip(request)
		if err != nil {
			return nil, "", err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return response, string(body), err
	}
	for _, test := range []struct {
		name, host string
		status     int
	}{
		{name: "a.com", host: "a.com", status: 200},
		{name: "a.com", host: "b.com", status: 421},
		{name: "a.com", host: "other.com", status: 404},
		{name: "b.com", host: "b.com", status: 404},
		{name: "c.com", host: "anything", status: 200},
	} {
		response, body, err := send(test.name, test.host)
		if err != nil || response.StatusCode != test.status {
			t.Errorf("%s with host %s: %v %q %v, want %d", test.name, test.host, response, body, err, test.status)
		}
	}
	for _, name := range []string{"x.com", "nobody.org"} {
		if _, _, err := send(name, name); err == nil {
			t.Errorf("handshake for %s succeeded", name)
		}
	}
}

func TestTCPBindNeedsOneListener(t *testing.T) {
	r := newRig(t, describe)
	listener := func(key string) *discovery.Resource {
		return adstest.Of(&api.Resource{Kind: &api.Resource_Listener{Listener: &api.Listener{
			Key: key, BindKey: "tcp", Protocol: api.Protocol_TCP, Name: &api.ListenerName{},
		}}})
	}
	r.resources(
		adstest.Of(&api.Resource{Kind: &api.Resource_Bind{Bind: &api.Bind{Key: "tcp", Port: 1, Protocol: api.Bind_TCP}}}), listener("t1"),
		adstest.Of(&api.Resource{Kind: &api.Resource_TcpRoute{TcpRoute: &api.TCPRoute{
			Key: "t", ListenerKey: "t1", Name: &api.RouteName{}, Backends: []*api.RouteBackend{adstest.To("app")},
		}}}),
	)
	send := func() (*http.Response, error) {
		request := r.request("GET", "/")
		request.URL.Host = r.gateway.Address("tcp").String()
		return (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	}
	response, err := send()
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	r.resources(listener("t2"))
	if _, err := send(); err == nil {
		t.Error("a bind with two listeners served")
	}
}
