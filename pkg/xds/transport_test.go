package xds

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"agentgateway.dev/controller/pkg/resources"
)

// TestModes connects in both ways to servers of every mode.
func TestModes(t *testing.T) {
	serving, trusting := certificate(t)
	for mode, want := range map[Mode]struct{ plaintext, tls bool }{
		ModePlaintext: {plaintext: true},
		ModeTLS:       {tls: true},
		ModeEither:    {plaintext: true, tls: true},
	} {
		for _, way := range []struct {
			creds credentials.TransportCredentials
			ok    bool
		}{{insecure.NewCredentials(), want.plaintext}, {credentials.NewTLS(trusting), want.tls}} {
			r := start(t, func(o *Options) { o.Mode, o.TLS = mode, serving })
			r.store.MarkSynced()
			conn := r.dial(way.creds)
			if !way.ok {
				// The connection is not even made, which fails the stream.
				c := tryOpen(r, conn)
				if c != nil {
					if s := c.end(); s.Code() != codes.Unavailable {
						t.Errorf("mode %d accepted %s: %v", mode, way.creds.Info().SecurityProtocol, s)
					}
				}
				continue
			}
			c := r.openOn(conn)
			c.subscribe("ns~gw", resources.ResourceTypeURL)
			c.take()
		}
	}
}

func TestTLSNeedsAConfiguration(t *testing.T) {
	if _, err := NewServer(Options{Store: NewStore(), Authenticator: AllowAll{}, Mode: ModeEither}); err == nil {
		t.Error("a server without certificates was made")
	}
}

// certificate returns configurations for a server and its clients.
func certificate(t *testing.T) (serving, trusting *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"xds"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	chain := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	serving = &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return chain, nil },
	}
	return serving, &tls.Config{RootCAs: pool, ServerName: "xds"}
}
