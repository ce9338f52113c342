package admin

import (
	"fmt"
	"net/http"
	"sync/atomic"
)

// Check is one condition of readiness.
type Check struct {
	Name  string
	Ready func() bool
}

// Health answers the probes of Kubernetes.
type Health struct {
	checks  []Check
	leaving atomic.Bool
}

// NewHealth is ready when every check is.
func NewHealth(checks ...Check) *Health { return &Health{checks: checks} }

// Leave makes the process unready for good: it is about to stop.
func (h *Health) Leave() { h.leaving.Store(true) }

// Ready reports whether everything is ready.
func (h *Health) Ready() bool {
	for _, check := range h.checks {
		if !check.Ready() {
			return false
		}
	}
	return !h.leaving.Load()
}

// Handler serves /readyz, which lists the checks, and /healthz.
func (h *Health) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(response http.ResponseWriter, _ *http.Request) {
		text, failed := "", h.leaving.Load()
		line := func(ready bool, name string) {
			mark := '+'
			if !ready {
				mark, failed = '-', true
			}
			text += fmt.Sprintf("[%c]%s\n", mark, name)
		}
		line(!failed, "ready-ping")
		for _, check := range h.checks {
			line(check.Ready(), check.Name)
		}
		response.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if failed {
			response.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprint(response, text)
	})
	mux.HandleFunc("GET /healthz", func(response http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(response, "ok")
	})
	return mux
}
