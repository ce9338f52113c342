//go:build linux

// Package services makes the addresses of Services answer: it accepts
// connections on them and passes each to a pod that is ready. Only TCP is
// passed on. A pod sees the node as the client, as it would behind a NAT.
package services

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	dialTimeout = 3 * time.Second
	// maxAttempts is how many endpoints are tried for a connection.
	maxAttempts = 3
)

// backends are the endpoints of a port of a Service, in the form host:port.
type backends []string

// frontend accepts connections on one address.
type frontend struct {
	listener net.Listener
	connect  func(ctx context.Context, network, address string) (net.Conn, error)
	targets  atomic.Pointer[backends]
	// sticky sends all connections of a client to the same endpoint.
	sticky atomic.Bool
	next   atomic.Uint32

	mu          sync.Mutex
	connections map[net.Conn]struct{}
	closed      bool
	serving     sync.WaitGroup
}

func newFrontend(listener net.Listener, connect func(ctx context.Context, network, address string) (net.Conn, error)) *frontend {
	f := &frontend{listener: listener, connect: connect, connections: map[net.Conn]struct{}{}}
	f.next.Store(rand.Uint32())
	f.targets.Store(&backends{})
	f.serving.Go(f.serve)
	return f
}

func (f *frontend) serve() {
	for {
		client, err := f.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of file descriptors, which may pass.
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if f.track(client) {
			f.serving.Go(func() {
				defer f.untrack(client)
				f.pass(client)
			})
		}
	}
}

// pass connects the client with an endpoint. Without one the client gets a
// reset, as it would from a closed port.
func (f *frontend) pass(client net.Conn) {
	defer client.Close()
	server := f.dial(client.RemoteAddr())
	if server == nil {
		_ = client.(*net.TCPConn).SetLinger(0)
		return
	}
	defer server.Close()
	if !f.track(server) {
		return
	}
	defer f.untrack(server)
	var answers sync.WaitGroup
	answers.Go(func() { transfer(client, server) })
	transfer(server, client)
	answers.Wait()
}

// transfer copies until the end and passes that on. An end by a reset is
// passed on as such.
func transfer(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		_ = to.(*net.TCPConn).SetLinger(0)
		_ = from.(*net.TCPConn).SetLinger(0)
		to.Close()
		from.Close()
		return
	}
	_ = to.(*net.TCPConn).CloseWrite()
}

func (f *frontend) dial(client net.Addr) net.Conn {
	targets := *f.targets.Load()
	if len(targets) == 0 {
		return nil
	}
	first := f.next.Add(1)
	if f.sticky.Load() {
		first = hash(client)
	}
	for attempt := range min(maxAttempts, len(targets)) {
		ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
		server, err := f.connect(ctx, "tcp4", targets[(int(first%uint32(len(targets)))+attempt)%len(targets)])
		cancel()
		if err == nil {
			return server
		}
	}
	return nil
}

// hash is the same for all connections of a client.
func hash(client net.Addr) uint32 {
	host, _, _ := net.SplitHostPort(client.String())
	// FNV-1a.
	sum := uint32(2166136261)
	for i := range len(host) {
		sum = (sum ^ uint32(host[i])) * 16777619
	}
	return sum
}

// track keeps a connection to be closed with the frontend. It closes it at
// once, and returns false, if that is closed already.
func (f *frontend) track(connection net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		connection.Close()
		return false
	}
	f.connections[connection] = struct{}{}
	return true
}

func (f *frontend) untrack(connection net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.connections, connection)
}

// close stops to accept. Open connections live on unless all is to end.
func (f *frontend) close(all bool) {
	f.listener.Close()
	if !all {
		return
	}
	f.mu.Lock()
	f.closed = true
	for connection := range f.connections {
		connection.Close()
	}
	f.mu.Unlock()
	f.serving.Wait()
}

// set changes the endpoints for connections to come.
func (f *frontend) set(targets backends, sticky bool) {
	if f.sticky.Store(sticky); !slices.Equal(*f.targets.Load(), targets) {
		f.targets.Store(&targets)
	}
}

func endpoint(host string, port int32) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}
