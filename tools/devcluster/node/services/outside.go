//go:build linux

package services

import (
	"net/netip"
	"os"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// raise is added to a port that only root may open: 80 becomes 8080, and 443
// becomes 8443.
const raise = 8000

// Outside says how the machine comes to the Services of a network that it isn't
// part of: by addresses of its own loopback device.
type Outside struct {
	// Node is the node's address, where node ports are open.
	Node netip.Addr
	// FirstPort is the lowest port that this process may open there.
	FirstPort uint16
}

// FirstPort returns the lowest port of the machine's that may be opened without
// the rights of root.
func FirstPort() uint16 {
	content, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err == nil {
		if port, err := strconv.ParseUint(strings.TrimSpace(string(content)), 10, 16); err == nil {
			return uint16(port)
		}
	}
	return 1024
}

// front returns where the machine finds a port of a Service, and whether it
// does: only balanced addresses are open to it. A port that can't be opened is
// replaced by a higher one, unless the Service has that, too.
func (o Outside) front(address netip.Addr, service *corev1.Service, port uint16, balanced netip.Prefix) (front, bool) {
	if !o.Node.IsValid() || !balanced.Contains(address) {
		return front{}, false
	}
	if port >= o.FirstPort {
		return front{AddrPort: netip.AddrPortFrom(address, port), outside: true}, true
	}
	for _, other := range service.Spec.Ports {
		if other.Port == int32(port)+raise {
			return front{}, false
		}
	}
	return front{AddrPort: netip.AddrPortFrom(address, port+raise), outside: true, standsFor: port}, true
}
