package integration

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/spf13/pflag"

	"agentgateway.dev/controller/pkg/admin"
	"agentgateway.dev/controller/pkg/controller"
	"agentgateway.dev/controller/pkg/resources"
	"agentgateway.dev/controller/pkg/settings"
	"agentgateway.dev/controller/tools/dataplane/xdsclient"
)

// replica is a controller running in this process.
type replica struct {
	e         *environment
	addresses map[string]string
	logs      *logBuffer
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

// startReplica runs a controller for the environment and returns when it
// serves proxies. variables are further environment variables of it.
func (e *environment) startReplica(variables ...map[string]string) *replica {
	e.t.Helper()
	values := map[string]string{
		"AGW_CONTROLLER_NAME":         e.Controller,
		"AGW_AGENTGATEWAY_CLASS_NAME": e.Name,
		"POD_NAMESPACE":               e.System,
		"KUBECONFIG":                  e.cluster.Kubeconfig,
		"AGW_HEALTH_ADDRESS":          anyPort,
		"AGW_METRICS_ADDRESS":         anyPort,
		"AGW_ADMIN_ADDRESS":           anyPort,
		"AGW_XDS_ADDRESS":             anyPort,
		"AGW_DISABLE_LEADER_ELECTION": "true",
	}
	for _, more := range variables {
		maps.Copy(values, more)
	}
	s, err := settings.Load(settings.Sources{
		Flags: pflag.NewFlagSet("", pflag.ContinueOnError),
		Lookup: func(name string) (string, bool) {
			value, set := values[name]
			return value, set
		},
	})
	if err != nil {
		e.t.Fatal(err)
	}
	r := &replica{e: e, logs: &logBuffer{}}
	ctx, cancel := context.WithCancel(context.WithoutCancel(e.ctx))
	ended := make(chan error, 1)
	listening := make(chan map[string]string, 1)
	go func() {
		ended <- controller.Run(ctx, controller.Options{
			Settings: s, Build: admin.NewBuild("test", "", ""), LogOutput: r.logs,
			Listening: func(addresses map[string]string) { listening <- addresses },
		})
	}()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			e.t.Errorf("the controller ended with an error: %v", err)
		}
	})
	e.t.Cleanup(func() {
		_, sessions := r.get("admin", "/debug/xds")
		r.stop()
		if e.t.Failed() {
			e.t.Logf("controller log:\n%s\nsessions: %s", r.logs, sessions)
		}
	})
	select {
	case r.addresses = <-listening:
	case err := <-ended:
		ended <- nil
		e.t.Fatalf("the controller did not start: %v\n%s", err, r.logs)
	}
	e.eventually(func() error {
		code, body := r.get("health", "/readyz")
		if code != http.StatusOK {
			return fmt.Errorf("not ready: %d %s", code, body)
		}
		return nil
	})
	return r
}

const anyPort = "127.0.0.1:0"

func (r *replica) get(server, path string) (int, string) {
	response, err := http.Get("http://" + r.addresses[server] + path)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(body)
}

// metric returns the value of a metric without labels, 0 if there is none.
func (r *replica) metric(name string) float64 {
	r.e.t.Helper()
	_, body := r.get("metrics", "/metrics")
	found := regexp.MustCompile(`(?m)^` + name + `(?:\{[^}]*\})? (\S+)$`).FindStringSubmatch(body)
	if found == nil {
		return 0
	}
	value, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		r.e.t.Fatal(err)
	}
	return value
}

// proxy is a recording client in place of a proxy.
type proxy struct {
	*xdsclient.Client
	e    *environment
	stop func()
	// lastEnd is how the last stream ended, for when a test fails.
	lastEnd atomic.Value
}

// connect connects a proxy of gateway to a replica. known are versions it has
// from before.
func (r *replica) connect(gateway string, known map[string]map[string]string, change ...func(*xdsclient.Options)) *proxy {
	r.e.t.Helper()
	options := xdsclient.Options{
		Address:   "http://" + r.addresses["xds"],
		Namespace: r.e.Namespace, Gateway: gateway,
		Token:           r.e.token(gateway),
		InitialVersions: known,
		OnResponse:      xdsclient.Strict(),
		Record:          true,
	}
	p := &proxy{e: r.e}
	options.OnStreamEnd = func(reason xdsclient.EndReason, err error) { p.lastEnd.Store(fmt.Sprintf("%v: %v", reason, err)) }
	for _, adjust := range change {
		adjust(&options)
	}
	client, err := xdsclient.New(options)
	if err != nil {
		r.e.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.e.ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = client.Run(ctx)
	}()
	p.Client = client
	p.stop = sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	r.e.t.Cleanup(func() {
		p.stop()
		if r.e.t.Failed() {
			r.e.t.Logf("proxy of %s: %d streams, last end: %v", gateway, client.Streams(), p.lastEnd.Load())
		}
	})
	return p
}

// names lists what the proxy holds of a type.
func (p *proxy) names(typeURL string) []string {
	return slices.Sorted(maps.Keys(p.Held(typeURL)))
}

// holds waits until the proxy holds exactly these resources.
func (p *proxy) holds(names ...string) {
	p.e.t.Helper()
	slices.Sort(names)
	p.e.eventually(func() error {
		if held := p.names(resources.ResourceTypeURL); !slices.Equal(held, names) {
			return fmt.Errorf("the proxy holds %q, not %q", held, names)
		}
		return nil
	})
}

// until waits for a state of the proxy.
func (p *proxy) until(what string, done func() bool) {
	p.e.t.Helper()
	p.e.eventually(func() error {
		if !done() {
			return fmt.Errorf("%s: not yet; it holds %q", what, p.names(resources.ResourceTypeURL))
		}
		return nil
	})
}

// received lists the responses of a type since the one with index from.
func (p *proxy) received(typeURL string, from int) []xdsclient.Response {
	var out []xdsclient.Response
	for _, response := range p.History()[from:] {
		if response.TypeURL == typeURL {
			out = append(out, response)
		}
	}
	return out
}
