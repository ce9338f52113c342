// Command echo answers every request with a JSON description of it. It speaks
// HTTP/1.1 and h2c and is the backend of the quick start and of local tests.
//
// Paths below /status/ answer with the status that follows, so that retries and
// error handling can be tried.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// answer is what a request looked like to the server.
type answer struct {
	Pod     string      `json:"pod,omitempty"`
	Listen  string      `json:"listen"`
	Method  string      `json:"method"`
	Path    string      `json:"path"`
	Query   string      `json:"query,omitempty"`
	Host    string      `json:"host"`
	Proto   string      `json:"proto"`
	Headers http.Header `json:"headers"`
	// BodyLength is in bytes.
	BodyLength int64 `json:"bodyLength"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	var listen []string
	name := flag.String("name", os.Getenv("POD_NAME"), "name to answer with (POD_NAME)")
	flag.Func("listen", "address to listen on; may be repeated or a comma separated list (default :3000)", func(value string) error {
		listen = append(listen, strings.Split(value, ",")...)
		return nil
	})
	flag.Parse()
	if len(listen) == 0 {
		listen = []string{":3000"}
	}
	if err := run(ctx, *name, listen); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}

// run serves on all addresses until ctx ends or one of them fails.
func run(ctx context.Context, name string, listen []string) error {
	failed := make(chan error, len(listen))
	for _, address := range listen {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		server := newServer(name, listener.Addr().String())
		fmt.Fprintln(os.Stderr, "echo listens on", listener.Addr())
		go func() { failed <- server.Serve(listener) }()
		defer shutdown(server)
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

func shutdown(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		server.Close()
	}
}

func newServer(name, listen string) *http.Server {
	server := &http.Server{Handler: handler(name, listen), Protocols: &http.Protocols{}, ReadHeaderTimeout: time.Minute}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	return server
}

func handler(name, listen string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		length, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(statusOf(r.URL.Path))
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		// The client may be gone.
		_ = encoder.Encode(answer{
			Pod: name, Listen: listen, Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery,
			Host: r.Host, Proto: r.Proto, Headers: r.Header, BodyLength: length,
		})
	}
}

// statusOf returns the status that the path asks for, and 200 for every other.
func statusOf(path string) int {
	text, found := strings.CutPrefix(path, "/status/")
	status, err := strconv.Atoi(text)
	if !found || err != nil || status < 200 || status > 599 {
		return http.StatusOK
	}
	return status
}
