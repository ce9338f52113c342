package gateways

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"
)

// claim is what a listener wants for itself alone: a host name on a port, in a
// protocol of a group.
type claim struct {
	port     int32
	group    string
	hostname string
	protocol gwv1.ProtocolType
	// index is the listener's place in the object that declares it.
	index int
}

// claims are those of one object, in the order of its listeners.
type claims struct {
	types.NamespacedName
	// gateway is the Gateway that the ports are on.
	gateway types.NamespacedName
	created time.Time
	list    []claim
}

// ResourceName is the key "<namespace>/<name>".
func (c claims) ResourceName() string { return c.String() }

// Equals compares everything.
func (c claims) Equals(other claims) bool {
	return c.NamespacedName == other.NamespacedName && c.gateway == other.gateway && c.created.Equal(other.created) &&
		slices.Equal(c.list, other.list)
}

// claimsOf lists what states claim. Listeners that can't exist claim nothing.
func claimsOf(states []state) []claim {
	var list []claim
	for i, s := range states {
		if s.unsupported != nil {
			continue
		}
		p, _ := protocolOf(s.Protocol)
		c := claim{port: s.Port, group: p.group, hostname: s.Hostname, protocol: s.Protocol, index: i}
		if p.hostless {
			c.hostname = ""
		}
		list = append(list, c)
	}
	return list
}

// compare orders ListenerSets by precedence: older ones first, then by the
// text of namespace and name.
func (c claims) compare(other claims) int {
	return cmp.Or(c.created.Compare(other.created), strings.Compare(c.String(), other.String()))
}

func portKey(gateway types.NamespacedName, port int32) string {
	return fmt.Sprintf("%s|%d", gateway, port)
}

func hostKey(gateway types.NamespacedName, c claim) string {
	return portKey(gateway, c.port) + "|" + c.hostname
}

// owner is who decides what is spoken on a port of a Gateway.
type owner struct {
	// port is the portKey.
	port     string
	group    string
	protocol gwv1.ProtocolType
	// mixed says that the Gateway's own listeners don't agree, and nobody can
	// have the port.
	mixed bool
}

// ResourceName is the key of the port.
func (o owner) ResourceName() string { return o.port }

// Equals compares everything.
func (o owner) Equals(other owner) bool { return o == other }

// newOwners finds the first claim on each port that ListenerSets claim. An
// event costs a look at the claims on its ports, and has an event of its own
// only when the protocol of a port changes.
func newOwners(own, sets krt.Collection[claims], opts krt.OptionsBuilder) krt.Collection[owner] {
	byPort := krt.NewIndex(sets, "port", func(c claims) []string {
		return keysOf(c, func(claim claim) string { return portKey(c.gateway, claim.port) })
	}).AsCollection(opts.WithName("gateways/Ports")...)
	return krt.NewCollection(byPort, func(ctx krt.HandlerContext, claimed krt.IndexObject[string, claims]) *owner {
		o := &owner{port: claimed.Key}
		gateway, number := cutPort(claimed.Key)
		if first := krt.FetchOne(ctx, own, krt.FilterKey(gateway)); first != nil {
			for _, claim := range first.list {
				if claim.port == number {
					o.mixed = o.mixed || o.group != "" && o.group != claim.group
					o.take(claim)
				}
			}
		}
		if o.group == "" && len(claimed.Objects) > 0 {
			first := slices.MinFunc(claimed.Objects, claims.compare)
			for _, claim := range first.list {
				if claim.port == number {
					o.take(claim)
				}
			}
		}
		return o
	}, opts.WithName("gateways/Owners")...)
}

// take lets the first claim have the port.
func (o *owner) take(c claim) {
	if o.group == "" {
		o.group, o.protocol = c.group, c.protocol
	}
}

