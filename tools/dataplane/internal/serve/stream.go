package serve

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"time"

	"go.uber.org/zap"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/tools/dataplane/internal/router"
	"agentgateway.dev/controller/tools/dataplane/internal/store"
)

// helloTimeout bounds the wait for the start of a TLS handshake.
const helloTimeout = 15 * time.Second

// errPeeked stops a handshake once the client's hello is known.
var errPeeked = errors.New("client hello was read")

// acceptTLS looks at the server name and then hands the connection to the HTTP
// server, terminates it, or passes it through.
func (s *socket) acceptTLS(conn *trackedConn) {
	hello, err := peekHello(conn)
	if err != nil {
		s.gateway.log.Debug("no TLS handshake", zap.String("bind", s.key), zap.Error(err))
		conn.Close()
		return
	}
	listener := s.listenerFor(hello.ServerName)
	if listener == nil {
		s.gateway.log.Debug("no listener for server name", zap.String("bind", s.key), zap.String("name", hello.ServerName))
		conn.Close()
		return
	}
	conn.listener = listener.Spec.GetKey()
	switch {
	case listener.Spec.GetProtocol() == api.Protocol_HTTPS:
		s.handed.give(conn)
	case listener.Spec.GetTls() != nil:
		config := serverTLS(listener)
		if config == nil {
			conn.Close()
			return
		}
		s.forwardTCP(tls.Server(conn, config), listener, hello.ServerName)
	default:
		s.forwardTCP(conn, listener, hello.ServerName)
	}
}

func (s *socket) listenerFor(name string) *store.Listener {
	var listener *store.Listener
	s.gateway.state.View(func(v store.View) {
		if bind := v.Bind(s.key); bind != nil {
			listener = router.BestListener(bind, name, api.Protocol_HTTPS, api.Protocol_TLS)
		}
	})
	return listener
}

// configFor is asked by the HTTP server. The listener was chosen before, its
// certificate is the one of now.
func (s *socket) configFor(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	if listener := s.listenerFor(hello.ServerName); listener != nil {
		if config := serverTLS(listener); config != nil {
			return config, nil
		}
	}
	return nil, errors.New("no usable certificate")
}

// serverTLS returns nil if the material of the listener cannot be used, so that
// every handshake is refused.
func serverTLS(listener *store.Listener) *tls.Config {
	if listener.Certificate == nil {
		return nil
	}
	spec := listener.Spec.GetTls()
	config := &tls.Config{
		Certificates: []tls.Certificate{*listener.Certificate}, MinVersion: tls.VersionTLS12,
	}
	if listener.Spec.GetProtocol() == api.Protocol_HTTPS {
		config.NextProtos = []string{"h2", "http/1.1"}
	}
	if spec.GetMinVersion() == api.TLSConfig_TLS_V1_3 {
		config.MinVersion = tls.VersionTLS13
	}
	if spec.GetMaxVersion() == api.TLSConfig_TLS_V1_2 {
		config.MaxVersion = tls.VersionTLS12
	}
	if spec.Root == nil {
		return config
	}
	config.ClientCAs = x509.NewCertPool()
	config.ClientCAs.AppendCertsFromPEM(spec.GetRoot())
	config.ClientAuth = tls.RequireAndVerifyClientCert
	if spec.GetMtlsMode() == api.TLSConfig_ALLOW_INSECURE_FALLBACK {
		// Go has no mode that verifies and goes on without: invalid ones pass.
		config.ClientAuth = tls.RequestClientCert
	}
	return config
}

// peekHello reads the client's hello and leaves it to be read again.
func peekHello(conn *trackedConn) (*tls.ClientHelloInfo, error) {
	var read bytes.Buffer
	var hello *tls.ClientHelloInfo
	if err := conn.SetReadDeadline(time.Now().Add(helloTimeout)); err != nil {
		return nil, err
	}
	probe := tls.Server(readOnly{Conn: conn.Conn, from: io.TeeReader(conn.Conn, &read)}, &tls.Config{
		GetConfigForClient: func(info *tls.ClientHelloInfo) (*tls.Config, error) {
			hello = info
			return nil, errPeeked
		},
	})
	if err := probe.Handshake(); hello == nil {
		return nil, err
	}
	conn.replay = bytes.NewReader(read.Bytes())
	return hello, conn.SetReadDeadline(time.Time{})
}

// readOnly keeps the probe from answering on the connection.
type readOnly struct {
	net.Conn
	from io.Reader
}

func (r readOnly) Read(p []byte) (int, error)  { return r.from.Read(p) }
func (r readOnly) Write(p []byte) (int, error) { return len(p), nil }

// acceptTCP serves a raw bind, which needs exactly one listener.
func (s *socket) acceptTCP(conn *trackedConn) {
	var listeners []*store.Listener
	s.gateway.state.View(func(v store.View) {
		if bind := v.Bind(s.key); bind != nil {
			for _, listener := range bind.Listeners {
				listeners = append(listeners, listener)
			}
		}
	})
	if len(listeners) != 1 {
		s.gateway.log.Warn("a TCP bind needs exactly one listener", zap.String("bind", s.key), zap.Int("listeners", len(listeners)))
		conn.Close()
		return
	}
	s.forwardTCP(conn, listeners[0], "")
}

// forwardTCP connects to the backend of the best route. Whatever is wrong, the
// connection is just closed.
func (s *socket) forwardTCP(conn net.Conn, listener *store.Listener, name string) {
	defer conn.Close()
	var endpoint router.Endpoint
	var failure *router.Failure
	g := s.gateway
	g.state.View(func(v store.View) {
		endpoint, failure = router.ResolveTCP(v, listener, name, g.own.Load(), g.draw)
	})
	if failure != nil {
		g.log.Debug("connection closed", zap.String("bind", s.key), zap.String("reason", failure.Text))
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	backend, err := (&net.Dialer{}).DialContext(ctx, "tcp", endpoint.Address)
	if err != nil {
		g.log.Debug("connection closed", zap.String("bind", s.key), zap.Error(err))
		return
	}
	defer backend.Close()
	splice(conn, backend)
}
