// Package serve opens the sockets of the binds and answers on them. What to do
// with a request is decided by package router.
package serve

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"istio.io/istio/pkg/workloadapi"

	"agentgateway.dev/controller/tools/dataplane/internal/store"
)

// Options describe a Gateway.
type Options struct {
	State *store.State
	// Host is the address to listen on, empty for all.
	Host string
	// Port maps the port of a bind to the port of the machine.
	Port func(uint32) uint32
	// CloseDelay is how long a removed bind goes on holding its port. The real
	// proxy closes asynchronously, so re-opening at once fails there as well.
	CloseDelay time.Duration
	// Listen opens a socket; nil means net.Listen.
	Listen func(network, address string) (net.Listener, error)
	// Namespace and Pod find the own workload.
	Namespace, Pod string
	Logger         *zap.Logger
}

// Gateway holds the sockets of all binds.
type Gateway struct {
	options    Options
	state      *store.State
	log        *zap.Logger
	transports *transports
	// own is learnt once and never updated.
	own atomic.Pointer[workloadapi.Workload]
	// accepting is closed when connections may be accepted.
	accepting chan struct{}
	opened    sync.Once
	// background counts mirrored requests and delayed closes.
	background sync.WaitGroup

	mu      sync.Mutex
	sockets map[string]*socket
}

// New returns a gateway without sockets.
func New(options Options) *Gateway {
	if options.Listen == nil {
		options.Listen = net.Listen
	}
	if options.Port == nil {
		options.Port = func(port uint32) uint32 { return port }
	}
	if options.Logger == nil {
		options.Logger = zap.NewNop()
	}
	return &Gateway{
		options: options, state: options.State, log: options.Logger, transports: newTransports(),
		accepting: make(chan struct{}), sockets: map[string]*socket{},
	}
}

func (g *Gateway) draw(n int64) int64 { return rand.Int64N(n) }

// Applied takes note of a response that was applied: sockets follow the bind
// events in their order, and the first clean response of both types lets
// connections in.
func (g *Gateway) Applied(events []store.BindEvent) {
	for _, event := range events {
		if event.Opened != nil {
			g.open(event)
		} else {
			g.close(event.Key)
		}
	}
	if g.own.Load() == nil && g.options.Pod != "" {
		g.own.Store(g.state.Workload(g.options.Namespace, g.options.Pod))
	}
	if g.state.Ready() {
		g.opened.Do(func() { close(g.accepting) })
	}
}

// Address returns the address that a bind listens on, nil if it has no socket.
func (g *Gateway) Address(bindKey string) net.Addr {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.sockets[bindKey]; s != nil {
		return s.listener.Addr()
	}
	return nil
}

// Drain ends the gateway: every bind serves for least, then connections are
// told to close while new ones still come in for another least or until all are
// gone, and after least+most everything is cut. It returns earlier if ctx ends.
func (g *Gateway) Drain(ctx context.Context, least, most time.Duration) {
	cut, cancel := context.WithTimeout(ctx, least+most)
	defer cancel()
	sleep(cut, least)
	g.mu.Lock()
	sockets := g.sockets
	g.sockets = map[string]*socket{}
	g.mu.Unlock()
	var all sync.WaitGroup
	for _, s := range sockets {
		all.Go(func() { s.drain(cut, least) })
	}
	all.Wait()
	g.transports.idle()
}

// sleep waits for d or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
