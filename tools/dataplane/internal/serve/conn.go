package serve

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
)

// trackedConn is a connection that its socket can find and cut.
type trackedConn struct {
	net.Conn
	socket *socket
	// replay is read before the connection: bytes that were peeked at.
	replay *bytes.Reader
	// listener is the key of the listener that terminates TLS.
	listener string
}

func (c *trackedConn) Read(p []byte) (int, error) {
	if c.replay != nil && c.replay.Len() > 0 {
		return c.replay.Read(p)
	}
	return c.Conn.Read(p)
}

func (c *trackedConn) Close() error {
	c.socket.forget(c)
	return c.Conn.Close()
}

// CloseWrite passes on the end of one direction.
func (c *trackedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// handover is a net.Listener fed by the accept loop.
type handover struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	addr   net.Addr
}

func newHandover(addr net.Addr) *handover {
	return &handover{conns: make(chan net.Conn), closed: make(chan struct{}), addr: addr}
}

func (h *handover) give(conn net.Conn) {
	select {
	case h.conns <- conn:
	case <-h.closed:
		conn.Close()
	}
}

// Accept implements net.Listener.
func (h *handover) Accept() (net.Conn, error) {
	select {
	case conn := <-h.conns:
		return conn, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *handover) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Addr implements net.Listener.
func (h *handover) Addr() net.Addr { return h.addr }

type listenerKey struct{}

// rememberListener keeps the TLS listener of a connection for its requests.
func rememberListener(ctx context.Context, conn net.Conn) context.Context {
	if encrypted, ok := conn.(*tls.Conn); ok {
		if tracked, ok := encrypted.NetConn().(*trackedConn); ok {
			return context.WithValue(ctx, listenerKey{}, tracked.listener)
		}
	}
	return ctx
}

func listenerOf(r *http.Request) string {
	key, _ := r.Context().Value(listenerKey{}).(string)
	return key
}

// splice copies in both directions until both have ended.
func splice(a, b net.Conn) {
	var both sync.WaitGroup
	for _, pair := range [][2]net.Conn{{a, b}, {b, a}} {
		both.Go(func() {
			// A broken direction ends like a finished one.
			_, _ = io.Copy(pair[1], pair[0])
			if half, ok := pair[1].(interface{ CloseWrite() error }); ok {
				half.CloseWrite()
			} else {
				pair[1].Close()
			}
		})
	}
	both.Wait()
}
