package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/tools/dataplane/internal/store"
)

// socket is the listening socket of one bind with its accept loop. Port and
// protocol are those that the bind had when it was added.
type socket struct {
	gateway  *Gateway
	key      string
	protocol api.Bind_Protocol
	listener net.Listener
	server   *http.Server
	// handed carries connections from the accept loop to the HTTP server.
	handed *handover
	// stopped is closed when the bind was removed.
	stopped chan struct{}

	mu    sync.Mutex
	conns map[net.Conn]bool
	// idle is closed when draining and no connection is left.
	idle     chan struct{}
	draining bool
}

// open listens for a new bind. A failure is only logged, and not tried again
// while the bind exists.
func (g *Gateway) open(event store.BindEvent) {
	bind := event.Opened
	if bind.GetMode() == api.Bind_INTERNAL {
		return
	}
	if bind.GetTunnelProtocol() != api.Bind_DIRECT {
		// Serving it without the tunnel would answer clients that the proxy refuses.
		g.log.Warn("tunnel protocols are not implemented, the bind is not served",
			zap.String("bind", event.Key), zap.Stringer("tunnel", bind.GetTunnelProtocol()))
		return
	}
	port := g.options.Port(bind.GetPort())
	address := net.JoinHostPort(g.options.Host, strconv.FormatUint(uint64(port), 10))
	listener, err := g.options.Listen("tcp", address)
	if err != nil {
		g.log.Warn("bind failed, it is not tried again", zap.String("bind", event.Key), zap.Error(err))
		return
	}
	s := &socket{
		gateway: g, key: event.Key, protocol: bind.GetProtocol(), listener: listener,
		stopped: make(chan struct{}), conns: map[net.Conn]bool{}, idle: make(chan struct{}),
		handed: newHandover(listener.Addr()),
	}
	s.server = &http.Server{
		Handler: &handler{gateway: g, bindKey: event.Key}, Protocols: &http.Protocols{},
		ConnContext: rememberListener, ErrorLog: zap.NewStdLog(g.log.WithOptions(zap.IncreaseLevel(zap.ErrorLevel))),
	}
	s.server.Protocols.SetHTTP1(true)
	s.server.Protocols.SetHTTP2(true)
	s.server.Protocols.SetUnencryptedHTTP2(true)
	g.mu.Lock()
	g.sockets[event.Key] = s
	g.mu.Unlock()
	g.log.Info("bind listens", zap.String("bind", event.Key), zap.Stringer("address", listener.Addr()))
	g.background.Go(s.accept)
	g.background.Go(s.serveHTTP)
}

func (s *socket) serveHTTP() {
	var err error
	if s.protocol == api.Bind_TLS {
		s.server.TLSConfig = &tls.Config{GetConfigForClient: s.configFor}
		err = s.server.ServeTLS(s.handed, "", "")
	} else {
		err = s.server.Serve(s.handed)
	}
	if !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		s.gateway.log.Warn("bind stopped serving", zap.String("bind", s.key), zap.Error(err))
	}
}

// accept waits until the gateway is ready and then takes connections in.
func (s *socket) accept() {
	select {
	case <-s.gateway.accepting:
	case <-s.stopped:
		return
	}
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		tracked := &trackedConn{Conn: conn, socket: s}
		if !s.track(tracked) {
			conn.Close()
			continue
		}
		switch s.protocol {
		case api.Bind_HTTP:
			s.handed.give(tracked)
		case api.Bind_TLS:
			s.gateway.background.Go(func() { s.acceptTLS(tracked) })
		default:
			s.gateway.background.Go(func() { s.acceptTCP(tracked) })
		}
	}
}

// close cuts all connections of a removed bind at once, and frees its port
// after the delay.
func (g *Gateway) close(key string) {
	g.mu.Lock()
	s := g.sockets[key]
	delete(g.sockets, key)
	g.mu.Unlock()
	if s == nil {
		return
	}
	close(s.stopped)
	s.handed.Close()
	s.server.Close()
	s.cut()
	if g.options.CloseDelay <= 0 {
		s.listener.Close()
		return
	}
	g.background.Go(func() {
		sleep(context.Background(), g.options.CloseDelay)
		s.listener.Close()
	})
}

// drain tells connections to close and takes new ones in until least is over or
// none is left; then it waits for the rest until ctx ends.
func (s *socket) drain(ctx context.Context, least time.Duration) {
	s.server.SetKeepAlivesEnabled(false)
	timer := time.NewTimer(least)
	defer timer.Stop()
	select {
	case <-s.whenIdle():
	case <-timer.C:
	case <-ctx.Done():
	}
	s.listener.Close()
	close(s.stopped)
	// What is still open when ctx ends is cut below.
	_ = s.server.Shutdown(ctx)
	select {
	case <-s.whenIdle():
	case <-ctx.Done():
	}
	s.server.Close()
	s.cut()
}

func (s *socket) whenIdle() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.draining {
		s.draining = true
		if len(s.conns) == 0 {
			close(s.idle)
		}
	}
	return s.idle
}

// track remembers a connection until it is closed; ok is false if the bind is
// gone already.
func (s *socket) track(conn net.Conn) (ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.stopped:
		return false
	default:
	}
	s.conns[conn] = true
	return true
}

func (s *socket) forget(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.conns[conn] {
		return
	}
	delete(s.conns, conn)
	if s.draining && len(s.conns) == 0 {
		select {
		case <-s.idle:
		default:
			close(s.idle)
		}
	}
}

// cut closes every connection that is left, upgraded ones included.
func (s *socket) cut() {
	s.mu.Lock()
	conns := make([]net.Conn, 0, len(s.conns))
	for conn := range s.conns {
		conns = append(conns, conn)
	}
	s.mu.Unlock()
	for _, conn := range conns {
		conn.Close()
	}
}
