// Package replica runs a controller in the process of a test.
package replica

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"istio.io/istio/pkg/kube"

	"agentgateway.dev/controller/pkg/admin"
	"agentgateway.dev/controller/pkg/controller"
	"agentgateway.dev/controller/pkg/settings"
)

// AnyPort is the address of a server that may listen where there is room.
const AnyPort = "127.0.0.1:0"

const (
	// patience only ends a test that fails.
	patience = time.Minute
	// lookInterval is the time between two looks at whether it is ready.
	lookInterval = 20 * time.Millisecond
)

// Replica is a controller that runs.
type Replica struct {
	// Addresses are those of its servers: health, metrics, admin and xds.
	Addresses map[string]string
	Logs      *Logs

	// Stop ends the controller, which has to succeed. The end of the test does
	// the same.
	Stop func()
}

// Logs collects log lines for when a test fails.
type Logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *Logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns everything so far.
func (l *Logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Start runs a controller and returns when it serves proxies. Its environment
// is variables only; empty ones aren't set. Servers that no variable gives an
// address listen anywhere. client may be nil, which leaves the choice of the
// cluster to variables.
func Start(t testing.TB, variables map[string]string, client kube.Client) *Replica {
	t.Helper()
	lookup := func(name string) (string, bool) {
		value := variables[name]
		switch name {
		case "AGW_HEALTH_ADDRESS", "AGW_METRICS_ADDRESS", "AGW_ADMIN_ADDRESS", "AGW_XDS_ADDRESS":
			if value == "" {
				value = AnyPort
			}
		}
		return value, value != ""
	}
	s, err := settings.Load(settings.Sources{Flags: pflag.NewFlagSet("", pflag.ContinueOnError), Lookup: lookup})
	if err != nil {
		t.Fatal(err)
	}
	r := &Replica{Logs: &Logs{}}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended, listening := make(chan error, 1), make(chan map[string]string, 1)
	go func() {
		ended <- controller.Run(ctx, controller.Options{
			Settings: s, Build: admin.NewBuild("test", "", ""), LogOutput: r.Logs, Client: client,
			Listening: func(addresses map[string]string) { listening <- addresses },
		})
	}()
	r.Stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the controller ended with an error: %v", err)
		}
	})
	t.Cleanup(func() {
		_, sessions := r.Get("admin", "/debug/xds")
		r.Stop()
		if t.Failed() {
			t.Logf("controller log:\n%s\nsessions: %s", r.Logs, sessions)
		}
	})
	select {
	case r.Addresses = <-listening:
	case err := <-ended:
		ended <- nil
		t.Fatalf("the controller did not start: %v\n%s", err, r.Logs)
	}
	r.awaitReady(t)
	return r
}

func (r *Replica) awaitReady(t testing.TB) {
	t.Helper()
	limit := time.After(patience)
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for {
		code, body := r.Get("health", "/readyz")
		if code == http.StatusOK {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("the controller isn't ready: %d %s", code, body)
		}
	}
}

// Get returns what a server answers to a path, or 0 and what went wrong.
func (r *Replica) Get(server, path string) (code int, body string) {
	response, err := http.Get("http://" + r.Addresses[server] + path)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(read)
}
