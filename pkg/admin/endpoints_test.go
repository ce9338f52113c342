package admin

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/zap/zapcore"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"istio.io/istio/pkg/kube/krt"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/resources"
)

// get asks a handler and returns status and body.
func get(handler http.Handler, target string) (int, string) {
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, httptest.NewRequest(http.MethodGet, target, nil))
	return response.Code, response.Body.String()
}

func TestHealth(t *testing.T) {
	synced := false
	health := NewHealth(Check{Name: "collections", Ready: func() bool { return synced }})
	handler := health.Handler()
	if code, body := get(handler, "/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "[-]collections") || health.Ready() {
		t.Errorf("before the sync: %d %s", code, body)
	}
	synced = true
	if code, body := get(handler, "/readyz"); code != http.StatusOK || body != "[+]ready-ping\n[+]collections\n" || !health.Ready() {
		t.Errorf("after the sync: %d %s", code, body)
	}
	health.Leave()
	if code, body := get(handler, "/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "[-]ready-ping") || health.Ready() {
		t.Errorf("while stopping: %d %s", code, body)
	}
	if code, _ := get(handler, "/healthz"); code != http.StatusOK {
		t.Errorf("healthz: %d", code)
	}
}

func TestMetrics(t *testing.T) {
	build := Build{Version: "v1", Commit: "abc", BuildDate: "today", RuntimeOS: "linux", RuntimeArch: "arm64"}
	code, body := get(MetricsHandler(NewRegistry(build)), "/metrics")
	if code != http.StatusOK {
		t.Fatalf("status %d", code)
	}
	for _, want := range []string{
		`agentgateway_controller_build_info{build_date="today",git_commit="abc",go_version="go`,
		`platform="linux/arm64",version="v1"} 1`, "\ngo_goroutines ", "\nprocess_",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("metrics lack %q", want)
		}
	}
}

func TestBuildJSON(t *testing.T) {
	var got map[string]string
	if err := json.Unmarshal([]byte(NewBuild("v1", "abc", "today").String()), &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"version", "commit", "buildDate", "runtimeOS", "runtimeArch"} {
		if got[key] == "" {
			t.Errorf("%q is empty in %v", key, got)
		}
	}
}

func TestDebugEndpoints(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	collections := &krt.DebugHandler{}
	opts := krt.NewOptionsBuilder(stop, "", collections)
	const secret = "hunter2-hunter2"
	krt.NewStaticCollection(nil, []*corev1.Secret{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "s"},
		Data:       map[string][]byte{"tls.key": []byte(secret)},
		StringData: map[string]string{"plain": secret},
	}}, opts.WithName("inputs/Secret")...)
	resource := resources.ForGateway(types.NamespacedName{Namespace: "ns", Name: "gw"}, &api.Resource{
		Kind: &api.Resource_Bind{Bind: &api.Bind{Key: secret}},
	})
	resource.Name = "bind/80"
	krt.NewStaticCollection(nil, []resources.Resource{resource}, opts.WithName("wire")...)

	handler := Debug{
		Build: Build{Version: "v1"}, Logs: NewLogs(io.Discard, true, zapcore.InfoLevel), Collections: collections,
		Sessions: func() any { return []string{"a session"} },
	}.Handler()

	t.Run("index", func(t *testing.T) {
		code, body := get(handler, "/")
		for _, page := range []string{"/version", "/snapshots/krt", "/logging", "/debug/pprof/", "/debug/xds"} {
			if code != http.StatusOK || !strings.Contains(body, page) {
				t.Errorf("the index (%d) lacks %s", code, page)
			}
		}
		if code, _ := get(handler, "/nowhere"); code != http.StatusNotFound {
			t.Errorf("an unknown page: %d", code)
		}
	})
	t.Run("version", func(t *testing.T) {
		if code, body := get(handler, "/version"); code != http.StatusOK || !strings.Contains(body, `"version":"v1"`) {
			t.Errorf("%d %s", code, body)
		}
	})
	t.Run("sessions", func(t *testing.T) {
		if code, body := get(handler, "/debug/xds"); code != http.StatusOK || !strings.Contains(body, "a session") {
			t.Errorf("%d %s", code, body)
		}
	})
	t.Run("profiles", func(t *testing.T) {
		if code, _ := get(handler, "/debug/pprof/heap"); code != http.StatusOK {
			t.Errorf("status %d", code)
		}
	})
	t.Run("collections without secrets", func(t *testing.T) {
		code, body := get(handler, "/snapshots/krt?pretty")
		for _, want := range []string{"\n  ", "inputs/Secret", `"ns/s"`, "tls.key", "bind/80", hidden} {
			if code != http.StatusOK || !strings.Contains(body, want) {
				t.Errorf("the dump (%d) lacks %q", code, want)
			}
		}
		// "aHVudGVyMi1odW50ZXIy" is the secret in base64.
		for _, leak := range []string{secret, "aHVudGVyMi1odW50ZXIy"} {
			if strings.Contains(body, leak) {
				t.Errorf("the dump contains %q", leak)
			}
		}
	})
}

func TestRedact(t *testing.T) {
	key := "-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----"
	got, err := redact(map[string]any{
		"data": map[string]any{"k": "abc"}, "Body": "xyz", "list": []any{key, "fine", 7}, "none": nil, "token": []any{"t"},
	})
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Body":"(hidden) 3 characters","data":{"k":"(hidden) 3 characters"},"list":["(hidden) 63 characters","fine",7],"none":null,"token":"(hidden)"}`
	if string(encoded) != want {
		t.Errorf("redacted\n%s, want\n%s", encoded, want)
	}
}

func TestServeUntilTheEnd(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, listener, NewHealth().Handler()) }()
	response, err := http.Get("http://" + listener.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("the end is reported as %v", err)
	}
}
