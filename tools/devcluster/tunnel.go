package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"sigs.k8s.io/yaml"
)

// tunnelTimeout bounds how long the API server waits for a connection.
const tunnelTimeout = 30 * time.Second

// tunnelSocket is the name of the tunnel's socket.
const tunnelSocket = "tunnel.sock"

// dial connects to an address, host:port.
type dial func(ctx context.Context, network, address string) (net.Conn, error)

// tunnel is how the API server reaches a network that it isn't in: it asks for
// a connection by HTTP's method CONNECT.
type tunnel struct {
	server *http.Server
	// open gives the function that connects; until then nothing can be reached.
	mu   sync.Mutex
	dial dial
}

// newTunnel serves a tunnel on a socket that only this user may use, and
// returns the path of the configuration that leads the API server there.
func newTunnel(dir *dataDir) (*tunnel, string, error) {
	socket := filepath.Join(dir.run, tunnelSocket)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, "", fmt.Errorf("making the API server's way to the node: %w", err)
	}
	type object = map[string]any
	config, err := yaml.Marshal(object{
		"apiVersion": "apiserver.k8s.io/v1beta1", "kind": "EgressSelectorConfiguration",
		"egressSelections": []object{{
			"name":       "cluster",
			"connection": object{"proxyProtocol": "HTTPConnect", "transport": object{"uds": object{"udsName": socket}}},
		}},
	})
	if err != nil {
		return nil, "", err
	}
	path := filepath.Join(dir.run, "egress.yaml")
	if err := writePrivately(path, config); err != nil {
		listener.Close()
		return nil, "", err
	}
	t := &tunnel{}
	t.server = &http.Server{Handler: http.HandlerFunc(t.serve), ReadHeaderTimeout: tunnelTimeout}
	go func() {
		// It ends when it is closed, and has nobody else to tell.
		_ = t.server.Serve(listener)
	}()
	return t, path, nil
}

// open lets connections through.
func (t *tunnel) open(by dial) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dial = by
}

func (t *tunnel) close() { t.server.Close() }

func (t *tunnel) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		http.Error(w, "only CONNECT is served here", http.StatusMethodNotAllowed)
		return
	}
	t.mu.Lock()
	connect := t.dial
	t.mu.Unlock()
	if connect == nil {
		http.Error(w, "the node isn't ready", http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), tunnelTimeout)
	server, err := connect(ctx, "tcp", r.Host)
	cancel()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer server.Close()
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer client.Close()
	if _, err := io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
		return
	}
	var answers sync.WaitGroup
	answers.Go(func() { pump(client, server) })
	pump(server, reader{client, buffered.Reader})
	answers.Wait()
}

// reader is a connection of which something was read before.
type reader struct {
	net.Conn
	buffered *bufio.Reader
}

func (r reader) Read(p []byte) (int, error) { return r.buffered.Read(p) }

// pump copies until the end, and passes that on.
func pump(to net.Conn, from io.Reader) {
	_, _ = io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
