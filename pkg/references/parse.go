package references

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"sync"
)

// parsed is what parsing found. Its texts are fixed: nothing of what was
// parsed may reach a status or a log.
type parsed struct {
	// fault says what is wrong, "" for nothing.
	fault string
	// authority tells that the certificate may sign others.
	authority bool
}

// parseKeyPair checks what a proxy needs: at least one certificate, the leaf
// first, and exactly one private key, that of the leaf.
func parseKeyPair(certificate, privateKey []byte) parsed {
	switch {
	case len(certificate) == 0:
		return parsed{fault: "the secret has no tls.crt"}
	case len(privateKey) == 0:
		return parsed{fault: "the secret has no tls.key"}
	}
	blocks := blocksOf(certificate, func(blockType string) bool { return blockType == "CERTIFICATE" })
	if len(blocks) == 0 {
		return parsed{fault: "tls.crt holds no certificate in PEM"}
	}
	leaf, err := x509.ParseCertificate(blocks[0].Bytes)
	if err != nil {
		return parsed{fault: "the first certificate of tls.crt can't be parsed"}
	}
	keys := blocksOf(privateKey, func(blockType string) bool {
		return blockType == "PRIVATE KEY" || strings.HasSuffix(blockType, " PRIVATE KEY")
	})
	if len(keys) != 1 {
		return parsed{fault: "tls.key must hold exactly one private key in PEM"}
	}
	if _, err := tls.X509KeyPair(certificate, privateKey); err != nil {
		return parsed{fault: "tls.key can't be parsed, or isn't the key of the first certificate of tls.crt"}
	}
	return parsed{authority: leaf.IsCA}
}

// parseAuthorities wants at least one certificate that can be parsed. Others
// beside it are the proxy's to judge: old roots have oddities that some
// libraries take and others don't.
func parseAuthorities(bundle []byte) parsed {
	if len(bundle) == 0 {
		return parsed{fault: "has no " + authoritiesKey}
	}
	blocks := blocksOf(bundle, func(blockType string) bool { return blockType == "CERTIFICATE" })
	if !slices.ContainsFunc(blocks, func(block *pem.Block) bool {
		_, err := x509.ParseCertificate(block.Bytes)
		return err == nil
	}) {
		return parsed{fault: authoritiesKey + " holds no certificate in PEM that can be parsed"}
	}
	return parsed{}
}

func blocksOf(text []byte, wanted func(blockType string) bool) []*pem.Block {
	var blocks []*pem.Block
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return blocks
		}
		if wanted(block.Type) {
			blocks = append(blocks, block)
		}
	}
}

// memo remembers what parsing found, by the hash of what was parsed: checking
// a key costs far more than hashing it, and a Gateway's certificates are looked
// at whenever anything of the Gateway changes. It holds no bytes of Secrets.
type memo struct {
	mu sync.Mutex
	// recent takes new findings; when it is full it becomes former, and what
	// nobody asked for since is forgotten.
	recent, former map[[sha256.Size]byte]parsed
}

// memoSize is the number of findings that are remembered at least, well above
// the certificates of a large cluster. A finding takes about 100 bytes.
const memoSize = 1 << 14

func newMemo() *memo { return &memo{recent: map[[sha256.Size]byte]parsed{}} }

func (m *memo) keyPair(certificate, privateKey []byte) parsed {
	// The hash of the parts' hashes, so that their boundary counts.
	c, k := sha256.Sum256(certificate), sha256.Sum256(privateKey)
	return m.get(sha256.Sum256(append(c[:], k[:]...)), func() parsed { return parseKeyPair(certificate, privateKey) })
}

func (m *memo) authorities(bundle []byte) (fault string) {
	return m.get(sha256.Sum256(bundle), func() parsed { return parseAuthorities(bundle) }).fault
}

func (m *memo) get(key [sha256.Size]byte, parse func() parsed) parsed {
	m.mu.Lock()
	found, known := m.recent[key]
	if !known {
		if found, known = m.former[key]; known {
			m.put(key, found)
		}
	}
	m.mu.Unlock()
	if known {
		return found
	}
	// Outside the lock: two at once may parse the same, which does no harm.
	found = parse()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(key, found)
	return found
}

func (m *memo) put(key [sha256.Size]byte, found parsed) {
	if len(m.recent) >= memoSize {
		m.recent, m.former = map[[sha256.Size]byte]parsed{}, m.recent
	}
	m.recent[key] = found
}
