package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"time"
)

// validity of every certificate. A kept data directory is re-issued leaf
// certificates at each start, so only the authority's end matters in practice.
const validity = 10 * 365 * 24 * time.Hour

// authority issues the cluster's certificates. One authority serves both ways:
// it signs what the API server shows and what clients show to it.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
	// certificatePEM is what clients must trust.
	certificatePEM []byte
}

// identity is a certificate and its key, PEM encoded.
type identity struct {
	certificatePEM, keyPEM []byte
}

// loadOrMakeAuthority returns the authority kept in the two files, or makes it
// and writes them. Keeping it lets kubeconfigs of earlier starts stay valid.
func loadOrMakeAuthority(certificateFile, keyFile string) (*authority, error) {
	certificatePEM, err := os.ReadFile(certificateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return makeAuthority(certificateFile, keyFile)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(certificatePEM)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM block", certificateFile)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", certificateFile, err)
	}
	key, err := readKey(keyFile)
	if err != nil {
		return nil, err
	}
	return &authority{certificate: certificate, key: key, certificatePEM: certificatePEM}, nil
}

func makeAuthority(certificateFile, keyFile string) (*authority, error) {
	key, keyPEM, err := newKey()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "devcluster-ca"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(validity),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making the certificate authority: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	certificatePEM := encodeCertificate(der)
	// The key goes first: a start that was cut short between the two finds no
	// certificate and begins again.
	if err := writePrivately(keyFile, keyPEM); err != nil {
		return nil, err
	}
	if err := writePrivately(certificateFile, certificatePEM); err != nil {
		return nil, err
	}
	return &authority{certificate: certificate, key: key, certificatePEM: certificatePEM}, nil
}

// issueServer returns an identity for a server reached by these names and
// addresses.
func (a *authority) issueServer(name string, names []string, addresses []net.IP) (identity, error) {
	return a.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		DNSNames:    names,
		IPAddresses: addresses,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
}

// issueClient returns an identity that Kubernetes reads as this user in these
// groups.
func (a *authority) issueClient(user string, groups ...string) (identity, error) {
	return a.issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

func (a *authority) issue(template *x509.Certificate) (identity, error) {
	key, keyPEM, err := newKey()
	if err != nil {
		return identity{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return identity{}, err
	}
	template.SerialNumber = serial
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = a.certificate.NotAfter
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return identity{}, fmt.Errorf("issuing a certificate to %s: %w", template.Subject.CommonName, err)
	}
	return identity{certificatePEM: encodeCertificate(der), keyPEM: keyPEM}, nil
}

// loadOrMakeKey makes sure that the file holds a private key. Service account
// tokens are signed with it, so it is kept: tokens outlive a restart.
func loadOrMakeKey(file string) error {
	_, err := readKey(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_, keyPEM, err := newKey()
	if err != nil {
		return err
	}
	return writePrivately(file, keyPEM)
}

func readKey(file string) (*ecdsa.PrivateKey, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM block", file)
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return key, nil
}

func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making a key: %w", err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding a key: %w", err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
