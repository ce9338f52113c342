package admin

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/pprof"

	"istio.io/istio/pkg/kube/krt"
)

// Debug is what the debugging endpoints show.
type Debug struct {
	Build       Build
	Logs        *Logs
	Collections *krt.DebugHandler
	// Sessions returns the open xDS sessions in a form that encodes to JSON.
	Sessions func() any
}

// Handler serves the endpoints. They are not authenticated, so only the
// machine itself may reach them.
func (d Debug) Handler() http.Handler {
	pages := []struct {
		path, about string
		serve       http.HandlerFunc
	}{
		{"/version", "what is running", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, r, d.Build) }},
		{"/snapshots/krt", "every collection with its contents, without secret ones", func(w http.ResponseWriter, r *http.Request) {
			dump, err := redact(d.Collections)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			writeJSON(w, r, dump)
		}},
		{"/debug/xds", "the open xDS sessions", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, r, d.Sessions()) }},
		{"/logging", "log levels; POST ?level=debug for all, ?<component>=debug for one", d.Logs.ServeHTTP},
		{"/debug/pprof/", "profiles of the Go runtime", pprof.Index},
		{"/debug/pprof/cmdline", "", pprof.Cmdline},
		{"/debug/pprof/profile", "", pprof.Profile},
		{"/debug/pprof/symbol", "", pprof.Symbol},
		{"/debug/pprof/trace", "", pprof.Trace},
	}
	mux := http.NewServeMux()
	index := "<!doctype html><title>agentgateway controller</title><h1>agentgateway controller</h1><dl>\n"
	for _, page := range pages {
		mux.HandleFunc(page.path, page.serve)
		if page.about != "" {
			index += fmt.Sprintf("<dt><a href=%q>%s</a></dt><dd>%s</dd>\n", page.path, page.path, html.EscapeString(page.about))
		}
	}
	index += "</dl>\n"
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, index)
	})
	return mux
}

// writeJSON indents when the query has "pretty".
func writeJSON(response http.ResponseWriter, request *http.Request, value any) {
	response.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(response)
	encoder.SetEscapeHTML(false)
	if request.URL.Query().Has("pretty") {
		encoder.SetIndent("", "  ")
	}
	// The client went away, or the value cannot be encoded, in which case the
	// broken body shows it.
	_ = encoder.Encode(value)
}
