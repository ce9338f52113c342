package gateways

import (
	"fmt"
	"strings"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// resolveConflicts marks the listeners of one Gateway that can't be told apart
// or can't share a port. Among a Gateway's own listeners nobody wins: all
// members of such a set are conflicted (Gateway API, "Distinct Listeners").
// Listeners of unsupported protocols take no part.
func resolveConflicts(listeners []*state) {
	byPort := map[int32][]*state{}
	for _, l := range listeners {
		if l.accepted == nil {
			byPort[l.Port] = append(byPort[l.Port], l)
		}
	}
	for port, sharing := range byPort {
		for i, l := range sharing {
			for _, other := range sharing[i+1:] {
				conflict(port, l, other)
			}
		}
	}
	for _, l := range listeners {
		l.Served = l.accepted == nil && l.conflicted == nil
	}
}

func conflict(port int32, a, b *state) {
	pa, _ := protocolOf(a.Protocol)
	pb, _ := protocolOf(b.Protocol)
	var p *problem
	switch {
	case pa.group != pb.group:
		p = &problem{reason: string(gwv1.ListenerReasonProtocolConflict),
			message: fmt.Sprintf("listeners %q and %q use port %d with protocols %s and %s, which can't share one", a.Name, b.Name, port, a.Protocol, b.Protocol)}
	case strings.EqualFold(a.Hostname, b.Hostname):
		p = &problem{reason: string(gwv1.ListenerReasonHostnameConflict),
			message: fmt.Sprintf("listeners %q and %q have the same port %d and hostname %q", a.Name, b.Name, port, a.Hostname)}
	default:
		return
	}
	for _, l := range []*state{a, b} {
		// A protocol conflict concerns the port as a whole and is reported first.
		if l.conflicted == nil || l.conflicted.reason == string(gwv1.ListenerReasonHostnameConflict) {
			l.conflicted = p
		}
	}
}
