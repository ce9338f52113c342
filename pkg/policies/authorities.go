package policies

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"sync"
)

// maxBundles is how many bundles are remembered. Clusters use a handful of
// authorities, each from many ConfigMaps.
const maxBundles = 1024

// authorities reads bundles of certificate authorities, and remembers by
// content what it read: parsing is the expensive part of a policy, and the
// same bundle stands in many namespaces.
type authorities struct {
	mu   sync.Mutex
	read map[[sha256.Size]byte]bundle
}

// bundle is a bundle that was read: certificates in PEM, or what is wrong.
type bundle struct {
	certificates []byte
	err          error
}

func newAuthorities() *authorities {
	return &authorities{read: map[[sha256.Size]byte]bundle{}}
}

// parse returns the certificates in text, in PEM and nothing else. The error
// is for the user.
func (a *authorities) parse(text string) ([]byte, error) {
	sum := sha256.Sum256([]byte(text))
	a.mu.Lock()
	known, found := a.read[sum]
	a.mu.Unlock()
	if found {
		return known.certificates, known.err
	}
	var fresh bundle
	fresh.certificates, fresh.err = parseBundle([]byte(text))
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.read) >= maxBundles {
		clear(a.read)
	}
	a.read[sum] = fresh
	return fresh.certificates, fresh.err
}

// parseBundle is stricter than a PEM decoder, which skips what it can't read:
// the proxy refuses the whole policy for it, and would go on without TLS.
// Blocks of other types are left out; private keys that were put beside the
// certificates by mistake stay where they are.
func parseBundle(text []byte) ([]byte, error) {
	var certificates bytes.Buffer
	rest, blocks, count := text, 0, 0
	for {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		blocks++
		if block.Type != "CERTIFICATE" {
			continue
		}
		count++
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return nil, fmt.Errorf("certificate %d cannot be parsed: %w", count, err)
		}
		if err := pem.Encode(&certificates, &pem.Block{Type: block.Type, Bytes: block.Bytes}); err != nil {
			return nil, fmt.Errorf("certificate %d cannot be encoded: %w", count, err)
		}
	}
	if begun := bytes.Count(text, []byte("-----BEGIN ")); begun != blocks {
		return nil, fmt.Errorf("%d of its %d PEM blocks are malformed", begun-blocks, begun)
	}
	if count == 0 {
		return nil, errors.New("it holds no certificate in PEM form")
	}
	return certificates.Bytes(), nil
}
