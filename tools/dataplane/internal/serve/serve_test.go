package serve_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"istio.io/istio/pkg/workloadapi"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/tools/dataplane/internal/adstest"
	"agentgateway.dev/controller/tools/dataplane/internal/serve"
	"agentgateway.dev/controller/tools/dataplane/internal/store"
)

// rig is a gateway on loopback ports with one bind "b", one listener "l" and
// the service "app", whose backend is a function of the test.
type rig struct {
	t       *testing.T
	gateway *serve.Gateway
	state   *store.State
}

func newRig(t *testing.T, backend http.HandlerFunc) *rig {
	t.Helper()
	state := store.New()
	r := &rig{t: t, state: state, gateway: serve.New(serve.Options{
		State:  state,
		Listen: func(network, _ string) (net.Listener, error) { return net.Listen(network, "127.0.0.1:0") },
	})}
	t.Cleanup(func() { r.gateway.Drain(context.Background(), 0, 0) })
	r.addresses(adstest.Service("app", r.backend(backend)), adstest.Workload("app", "app"))
	r.resources(adstest.Bind("b", 80), adstest.Listener("l", "b", ""))
	return r
}

func (r *rig) backend(handler http.HandlerFunc) uint32 {
	server := httptest.NewUnstartedServer(handler)
	server.Config.Protocols = &http.Protocols{}
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	r.t.Cleanup(server.Close)
	return uint32(server.Listener.Addr().(*net.TCPAddr).Port)
}

func (r *rig) apply(of store.Type, added []*discovery.Resource, removed ...string) {
	r.t.Helper()
	result := r.state.Apply(&discovery.DeltaDiscoveryResponse{TypeUrl: of.URL(), Resources: added, RemovedResources: removed})
	if store.HasErrors(result.Findings) {
		r.t.Fatal(result.Findings)
	}
	r.gateway.Applied(result.Binds)
}

func (r *rig) addresses(added ...*discovery.Resource) {
	r.t.Helper()
	r.apply(store.TypeAddress, added)
}

func (r *rig) resources(added ...*discovery.Resource) {
	r.t.Helper()
	r.apply(store.TypeResource, added)
}

// route makes the only route of the listener, with filters and to "app".
func (r *rig) route(path *api.PathMatch, filters ...*api.TrafficPolicySpec) {
	r.t.Helper()
	r.resources(adstest.Route(&api.Route{
		Key: "r", ListenerKey: "l", Matches: []*api.RouteMatch{{Path: path}},
		Backends: []*api.RouteBackend{adstest.To("app")}, TrafficPolicies: filters,
	}))
}

func (r *rig) request(method, path string, header ...string) *http.Request {
	r.t.Helper()
	request, err := http.NewRequestWithContext(adstest.Context(r.t), method, "http://"+r.gateway.Address("b").String()+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	request.Host = "a.com"
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			request.Host = header[i+1]
		}
		request.Header.Set(header[i], header[i+1])
	}
	return request
}

func (r *rig) do(transport http.RoundTripper, request *http.Request) (*http.Response, string) {
	r.t.Helper()
	response, err := transport.RoundTrip(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response, string(body)
}

func (r *rig) send(method, path string, header ...string) (*http.Response, string) {
	r.t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	return r.do(transport, r.request(method, path, header...))
}

func describe(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Backend", "yes")
	fmt.Fprintf(w, "%s %s %s %s a=%v", r.Proto, r.Host, r.RequestURI, r.Header.Get("X-Retry-Attempt"), r.Header["A"])
}

func prefix(p string) *api.PathMatch {
	return &api.PathMatch{Kind: &api.PathMatch_PathPrefix{PathPrefix: p}}
}

func TestRewritesAndHeaders(t *testing.T) {
	r := newRig(t, describe)
	r.route(prefix("/foo"),
		&api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_UrlRewrite{UrlRewrite: &api.UrlRewrite{Host: "b.org", Path: &api.UrlRewrite_Prefix{Prefix: "/bar"}}}},
		&api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_RequestHeaderModifier{RequestHeaderModifier: &api.HeaderModifier{Add: []*api.Header{{Name: "a", Value: "2"}}}}},
		&api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_ResponseHeaderModifier{ResponseHeaderModifier: &api.HeaderModifier{
			Set: []*api.Header{{Name: "x-set", Value: "1"}}, Remove: []string{"x-backend"},
		}}})
	response, body := r.send("GET", "/foo/x%2Fy?q=1;2", "A", "1")
	if want := "HTTP/1.1 b.org /bar/x%2Fy?q=1;2  a=[1 2]"; body != want {
		t.Errorf("the backend saw %q, want %q", body, want)
	}
	if response.Header.Get("X-Set") != "1" || response.Header.Get("X-Backend") != "" {
		t.Errorf("response headers %v", response.Header)
	}
}

