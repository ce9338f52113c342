package xds

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// Mode says how proxies may connect.
type Mode uint8

const (
	// ModePlaintext serves HTTP/2 with prior knowledge.
	ModePlaintext Mode = iota
	// ModeTLS serves TLS only.
	ModeTLS
	// ModeEither looks at the first byte of a connection. It is for the time
	// in which proxies move from one to the other.
	ModeEither
)

// tlsHandshake is the first byte of a TLS connection: the record type
// "handshake". The HTTP/2 preface starts with 'P'.
const tlsHandshake = 0x16

// transport is how gRPC takes over a connection. It also keeps the connection
// at hand, since gRPC itself has no way to get rid of a client that reads
// nothing: even the end of the stream would wait behind what it does not read.
type transport struct {
	mode Mode
	tls  credentials.TransportCredentials
}

func newTransport(mode Mode, config *tls.Config) (*transport, error) {
	if mode == ModePlaintext {
		return &transport{mode: mode}, nil
	}
	if config == nil {
		return nil, errors.New("xDS over TLS needs a TLS configuration")
	}
	return &transport{mode: mode, tls: credentials.NewTLS(config)}, nil
}

// connection is the peer information of a stream.
type connection struct {
	credentials.AuthInfo
	conn net.Conn
}

// plaintext is the AuthInfo of a connection without TLS.
type plaintext struct{ credentials.CommonAuthInfo }

func (plaintext) AuthType() string { return "plaintext" }

// ServerHandshake runs under gRPC's connection timeout.
func (t *transport) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secure, conn := t.mode == ModeTLS, raw
	if t.mode == ModeEither {
		first := make([]byte, 1)
		if _, err := raw.Read(first); err != nil {
			return nil, nil, fmt.Errorf("read the first byte of a connection: %w", err)
		}
		secure, conn = first[0] == tlsHandshake, &peekedConn{Conn: raw, first: first}
	}
	if !secure {
		info := plaintext{credentials.CommonAuthInfo{SecurityLevel: credentials.NoSecurity}}
		return conn, connection{AuthInfo: info, conn: raw}, nil
	}
	encrypted, info, err := t.tls.ServerHandshake(conn)
	if err != nil {
		return nil, nil, err
	}
	return encrypted, connection{AuthInfo: info, conn: raw}, nil
}

// ClientHandshake is never called on a server.
func (t *transport) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("the xDS server opens no connections")
}

// Info describes the transport to gRPC.
func (t *transport) Info() credentials.ProtocolInfo {
	if t.mode == ModePlaintext {
		return credentials.ProtocolInfo{SecurityProtocol: "plaintext"}
	}
	return t.tls.Info()
}

// Clone returns the transport itself: it has no state that changes.
func (t *transport) Clone() credentials.TransportCredentials { return t }

// OverrideServerName is for clients and has been deprecated.
func (t *transport) OverrideServerName(string) error { return nil }

// peekedConn gives back what was read ahead.
type peekedConn struct {
	net.Conn
	first []byte
}

func (c *peekedConn) Read(b []byte) (int, error) {
	if len(c.first) > 0 && len(b) > 0 {
		n := copy(b, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

// closeConnection cuts the connection that a stream runs on.
func closeConnection(ctx context.Context) {
	if p, ok := peer.FromContext(ctx); ok {
		if c, ok := p.AuthInfo.(connection); ok {
			// The client is gone either way.
			_ = c.conn.Close()
		}
	}
}

// remoteAddress names the other end of a stream, for logs and debugging.
func remoteAddress(ctx context.Context) string {
	if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
		return p.Addr.String()
	}
	return ""
}
