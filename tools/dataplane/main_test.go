package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/tools/dataplane/internal/adstest"
	"agentgateway.dev/controller/tools/dataplane/internal/store"
)

// proxy is the whole program, driven by a control plane of the test.
type proxy struct {
	stream                   *adstest.Stream
	server                   *adstest.Server
	readiness, admin, listen string
	port                     uint32
}

func startProxy(t *testing.T, extra map[string]string) *proxy {
	t.Helper()
	server := adstest.Start(t)
	at := func() string { return fmt.Sprintf("127.0.0.1:%d", adstest.FreePort(t)) }
	p := &proxy{server: server, readiness: at(), admin: at(), port: adstest.FreePort(t)}
	p.listen = fmt.Sprintf("127.0.0.1:%d", p.port)
	env := map[string]string{
		"XDS_ADDRESS": server.Address, "NAMESPACE": "ns", "GATEWAY": "gw", "POD_NAME": "gw-1",
		"READINESS_ADDR": p.readiness, "ADMIN_ADDR": p.admin, "STATS_ADDR": "off", "RUST_LOG": "off",
		"DATAPLANE_LISTEN_HOST": "127.0.0.1", "CONNECTION_TERMINATION_DEADLINE": "1s",
	}
	for name, value := range extra {
		env[name] = value
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- command(ctx, []string{"-c", "config: {}"}, func(name string) string { return env[name] }, nil, io.Discard)
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the proxy ended with: %v", err)
		}
	})
	p.stream = server.Accept(t)
	for _, want := range []store.Type{store.TypeAddress, store.TypeResource} {
		if request := p.stream.Receive(); request.GetTypeUrl() != want.URL() {
			t.Fatalf("first requests: %v", request)
		}
	}
	return p
}

func get(t *testing.T, address, host, path string, header ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(adstest.Context(t), http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		request.Host = host
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func backendPort(t *testing.T, answer string) uint32 {
	t.Helper()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %s", answer, r.Host, r.URL.Path)
	}))
	t.Cleanup(backend.Close)
	return uint32(backend.Listener.Addr().(*net.TCPAddr).Port)
}

func TestProxyBecomesReadyAndRoutes(t *testing.T) {
	p := startProxy(t, nil)

	response, body := get(t, p.readiness, "", "/healthz/ready")
	if response.StatusCode != 500 || body != "not ready, pending: state manager, self workload" {
		t.Errorf("before the first response: %d %q", response.StatusCode, body)
	}
	p.stream.Accepted(store.TypeAddress, []*discovery.Resource{
		adstest.Service("app", backendPort(t, "app")), adstest.Workload("app-1", "app"), adstest.Workload("gw-1"),
	})
	p.stream.Accepted(store.TypeResource, []*discovery.Resource{
		adstest.Route(&api.Route{
			Key: "r", ListenerKey: "l", Matches: []*api.RouteMatch{{}}, Backends: []*api.RouteBackend{adstest.To("app")},
		}),
		adstest.Listener("l", "b", "*.example.com"),
		adstest.Bind("b", p.port),
	})
	if response, body = get(t, p.readiness, "", "/healthz/ready"); response.StatusCode != 200 || body != "ready" {
		t.Errorf("after the first responses: %d %q", response.StatusCode, body)
	}
	if response, body = get(t, p.listen, "a.example.com", "/x"); response.StatusCode != 200 || body != "app a.example.com /x" {
		t.Errorf("routed request: %d %q", response.StatusCode, body)
	}
	if response, body = get(t, p.listen, "other.org", "/x"); response.StatusCode != 404 {
		t.Errorf("foreign host: %d %q", response.StatusCode, body)
	}
	p.stream.Accepted(store.TypeAddress, nil, "Kubernetes//Pod/ns/app-1")
	if response, body = get(t, p.listen, "a.example.com", "/x"); response.StatusCode != 503 {
		t.Errorf("no endpoints: %d %q", response.StatusCode, body)
	}
	response, body = get(t, p.listen, "a.example.com", "/x", "Content-Type", "application/grpc")
	if response.StatusCode != 200 || response.Header.Get("Grpc-Status") != "14" {
		t.Errorf("no endpoints, gRPC: %d %v %q", response.StatusCode, response.Header, body)
	}
	p.stream.Accepted(store.TypeAddress, nil, "ns/"+adstest.Hostname("app"))
	if response, body = get(t, p.listen, "a.example.com", "/x"); response.StatusCode != 500 {
		t.Errorf("no service: %d %q", response.StatusCode, body)
	}
	p.stream.Accepted(store.TypeResource, nil, "route/r")
	if response, body = get(t, p.listen, "a.example.com", "/x"); response.StatusCode != 404 {
		t.Errorf("no route: %d %q", response.StatusCode, body)
	}
}

func TestPartialAcceptanceAndDump(t *testing.T) {
	p := startProxy(t, nil)
	p.stream.Accepted(store.TypeAddress, nil)
	answer := p.stream.Send(store.TypeResource, []*discovery.Resource{
		adstest.Bind("b", p.port),
		adstest.Listener("l", "b", ""),
		adstest.Route(&api.Route{Key: "bad", ListenerKey: "l", Matches: []*api.RouteMatch{{Path: &api.PathMatch{}}}}),
		adstest.Route(&api.Route{Key: "odd", ListenerKey: "l", Matches: []*api.RouteMatch{{Path: &api.PathMatch{Kind: &api.PathMatch_Regex{Regex: "("}}}}}),
	})
	var findings []map[string]string
	if err := json.Unmarshal([]byte(answer.GetErrorDetail().GetMessage()), &findings); err != nil {
		t.Fatal(err)
	}
	if answer.GetErrorDetail().GetCode() != 0 || len(findings) != 2 ||
		findings[0]["key"] != "route/bad" || findings[0]["error"] == "" ||
		findings[1]["key"] != "route/odd" || findings[1]["warn"] == "" {
		t.Errorf("refusal: %v", answer.GetErrorDetail())
	}

	response, body := get(t, p.admin, "", "/config_dump")
	var dump struct {
		Binds []struct {
			Key       string
			Listeners map[string]struct{ Routes map[string]any }
		}
		Policies, Backends, Workloads, Services []any
		Version                                 map[string]string
	}
	if err := json.Unmarshal([]byte(body), &dump); err != nil || response.StatusCode != 200 {
		t.Fatalf("dump: %d %v", response.StatusCode, err)
	}
	if len(dump.Binds) != 1 || dump.Binds[0].Key != "b" || len(dump.Binds[0].Listeners["l"].Routes) != 1 || dump.Version["version"] == "" {
		t.Errorf("dump: %s", body)
	}
}

func TestArguments(t *testing.T) {
	none := func(string) string { return "" }
	for _, test := range []struct {
		name, out, err string
		args           []string
	}{
		{name: "version", args: []string{"-V"}, out: "agentgateway " + version},
		{name: "valid", args: []string{"-c", "config: {}", "--validate-only"}, out: "Configuration is valid!"},
		{name: "not YAML", args: []string{"-c", "{", "--validate-only"}, err: "configuration: "},
		{name: "both", args: []string{"-c", "{}", "-f", "x"}, err: "exclude each other"},
		{name: "no such file", args: []string{"-f", "/no/such/file"}, err: "read configuration"},
		{name: "help says what it is", args: []string{"--help"}, out: "development and test stand-in", err: "help requested"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			err := command(context.Background(), test.args, none, strings.NewReader(""), &out)
			if !strings.Contains(out.String(), test.out) {
				t.Errorf("output %q, want %q", out.String(), test.out)
			}
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("error %v, want %q", err, test.err)
			}
		})
	}
}