func TestBackendHeaderModifiers(t *testing.T) {
	r := newRig(t, describe)
	backend := adstest.To("app")
	backend.BackendPolicies = []*api.BackendPolicySpec{
		{Kind: &api.BackendPolicySpec_RequestHeaderModifier{RequestHeaderModifier: &api.HeaderModifier{Set: []*api.Header{{Name: "a", Value: "backend"}}}}},
		{Kind: &api.BackendPolicySpec_ResponseHeaderModifier{ResponseHeaderModifier: &api.HeaderModifier{Set: []*api.Header{{Name: "x-from", Value: "policy"}}}}},
	}
	r.resources(adstest.Route(&api.Route{Key: "r", ListenerKey: "l", Matches: []*api.RouteMatch{{}}, Backends: []*api.RouteBackend{backend}}))
	response, body := r.send("GET", "/")
	if !strings.HasSuffix(body, "a=[backend]") || response.Header.Get("X-From") != "policy" {
		t.Errorf("%q, headers %v", body, response.Header)
	}
}

func TestRedirects(t *testing.T) {
	for _, test := range []struct {
		name, host, want string
		redirect         *api.RequestRedirect
		status           int
	}{
		{name: "empty", host: "a.com:8080", redirect: &api.RequestRedirect{}, want: "http://a.com:8080/foo/x?q=1", status: 302},
		{name: "host and port", host: "a.com", redirect: &api.RequestRedirect{Host: "b.org", Port: 80, Status: 301}, want: "http://b.org:80/foo/x?q=1", status: 301},
		{name: "host", host: "a.com:8080", redirect: &api.RequestRedirect{Host: "b.org"}, want: "http://b.org:8080/foo/x?q=1", status: 302},
		{name: "host, default port", host: "a.com:80", redirect: &api.RequestRedirect{Host: "b.org"}, want: "http://b.org/foo/x?q=1", status: 302},
		{name: "host and scheme", host: "a.com:8080", redirect: &api.RequestRedirect{Scheme: "https", Host: "b.org"}, want: "https://b.org/foo/x?q=1", status: 302},
		{name: "port", host: "a.com:8080", redirect: &api.RequestRedirect{Port: 8443}, want: "http://a.com:8443/foo/x?q=1", status: 302},
		{name: "default port of the scheme", host: "a.com:8080", redirect: &api.RequestRedirect{Scheme: "https", Port: 443}, want: "https://a.com/foo/x?q=1", status: 302},
		{name: "scheme keeps the port", host: "a.com:8080", redirect: &api.RequestRedirect{Scheme: "https"}, want: "https://a.com:8080/foo/x?q=1", status: 302},
		{name: "full path", host: "a.com", redirect: &api.RequestRedirect{Path: &api.RequestRedirect_Full{Full: "/y"}}, want: "http://a.com/y?q=1", status: 302},
		{name: "prefix", host: "a.com", redirect: &api.RequestRedirect{Path: &api.RequestRedirect_Prefix{Prefix: "/y"}}, want: "http://a.com/y/x?q=1", status: 302},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, describe)
			r.route(prefix("/foo"), &api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_RequestRedirect{RequestRedirect: test.redirect}})
			response, _ := r.send("GET", "/foo/x?q=1", "Host", test.host)
			if response.StatusCode != test.status || response.Header.Get("Location") != test.want {
				t.Errorf("%d to %s, want %d to %s", response.StatusCode, response.Header.Get("Location"), test.status, test.want)
			}
		})
	}
}

func TestFiltersThatCannotApply(t *testing.T) {
	exact := &api.PathMatch{Kind: &api.PathMatch_Exact{Exact: "/foo"}}
	for name, filter := range map[string]*api.TrafficPolicySpec{
		"prefix without prefix match": {Kind: &api.TrafficPolicySpec_UrlRewrite{UrlRewrite: &api.UrlRewrite{Path: &api.UrlRewrite_Prefix{Prefix: "/bar"}}}},
		"invalid header":              {Kind: &api.TrafficPolicySpec_RequestHeaderModifier{RequestHeaderModifier: &api.HeaderModifier{Set: []*api.Header{{Name: "a b"}}}}},
		"both bodies":                 {Kind: &api.TrafficPolicySpec_DirectResponse{DirectResponse: &api.DirectResponse{Status: 200, Body: []byte("x"), BodyExpression: "x"}}},
	} {
		r := newRig(t, describe)
		r.route(exact, filter)
		if response, _ := r.send("GET", "/foo"); response.StatusCode != 500 {
			t.Errorf("%s: status %d", name, response.StatusCode)
		}
	}
}

