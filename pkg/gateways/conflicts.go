package gateways

import (
	"fmt"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// resolveConflicts marks the listeners of one Gateway that can't be told apart
// or can't share a port. Among a Gateway's own listeners nobody wins: all
// members of such a set are conflicted (Gateway API, "Distinct Listeners").
func resolveConflicts(states []state) {
	list := claimsOf(states)
	for i, a := range list {
		for _, b := range list[i+1:] {
			if a.port == b.port {
				conflict(states, a, b)
			}
		}
	}
}

func conflict(states []state, a, b claim) {
	first, second := &states[a.index], &states[b.index]
	var p *problem
	switch {
	case a.group != b.group:
		p = &problem{reason: string(gwv1.ListenerReasonProtocolConflict),
			message: fmt.Sprintf("listeners %q and %q use port %d with protocols %s and %s, which can't share one",
				first.Name, second.Name, a.port, a.protocol, b.protocol)}
	case a.hostname == b.hostname:
		p = &problem{reason: string(gwv1.ListenerReasonHostnameConflict),
			message: fmt.Sprintf("listeners %q and %q have the same port %d and hostname %q", first.Name, second.Name, a.port, a.hostname)}
	default:
		return
	}
	for _, s := range []*state{first, second} {
		// A protocol conflict concerns the port as a whole and is reported first.
		if s.conflicted == nil || s.conflicted.reason == string(gwv1.ListenerReasonHostnameConflict) {
			s.conflict(p)
		}
	}
}
