//go:build linux

// Package kubelet serves the part of a kubelet's API that kubectl comes to by
// way of the API server: logs, exec and port-forward.
package kubelet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"

	"agentgateway.dev/controller/tools/devcluster/node/container"
	"agentgateway.dev/controller/tools/devcluster/node/logs"
	"agentgateway.dev/controller/tools/devcluster/node/pods"
)

const (
	// idleTimeout closes a connection on which nothing happens.
	idleTimeout = 4 * time.Hour
	// creationTimeout bounds how long a client may take to open its streams.
	creationTimeout = 30 * time.Second
)

// Handler serves the API for these pods. It asks nobody who they are: that is
// up to the server it is put in.
func Handler(set *pods.Set) http.Handler {
	s := &server{pods: set}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	mux.HandleFunc("GET /pods", s.list)
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", s.logs)
	mux.HandleFunc("/exec/{namespace}/{pod}/{container}", s.exec)
	mux.HandleFunc("/portForward/{namespace}/{pod}", s.portForward)
	return mux
}

type server struct{ pods *pods.Set }

func (s *server) list(w http.ResponseWriter, _ *http.Request) {
	list := corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, Items: s.pods.Objects()}
	w.Header().Set("Content-Type", "application/json")
	// A client that went away is the only way in which this fails.
	_ = json.NewEncoder(w).Encode(list)
}

func (s *server) logs(w http.ResponseWriter, r *http.Request) {
	options, previous, err := logOptions(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	to := &flushing{ResponseWriter: w, controller: http.NewResponseController(w)}
	err = s.pods.Logs(r.Context(), r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container"), previous, to, options)
	if err != nil && !to.written {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// flushing remembers whether anything was written.
type flushing struct {
	http.ResponseWriter
	controller *http.ResponseController
	written    bool
}

func (f *flushing) Write(p []byte) (int, error) {
	f.written = true
	return f.ResponseWriter.Write(p)
}

// Flush sends what was written so far.
func (f *flushing) Flush() { _ = f.controller.Flush() }

// logOptions reads the query of a request for logs.
func logOptions(query url.Values) (options logs.Options, previous bool, err error) {
	options = logs.Options{Tail: -1, Limit: -1}
	number := func(name string, into *int64) {
		if text := query.Get(name); text != "" && err == nil {
			if *into, err = strconv.ParseInt(text, 10, 64); err == nil && *into < 0 {
				err = errors.New("it is negative")
			}
			if err != nil {
				err = fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	flag := func(name string, into *bool) {
		if text := query.Get(name); text != "" && err == nil {
			if *into, err = strconv.ParseBool(text); err != nil {
				err = fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	number("tailLines", &options.Tail)
	number("limitBytes", &options.Limit)
	flag("follow", &options.Follow)
	flag("timestamps", &options.Timestamps)
	flag("previous", &previous)
	var seconds int64
	number("sinceSeconds", &seconds)
	if seconds > 0 {
		options.Since = time.Now().Add(-time.Duration(seconds) * time.Second)
	}
	if text := query.Get("sinceTime"); text != "" && err == nil {
		if options.Since, err = time.Parse(time.RFC3339, text); err != nil {
			err = fmt.Errorf("sinceTime: %w", err)
		}
	}
	return options, previous, err
}

func (s *server) exec(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	executor := executor{pods: s.pods, namespace: r.PathValue("namespace")}
	remotecommand.ServeExec(w, r, executor, r.PathValue("pod"), "", r.PathValue("container"), r.Form["command"], options,
		idleTimeout, creationTimeout, remotecommand.SupportedStreamingProtocols)
}

type executor struct {
	pods      *pods.Set
	namespace string
}

// ExecInContainer runs a command. There are no terminals: one that is asked for
// gets plain pipes.
func (e executor) ExecInContainer(ctx context.Context, name, _, containerName string, command []string,
	in io.Reader, out, errs io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize, _ time.Duration,
) error {
	streams := container.Streams{In: in}
	if out != nil {
		streams.Out = out
	}
	streams.Err = streams.Out
	if errs != nil {
		streams.Err = errs
	}
	exit, err := e.pods.Exec(ctx, e.namespace, name, containerName, command, streams)
	if err != nil {
		return err
	}
	if exit.Code != 0 {
		return utilexec.CodeExitError{Err: fmt.Errorf("exit code %d", exit.Code), Code: exit.Code}
	}
	return nil
}

func (s *server) portForward(w http.ResponseWriter, r *http.Request) {
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	forwarder := forwarder{pods: s.pods, namespace: r.PathValue("namespace")}
	portforward.ServePortForward(w, r, forwarder, r.PathValue("pod"), "", options, idleTimeout, creationTimeout,
		portforward.SupportedProtocols)
}

type forwarder struct {
	pods      *pods.Set
	namespace string
}

// PortForward connects a stream with a port of the pod.
func (f forwarder) PortForward(ctx context.Context, name, _ string, port int32, stream io.ReadWriteCloser) error {
	defer stream.Close()
	connection, err := f.pods.Dial(ctx, f.namespace, name, int(port))
	if err != nil {
		return err
	}
	defer connection.Close()
	var answers sync.WaitGroup
	answers.Go(func() {
		_, _ = io.Copy(stream, connection)
		stream.Close()
	})
	_, _ = io.Copy(connection, stream)
	if half, ok := connection.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	answers.Wait()
	return nil
}