func TestDirectResponseNeedsNoBackend(t *testing.T) {
	r := newRig(t, describe)
	r.resources(adstest.Route(&api.Route{Key: "r", ListenerKey: "l", Matches: []*api.RouteMatch{{}}, TrafficPolicies: []*api.TrafficPolicySpec{
		{Kind: &api.TrafficPolicySpec_DirectResponse{DirectResponse: &api.DirectResponse{Status: 418, Body: []byte("tea")}}},
	}}))
	if response, body := r.send("GET", "/"); response.StatusCode != 418 || body != "tea" {
		t.Errorf("%d %q", response.StatusCode, body)
	}
}

func TestCORS(t *testing.T) {
	r := newRig(t, describe)
	r.route(nil, &api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_Cors{Cors: &api.CORS{
		AllowOrigins: []string{"https://*.good.com", "http://plain.com:80"}, AllowMethods: []string{"GET", "PUT"}, AllowHeaders: []string{"*"},
		ExposeHeaders: []string{"x-a"}, AllowCredentials: true, MaxAge: durationpb.New(90 * time.Second),
	}}})
	const asked = "Access-Control-Request-Method"
	for _, test := range []struct {
		name, method, origin, asks string
		allowed, backend           bool
	}{
		{name: "request", method: "GET", origin: "https://a.good.com", allowed: true, backend: true},
		{name: "foreign request", method: "GET", origin: "https://bad.com", backend: true},
		{name: "without origin", method: "GET", backend: true},
		{name: "preflight", method: "OPTIONS", origin: "https://a.good.com:443", asks: "PUT", allowed: true},
		{name: "default port", method: "OPTIONS", origin: "http://plain.com", asks: "PUT", allowed: true},
		{name: "foreign preflight", method: "OPTIONS", origin: "https://bad.com", asks: "PUT"},
		{name: "plain options", method: "OPTIONS", backend: true},
	} {
		header := []string{"Access-Control-Request-Headers", "x-b"}
		if test.origin != "" {
			header = append(header, "Origin", test.origin)
		}
		if test.asks != "" {
			header = append(header, asked, test.asks)
		}
		response, _ := r.send(test.method, "/", header...)
		origin := response.Header.Get("Access-Control-Allow-Origin")
		if response.StatusCode != 200 || (origin == test.origin && origin != "") != test.allowed || (response.Header.Get("X-Backend") != "") != test.backend {
			t.Errorf("%s: %d %v", test.name, response.StatusCode, response.Header)
		}
		if exposed := response.Header.Get("Access-Control-Expose-Headers"); (exposed == "x-a") != test.allowed {
			t.Errorf("%s: exposes %q", test.name, exposed)
		}
		if test.allowed && test.asks != "" && (response.Header.Get("Access-Control-Max-Age") != "90" ||
			response.Header.Get("Access-Control-Allow-Methods") != "GET,PUT" || response.Header.Get("Access-Control-Allow-Headers") != "x-b") {
			t.Errorf("%s: %v", test.name, response.Header)
		}
	}
}

func retry(attempts int32, codes ...int32) *api.TrafficPolicySpec {
	return &api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_Retry{Retry: &api.Retry{Attempts: attempts, RetryStatusCodes: codes}}}
}

func TestRetry(t *testing.T) {
	var mu sync.Mutex
	var bodies []string
	r := newRig(t, func(w http.ResponseWriter, in *http.Request) {
		body, _ := io.ReadAll(in.Body)
		mu.Lock()
		defer mu.Unlock()
		bodies = append(bodies, in.Header.Get("X-Retry-Attempt")+":"+string(body))
		if len(bodies) < 3 {
			w.WriteHeader(503)
		}
	})
	r.route(nil, retry(2, 503))
	request := r.request("POST", "/")
	request.Body, request.ContentLength = io.NopCloser(strings.NewReader("hello")), 5
	response, _ := r.do(http.DefaultTransport, request)
	if want := ":hello 1:hello 2:hello"; response.StatusCode != 200 || strings.Join(bodies, " ") != want {
		t.Errorf("status %d, attempts %q, want %q", response.StatusCode, bodies, want)
	}
	bodies = nil
	r.route(nil, retry(1, 503))
	if response, _ := r.send("GET", "/"); response.StatusCode != 503 || len(bodies) != 2 {
		t.Errorf("status %d after %d attempts", response.StatusCode, len(bodies))
	}
}

