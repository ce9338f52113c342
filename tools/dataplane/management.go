package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"agentgateway.dev/controller/tools/dataplane/internal/store"
)

// ownWorkloadTimeout is how long readiness waits for the own workload once any
// workload is known.
const ownWorkloadTimeout = 60 * time.Second

// readiness tells what is still missing.
type readiness struct {
	state          *store.State
	namespace, pod string
	// ownWorkload says that the workload of the own pod is waited for.
	ownWorkload bool

	mu sync.Mutex
	// since is when the first workload was seen.
	since time.Time
}

// observe is called after every response.
func (r *readiness) observe(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.since.IsZero() && r.state.HasWorkloads() {
		r.since = now
	}
}

func (r *readiness) pending(now time.Time) []string {
	var pending []string
	if !r.state.Ready() {
		pending = append(pending, "state manager")
	}
	r.mu.Lock()
	waited := !r.since.IsZero() && now.Sub(r.since) >= ownWorkloadTimeout
	r.mu.Unlock()
	if r.ownWorkload && !waited && r.state.Workload(r.namespace, r.pod) == nil {
		pending = append(pending, "self workload")
	}
	return pending
}

// ServeHTTP answers GET /healthz/ready.
func (r *readiness) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodGet {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if pending := r.pending(time.Now()); len(pending) > 0 {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, "not ready, pending: %s", strings.Join(pending, ", "))
		return
	}
	io.WriteString(w, "ready")
}

func readinessMux(r *readiness) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/healthz/ready", r)
	return mux
}

// metrics are the xDS series of the proxy.
type metrics struct {
	registry     *prometheus.Registry
	terminations *prometheus.CounterVec
	messages     *prometheus.CounterVec
	bytes        *prometheus.CounterVec
}

func newMetrics() *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "agentgateway_xds_" + name, Help: help}, labels)
	}
	m := &metrics{
		registry:     prometheus.NewRegistry(),
		terminations: counter("connection_terminations_total", "Streams that ended, by reason.", "reason"),
		messages:     counter("message_total", "Responses received.", "url"),
		bytes:        counter("message_bytes_total", "Bytes of the resources received.", "url"),
	}
	m.registry.MustRegister(m.terminations, m.messages, m.bytes)
	return m
}

func (m *metrics) handler() http.Handler {
	mux := http.NewServeMux()
	metrics := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	mux.Handle("GET /metrics", metrics)
	mux.Handle("GET /stats/prometheus", metrics)
	return mux
}

// adminHandler serves the dump; quit is called by POST /quitquitquit.
func adminHandler(state *store.State, s settings, level zap.AtomicLevel, quit func()) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /config_dump", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		// The client may be gone.
		_ = encoder.Encode(struct {
			store.Dump
			Version map[string]string `json:"version"`
			Config  map[string]string `json:"config"`
		}{state.Dump(), map[string]string{"version": version}, map[string]string{
			"xdsAddress": s.xds.Address, "namespace": s.xds.Namespace, "gateway": s.xds.Gateway,
			"adminAddr": s.adminAddr, "statsAddr": s.statsAddr, "readinessAddr": s.readinessAddr,
		}})
	})
	mux.HandleFunc("POST /logging", func(w http.ResponseWriter, r *http.Request) {
		if value := r.URL.Query().Get("level"); value != "" {
			level.SetLevel(levelOf(value))
		}
		fmt.Fprintf(w, "current log level is %s\n", level.Level())
	})
	mux.HandleFunc("POST /quitquitquit", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "shutting down now\n")
		quit()
	})
	return mux
}

// management is the set of management listeners.
type management struct {
	servers []*http.Server
	log     *zap.Logger
}

// listen opens one management port; "off" leaves it closed.
func (m *management) listen(name, address string, handler http.Handler) error {
	if address == "off" {
		return nil
	}
	network := "tcp"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		return fmt.Errorf("%s port: %w", name, err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	m.servers = append(m.servers, server)
	m.log.Info(name+" listens", zap.Stringer("address", listener.Addr()))
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			m.log.Warn(name+" stopped", zap.Error(err))
		}
	}()
	return nil
}

func (m *management) close() {
	for _, server := range m.servers {
		server.Close()
	}
}