func keysOf(c claims, key func(claim) string) []string {
	keys := make([]string, 0, len(c.list))
	for _, claim := range c.list {
		keys = append(keys, key(claim))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// cutPort takes a portKey apart.
func cutPort(key string) (gateway string, port int32) {
	gateway, number, _ := strings.Cut(key, "|")
	// Only portKey makes these texts.
	n, _ := strconv.ParseInt(number, 10, 32)
	return gateway, int32(n)
}

// ruling says what becomes of a claim of a ListenerSet.
type ruling struct {
	// contest is the hostKey of what is claimed. Together with the group it
	// tells a ruling on this claim from one on what stood there before.
	contest, group string
	set            types.NamespacedName
	index          int
	// lost is why the claim has no effect; the zero value is for one that has.
	lost problem
}

// ResourceName has the contest in it: while a listener moves from one port to
// another, there may be rulings on both.
func (r ruling) ResourceName() string { return fmt.Sprintf("%s|%s|%d", r.contest, r.set, r.index) }

// Equals compares everything.
func (r ruling) Equals(other ruling) bool { return r == other }

// newRulings compares those who claim the same host on the same port: the
// Gateway's own listeners come first, then ListenerSets by precedence. An
// event costs its claims and those of its rivals, not those of others on the
// port.
func newRulings(own, sets krt.Collection[claims], owners krt.Collection[owner], opts krt.OptionsBuilder) krt.Collection[ruling] {
	byHost := krt.NewIndex(sets, "host", func(c claims) []string {
		return keysOf(c, func(claim claim) string { return hostKey(c.gateway, claim) })
	}).AsCollection(opts.WithName("gateways/Hosts")...)
	return krt.NewManyCollection(byHost, func(ctx krt.HandlerContext, rivals krt.IndexObject[string, claims]) []ruling {
		c := newContest(rivals.Key)
		owner := krt.FetchOne(ctx, owners, krt.FilterKey(c.port))
		if owner == nil {
			// It comes, and until then nothing is decided.
			return nil
		}
		c.owner = *owner
		gateway, _ := cutPort(c.port)
		if first := krt.FetchOne(ctx, own, krt.FilterKey(gateway)); first != nil && slices.ContainsFunc(first.list, c.concerns) {
			c.held, c.byGateway = true, true
		}
		// The index's list is shared.
		for _, set := range slices.SortedFunc(slices.Values(rivals.Objects), claims.compare) {
			c.enter(set)
		}
		return c.rulings
	}, opts.WithName("gateways/Rulings")...)
}

// contest gives a host of a port to who comes first.
type contest struct {
	key, port string
	number    int32
	hostname  string
	owner     owner
	// held says that somebody has it: the Gateway or else holder.
	held, byGateway bool
	holder          types.NamespacedName
	rulings         []ruling
}

func newContest(key string) contest {
	gateway, rest, _ := strings.Cut(key, "|")
	number, hostname, _ := strings.Cut(rest, "|")
	c := contest{key: key, port: gateway + "|" + number, hostname: hostname}
	_, c.number = cutPort(c.port)
	return c
}

func (c *contest) concerns(claim claim) bool {
	return claim.port == c.number && claim.hostname == c.hostname
}

// enter rules on the claims of the next ListenerSet.
func (c *contest) enter(set claims) {
	for _, claim := range set.list {
		if !c.concerns(claim) {
			continue
		}
		r := ruling{contest: c.key, group: claim.group, set: set.NamespacedName, index: claim.index, lost: c.refuse(set, claim)}
		if r.lost == (problem{}) {
			c.held, c.holder = true, set.NamespacedName
		}
		c.rulings = append(c.rulings, r)
	}
}

// refuse returns why a claim loses. The messages don't name other ListenerSets:
// they may be of people who have nothing to do with each other.
func (c *contest) refuse(set claims, claim claim) problem {
	switch {
	case c.owner.mixed:
		return problem{string(gwv1.ListenerReasonProtocolConflict),
			fmt.Sprintf("port %d has listeners of the Gateway with protocols that can't share one", claim.port)}
	case c.owner.group != claim.group:
		return problem{string(gwv1.ListenerReasonProtocolConflict),
			fmt.Sprintf("port %d is used with protocol %s by a listener that takes precedence; protocol %s can't share it", claim.port, c.owner.protocol, claim.protocol)}
	case c.held:
		by := "a ListenerSet that takes precedence"
		if c.byGateway {
			by = "a listener of the Gateway"
		} else if c.holder == set.NamespacedName {
			by = "an earlier listener of this ListenerSet"
		}
		return problem{string(gwv1.ListenerReasonHostnameConflict),
			fmt.Sprintf("port %d and hostname %q are taken by %s", claim.port, claim.hostname, by)}
	default:
		return problem{}
	}
}