func TestTimeouts(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	r := newRig(t, func(_ http.ResponseWriter, in *http.Request) {
		select {
		case <-hold:
		case <-in.Context().Done():
		}
	})
	short := durationpb.New(10 * time.Millisecond)
	for name, timeout := range map[string]*api.Timeout{
		"request": {Request: short}, "attempt": {BackendRequest: short}, "zero is at once": {Request: durationpb.New(0)},
	} {
		r.route(nil, &api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_Timeout{Timeout: timeout}}, retry(1))
		if response, _ := r.send("GET", "/"); response.StatusCode != 504 {
			t.Errorf("%s: status %d", name, response.StatusCode)
		}
	}
}

func TestMirror(t *testing.T) {
	mirrored := make(chan string, 10)
	r := newRig(t, describe)
	port := r.backend(func(_ http.ResponseWriter, in *http.Request) {
		body, _ := io.ReadAll(in.Body)
		mirrored <- in.Host + in.URL.Path + string(body)
	})
	r.addresses(adstest.Service("copy", port), adstest.Workload("copy", "copy"))
	r.route(nil, &api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_RequestMirror{RequestMirror: &api.RequestMirrors{Mirrors: []*api.RequestMirrors_Mirror{
		{Backend: adstest.To("copy").GetBackend(), Percentage: 100}, {Backend: adstest.To("app").GetBackend()},
	}}}})
	request := r.request("POST", "/x")
	request.Body, request.ContentLength = io.NopCloser(strings.NewReader("hello")), 5
	if response, _ := r.do(http.DefaultTransport, request); response.StatusCode != 200 {
		t.Errorf("status %d", response.StatusCode)
	}
	if got := <-mirrored; got != "a.com/x" {
		t.Errorf("mirror got %q", got)
	}
}

func h2c() *http.Transport {
	transport := &http.Transport{Protocols: &http.Protocols{}}
	transport.Protocols.SetUnencryptedHTTP2(true)
	return transport
}

func TestProtocolTowardsTheBackend(t *testing.T) {
	r := newRig(t, describe)
	r.route(nil)
	client := h2c()
	defer client.CloseIdleConnections()
	if _, body := r.do(client, r.request("GET", "/")); !strings.HasPrefix(body, "HTTP/2.0") {
		t.Errorf("HTTP/2 client: the backend saw %q", body)
	}
	port := r.backend(describe)
	for protocol, want := range map[workloadapi.AppProtocol]string{
		workloadapi.AppProtocol_HTTP2: "HTTP/2.0", workloadapi.AppProtocol_GRPC: "HTTP/2.0",
		workloadapi.AppProtocol_HTTP11: "HTTP/1.1", workloadapi.AppProtocol_UNKNOWN: "HTTP/1.1",
	} {
		r.addresses(adstest.AddressOf(&workloadapi.Address{Type: &workloadapi.Address_Service{Service: &workloadapi.Service{
			Namespace: "ns", Hostname: adstest.Hostname("app"),
			Ports: []*workloadapi.Port{{ServicePort: 80, TargetPort: port, AppProtocol: protocol}},
		}}}))
		if _, body := r.send("GET", "/"); !strings.HasPrefix(body, want) {
			t.Errorf("%s: the backend saw %q, want %s", protocol, body, want)
		}
	}
}

func TestTrailersOfGRPCPass(t *testing.T) {
	r := newRig(t, func(w http.ResponseWriter, in *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		w.Header().Set("Content-Type", "application/grpc")
		_, _ = io.Copy(w, in.Body)
		w.Header().Set("Grpc-Status", "0")
	})
	r.route(nil)
	client := h2c()
	defer client.CloseIdleConnections()
	request := r.request("POST", "/pkg.Service/Method", "Content-Type", "application/grpc", "Te", "trailers")
	request.Body = io.NopCloser(strings.NewReader("frame"))
	response, body := r.do(client, request)
	if body != "frame" || response.Trailer.Get("Grpc-Status") != "0" {
		t.Errorf("body %q, trailer %v", body, response.Trailer)
	}
}

func TestUpgradePassesThrough(t *testing.T) {
	r := newRig(t, func(w http.ResponseWriter, in *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", in.Header.Get("Upgrade"))
		_, _ = io.Copy(conn, buffered)
	})
	r.route(nil)
	conn, err := net.Dial("tcp", r.gateway.Address("b").String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != 101 {
		t.Fatalf("response %v, %v", response, err)
	}
	fmt.Fprint(conn, "ping\n")
	if line, err := reader.ReadString('\n'); line != "ping\n" {
		t.Errorf("echoed %q, %v", line, err)
	}
}

func TestRemovedBindCutsItsConnections(t *testing.T) {
	r := newRig(t, describe)
	r.route(nil)
	address := r.gateway.Address("b").String()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a.com\r\n\r\n")
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	r.apply(store.TypeResource, nil, "bind/b")
	if _, err := reader.ReadByte(); err == nil {
		t.Error("the connection is still open")
	}
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("the port is still open")
	}
}
