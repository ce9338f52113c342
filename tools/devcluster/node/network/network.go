//go:build linux

// Package network connects pods: each gets a network namespace with an
// address of its own on a bridge that the machine is part of. Addresses of
// Services are local to the machine, so that a program here can answer them,
// and pods come there by way of the bridge.
//
// The bridge is in the machine's network, or apart from it in a network
// namespace of its own (see Plan). A process apart stays in the machine's
// network with all its threads but a few; sockets belong to where they are made.
//
// Nothing but the bridge outlives a crash: namespaces are held open by this
// process alone, and routes go with the bridge.
package network

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// bridgePrefix, with the id of the process behind it, names the bridge.
const bridgePrefix = "devcl"

const (
	// removalPatience is how long the kernel may take to remove what pods had.
	// It takes tens of milliseconds, and more for hundreds of pods.
	removalPatience = 10 * time.Second
	removalPoll     = 20 * time.Millisecond
)

// Network is the bridge and what hangs on it.
type Network struct {
	place   *place
	links   *netlink.Handle
	bridge  *netlink.Bridge
	subnet  netip.Prefix
	local   []netip.Prefix
	gateway netip.Addr
	// outside, if it is valid, is the part of the machine's loopback network
	// that is the node's as long as claim is open.
	outside netip.Prefix
	claim   io.Closer

	mu   sync.Mutex
	free addresses
	next int
}

// Plan is which addresses are used. The ranges must not be in use otherwise.
type Plan struct {
	// Subnet is the bridge's. Its first address is the machine's.
	Subnet netip.Prefix
	// Last is the last address for a pod.
	Last netip.Addr
	// Local are ranges that belong to this machine as a whole; they may lie in
	// the subnet.
	Local []netip.Prefix
	// Apart puts all of this into a network namespace of its own, where the
	// machine doesn't come to. See Outside for what it can reach.
	Apart bool
}

// New makes the bridge, after removing those of processes that are gone.
func New(plan Plan) (*Network, error) {
	gateway := plan.Subnet.Masked().Addr().Next()
	n := &Network{
		place: &place{}, subnet: plan.Subnet, local: plan.Local, gateway: gateway,
		free: addresses{first: gateway.Next(), last: plan.Last, used: map[netip.Addr]bool{}},
	}
	if err := n.settle(plan.Apart); err != nil {
		return nil, errors.Join(err, n.leave())
	}
	attributes := netlink.NewLinkAttrs()
	attributes.Name = bridgePrefix + strconv.Itoa(os.Getpid())
	bridge := &netlink.Bridge{LinkAttrs: attributes}
	if err := n.links.LinkAdd(bridge); err != nil {
		return nil, errors.Join(fmt.Errorf("making the bridge %s: %w", attributes.Name, err), n.leave())
	}
	n.bridge = bridge
	if err := n.configure(); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// settle chooses where the bridge will be, and clears the ground.
func (n *Network) settle(apart bool) error {
	var err error
	if apart {
		if n.place, err = ownPlace(); err != nil {
			n.place = &place{}
			return err
		}
	}
	if n.links, err = n.place.links(); err != nil {
		return err
	}
	if apart {
		return n.settleApart()
	}
	return removeStale(n.links)
}

// leave gives back what settle has taken.
func (n *Network) leave() error {
	var err error
	if n.links != nil {
		n.links.Close()
	}
	if n.claim != nil {
		err = n.claim.Close()
	}
	return errors.Join(err, n.place.close())
}

func (n *Network) configure() error {
	if err := n.links.LinkSetAlias(n.bridge, owner(os.Getpid())); err != nil {
		return fmt.Errorf("marking the bridge: %w", err)
	}
	if err := n.links.AddrAdd(n.bridge, &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(n.gateway, n.subnet.Bits()))}); err != nil {
		return fmt.Errorf("giving the bridge its address: %w", err)
	}
	if err := n.links.LinkSetUp(n.bridge); err != nil {
		return fmt.Errorf("starting the bridge: %w", err)
	}
	for _, local := range n.local {
		route := &netlink.Route{
			LinkIndex: n.bridge.Index, Dst: ipNet(local), Table: unix.RT_TABLE_LOCAL, Type: unix.RTN_LOCAL, Scope: netlink.SCOPE_HOST,
		}
		if err := n.links.RouteAdd(route); err != nil {
			return fmt.Errorf("claiming %s: %w", local, err)
		}
	}
	return nil
}

// Gateway is the machine's address as pods see it.
func (n *Network) Gateway() netip.Addr { return n.gateway }

// Close removes the bridge with its routes. Pods must have been closed; it
// waits for the kernel to remove their devices, and then removes what is left.
func (n *Network) Close() error {
	for deadline := time.Now().Add(removalPatience); time.Now().Before(deadline); time.Sleep(removalPoll) {
		if len(n.devices()) == 0 {
			break
		}
	}
	for _, device := range n.devices() {
		// It may be gone by now.
		_ = n.links.LinkDel(device)
	}
	err := n.links.LinkDel(n.bridge)
	if err != nil {
		err = fmt.Errorf("removing the bridge: %w", err)
	}
	return errors.Join(err, n.leave())
}

// devices returns the machine's ends of the pods' cables.
func (n *Network) devices() []netlink.Link {
	links, err := n.links.LinkList()
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(links, func(link netlink.Link) bool { return !strings.HasPrefix(link.Attrs().Name, devicePrefix()) })
}

// removeStale removes what is left of processes that didn't clean up. It
// returns ErrBusy if one of them still runs.
func removeStale(links *netlink.Handle) error {
	all, err := links.LinkList()
	if err != nil {
		return fmt.Errorf("listing network devices: %w", err)
	}
	for _, link := range all {
		id, ours := strings.CutPrefix(link.Attrs().Name, bridgePrefix)
		pid, err := strconv.Atoi(id)
		if !ours || err != nil || link.Type() != "bridge" {
			continue
		}
		// A process id may be in use again; with the time of its start it is
		// unique. No alias at all was set by a process killed at once.
		if alias := link.Attrs().Alias; alias != "" && alias == owner(pid) && pid != os.Getpid() {
			return fmt.Errorf("%w (process %d)", ErrBusy, pid)
		}
		if err := links.LinkDel(link); err != nil {
			return fmt.Errorf("removing the stale bridge %s: %w", link.Attrs().Name, err)
		}
	}
	return nil
}

// owner describes a running process, in a text that no other has until the
// machine starts again. It is "" for a process that doesn't run.
func owner(pid int) string {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	// The name in parentheses may hold anything; the start is field 22 of the
	// line, the 20th after the name.
	_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')'):]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return ""
	}
	return fmt.Sprintf("devcluster %d %s", pid, fields[19])
}

func ipNet(prefix netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())}
}

// addresses gives out the addresses from first to last. One that was given
// back is used again only after all others.
type addresses struct {
	first, last, recent netip.Addr
	used                map[netip.Addr]bool
}

func (a *addresses) take() (netip.Addr, error) {
	candidate := a.recent
	for range len(a.used) + 1 {
		if !candidate.IsValid() || candidate.Compare(a.last) >= 0 {
			candidate = a.first
		} else {
			candidate = candidate.Next()
		}
		if !a.used[candidate] {
			a.used[candidate], a.recent = true, candidate
			return candidate, nil
		}
	}
	return netip.Addr{}, errors.New("no address is free")
}
