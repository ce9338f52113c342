package gateways

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/krtx"
)

// Port is a port that listeners of a Gateway ask for, whether they get it or
// not.
type Port struct {
	Number int32
	// Internal ports are reached from other ports only, not by a socket.
	Internal bool
}

// portUses are the ports that ListenerSets use: who uses them doesn't matter,
// only how.
type portUses struct {
	members   krt.Collection[krtx.Member]
	byGateway krt.Index[string, krtx.Member]
}

// portUse is one way in which a port is used.
type portUse struct {
	number   int32
	group    string
	internal bool
	// served is false for listeners that aren't sent: they open no port.
	served bool
}

// newPortUses counts the uses of ports in ListenerSets. An event costs the
// ports that the ListenerSet begins or ceases to use.
func newPortUses(sets krt.Collection[ListenerSet], opts krt.OptionsBuilder) portUses {
	members := krtx.NewMembers(sets, func(set ListenerSet) []string {
		var keys []string
		for _, l := range set.Listeners {
			keys = append(keys, set.Gateway.String()+"|"+useOf(l).String())
		}
		slices.Sort(keys)
		return slices.Compact(keys)
	}, opts, "gateways/PortUses")
	return portUses{members: members, byGateway: krt.NewIndex(members, "gateway", func(m krtx.Member) []string {
		gateway, _, _ := strings.Cut(m.Key, "|")
		return []string{gateway}
	})}
}

func (u portUses) fetch(ctx krt.HandlerContext, gateway types.NamespacedName) []portUse {
	var uses []portUse
	for _, member := range krt.Fetch(ctx, u.members, krt.FilterIndex(u.byGateway, gateway.String())) {
		_, text, _ := strings.Cut(member.Key, "|")
		uses = append(uses, parseUse(text))
	}
	return uses
}

func useOf(l Listener) portUse {
	p, _ := protocolOf(l.Protocol)
	return portUse{number: l.Port, group: p.group, internal: l.Internal, served: l.Served}
}

// String and parseUse are each other's inverse.
func (u portUse) String() string {
	return fmt.Sprintf("%d|%s|%t|%t", u.number, u.group, u.internal, u.served)
}

func parseUse(text string) portUse {
	// Only String makes these texts.
	parts := strings.Split(text, "|")
	n, _ := strconv.ParseInt(parts[0], 10, 32)
	return portUse{number: int32(n), group: parts[1], internal: parts[2] == "true", served: parts[3] == "true"}
}

// port is a port of a Gateway with all its uses.
type port struct {
	number int32
	group  string
	// asInternal and asStandard tell in which ways the port is used.
	asInternal, asStandard bool
}

// internal ports are those that everybody agrees on: one listener that wants a
// socket is enough to need it.
func (p port) internal() bool { return p.asInternal && !p.asStandard }

// newPorts merges uses by their ports, in ascending order.
func newPorts(uses []portUse) []port {
	byNumber := map[int32]port{}
	for _, use := range uses {
		p, known := byNumber[use.number]
		if !known {
			// All uses have one group once what they come from is settled.
			p = port{number: use.number, group: use.group}
		}
		p.asInternal, p.asStandard = p.asInternal || use.internal, p.asStandard || !use.internal
		byNumber[use.number] = p
	}
	ports := make([]port, 0, len(byNumber))
	for _, p := range byNumber {
		ports = append(ports, p)
	}
	slices.SortFunc(ports, func(a, b port) int { return int(a.number) - int(b.number) })
	return ports
}

// disagreement reports the ports that some listeners mark internal and others
// don't.
func disagreement(ports []port) *problem {
	var numbers []int32
	for _, p := range ports {
		if p.asInternal && p.asStandard {
			numbers = append(numbers, p.number)
		}
	}
	if len(numbers) == 0 {
		return nil
	}
	return &problem{string(gwv1.GatewayReasonInvalid),
		fmt.Sprintf("port(s) %v are marked internal by some listeners but standard by others", numbers)}
}
