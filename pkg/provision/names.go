package provision

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

const (
	// nameLimit is the length of a DNS label, which names of Services and values
	// of labels must keep to.
	nameLimit = 63
	// Longer names keep this many bytes, and get this many digits of a hash.
	keptBytes, hashDigits = 50, 12
)

// Name is the name of the objects of the Gateway called gateway: its own unless
// that is too long. It is also the name under which its proxies authenticate,
// which is why the xDS server must know it.
func Name(gateway string) string { return shorten(gateway) }

func sessionSecretName(name string) string { return shorten(name + "-session-key") }

func authorityName(name string) string { return name + "-xds-ca" }

func shorten(name string) string {
	if len(name) <= nameLimit {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return strings.TrimSuffix(name[:keptBytes], "-") + "-" + hex.EncodeToString(sum[:])[:hashDigits]
}
