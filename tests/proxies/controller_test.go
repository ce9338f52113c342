package proxies

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"istio.io/istio/pkg/kube"
	_ "istio.io/istio/pkg/kube/kclient" // brings the watcher of CRDs

	"agentgateway.dev/controller/tests/cluster"
	"agentgateway.dev/controller/tests/replica"
)

// running is a controller in this process.
type running struct {
	*replica.Replica
	e      *environment
	writes *writes
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
// variables are further environment variables of it.
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
		// The controller is no pod: proxies reach it at the machine's address.
		"AGW_XDS_ADDRESS":                   fmt.Sprintf(":%d", e.xdsPort),
		"AGW_XDS_SERVICE_HOST":              machineAddress,
		"AGW_AGENTGATEWAY_XDS_SERVICE_PORT": fmt.Sprint(e.xdsPort),
		"AGW_DISABLE_LEADER_ELECTION":       "true",
	}
	for _, more := range variables {
		maps.Copy(values, more)
	}
	counted := &writes{count: map[string]int{}}
	config := rest.CopyConfig(e.cluster.RESTConfig)
	config.Wrap(counted.wrap)
	client := must(kube.NewClient(kube.NewClientConfigForRestConfig(config), ""))(e)
	return &running{Replica: replica.Start(e, values, kube.EnableCrdWatcher(client)), e: e, writes: counted}
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
