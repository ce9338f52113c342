package proxies

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"

	"istio.io/istio/pkg/kube"
	_ "istio.io/istio/pkg/kube/kclient" // brings the watcher of CRDs

	"agentgateway.dev/controller/pkg/admin"
	"agentgateway.dev/controller/pkg/controller"
	"agentgateway.dev/controller/pkg/settings"
	"agentgateway.dev/controller/tests/cluster"
)

// running is a controller in this process.
type running struct {
	e         *environment
	addresses map[string]string
	logs      *logBuffer
	writes    *writes
	stop      func()
}

// logBuffer collects log lines for when a test fails.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// writes counts the requests that change something, by verb and resource, as
// in "PATCH services" or "PATCH gateways/status".
type writes struct {
	mu    sync.Mutex
	count map[string]int
}

func (w *writes) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		if request.Method != http.MethodGet {
			w.mu.Lock()
			w.count[request.Method+" "+resourceOf(request.URL.Path)]++
			w.mu.Unlock()
		}
		return next.RoundTrip(request)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// resourceOf returns the resource, and the subresource if any, of a path below
// /api/v1 or /apis/<group>/<version>.
func resourceOf(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if parts = parts[min(2, len(parts)):]; len(parts) > 0 && strings.HasPrefix(path, "/apis/") {
		parts = parts[1:]
	}
	if len(parts) > 2 && parts[0] == "namespaces" {
		parts = parts[2:]
	}
	switch len(parts) {
	case 0:
		return ""
	case 3:
		return parts[0] + "/" + parts[2]
	}
	return parts[0]
}

// counted returns a copy.
func (w *writes) counted() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.count)
}

// start runs a controller for the test and returns when it serves proxies.
// variables are further environment variables of it; empty ones are not set.
func (e *environment) start(variables ...map[string]string) *running {
	e.Helper()
	if e.xdsPort == 0 {
		e.xdsPort = freePort(e)
	}
	values := map[string]string{
		"AGW_CONTROLLER_NAME":               e.controllerName,
		"AGW_AGENTGATEWAY_CLASS_NAME":       e.name,
		"AGW_GATEWAY_CLASS_PARAMETERS_REFS": fmt.Sprintf(`{%q: {"name": "quick", "namespace": %q}}`, e.name, e.name),
		"POD_NAMESPACE":                     e.name,
		"AGW_HEALTH_ADDRESS":                "127.0.0.1:0",
		"AGW_METRICS_ADDRESS":               "127.0.0.1:0",
		"AGW_ADMIN_ADDRESS":                 "127.0.0.1:0",
		// The controller is no pod: proxies reach it at the machine's address.
		"AGW_XDS_ADDRESS":                   fmt.Sprintf(":%d", e.xdsPort),
		"AGW_XDS_SERVICE_HOST":              machineAddress,
		"AGW_AGENTGATEWAY_XDS_SERVICE_PORT": fmt.Sprint(e.xdsPort),
		"AGW_DISABLE_LEADER_ELECTION":       "true",
	}
	for _, more := range variables {
		maps.Copy(values, more)
	}
	s := must(settings.Load(settings.Sources{
		Flags:  pflag.NewFlagSet("", pflag.ContinueOnError),
		Lookup: func(name string) (string, bool) { return values[name], values[name] != "" },
	}))(e)
	r := &running{e: e, logs: &logBuffer{}, writes: &writes{count: map[string]int{}}}
	config := rest.CopyConfig(e.cluster.RESTConfig)
	config.Wrap(r.writes.wrap)
	client := must(kube.NewClient(kube.NewClientConfigForRestConfig(config), ""))(e)
	ctx, cancel := context.WithCancel(context.WithoutCancel(e.ctx))
	ended, listening := make(chan error, 1), make(chan map[string]string, 1)
	go func() {
		ended <- controller.Run(ctx, controller.Options{
			Settings: s, Build: admin.NewBuild("test", "", ""), LogOutput: r.logs, Client: kube.EnableCrdWatcher(client),
			Listening: func(addresses map[string]string) { listening <- addresses },
		})
	}()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			e.Errorf("the controller ended with an error: %v", err)
		}
	})
	e.Cleanup(func() {
		r.stop()
		if e.Failed() {
			e.Logf("controller log:\n%s", r.logs)
		}
	})
	select {
	case r.addresses = <-listening:
	case err := <-ended:
		ended <- nil
		e.Fatalf("the controller did not start: %v\n%s", err, r.logs)
	}
	e.eventually(func() error {
		code, body, err := fetch(http.DefaultClient, "http://"+r.addresses["health"]+"/readyz")
		if err != nil || code != http.StatusOK {
			return fmt.Errorf("the controller isn't ready: %d %s %w", code, body, err)
		}
		return nil
	})
	return r
}

func freePort(e *environment) int {
	e.Helper()
	return must(cluster.FreePort())(e)
}

// requestPatience bounds a single request, so that one that hangs is tried
// again or fails.
const requestPatience = 10 * time.Second

func fetch(client *http.Client, url string) (int, string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), requestPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}
