//go:build linux

package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// loopback is what a network apart takes its addresses on the machine from. All
// of 127.0.0.0/8 is the machine's, and anybody may listen on it.
var loopback = netip.MustParsePrefix("127.18.0.0/16")

// routeLoopback lets a network use loopback addresses for more than itself.
var routeLoopback = map[string]string{"net.ipv4.conf.all.route_localnet": "1"}

// settleApart prepares what a new namespace doesn't have.
func (n *Network) settleApart() error {
	device, err := n.links.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := n.links.LinkSetUp(device); err != nil {
		return fmt.Errorf("starting the loopback device: %w", err)
	}
	if err := n.place.run(func() error { return apply(routeLoopback) }); err != nil {
		return err
	}
	n.outside, n.claim, err = claimOutside()
	return err
}

// claimOutside takes addresses that no other network apart has on this machine,
// until the claim is closed, or this process ends. The claim is an abstract
// name of a socket: these are unique in a network namespace, and the kernel
// removes them.
func claimOutside() (netip.Prefix, io.Closer, error) {
	base := loopback.Addr().As4()
	for part := range 256 {
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{base[0], base[1], byte(part), 0}), 24)
		claim, err := net.Listen("unix", "@devcluster/"+prefix.String())
		if err == nil {
			return prefix, claim, nil
		}
		if !errors.Is(err, unix.EADDRINUSE) {
			return netip.Prefix{}, nil, fmt.Errorf("claiming %s: %w", prefix, err)
		}
	}
	return netip.Prefix{}, nil, fmt.Errorf("no part of %s is free: too many clusters run on this machine", loopback)
}

// Outside is where the machine reaches the node of a network apart: a part of
// the loopback network that only this node listens on, and that pods reach the
// node by, too. It isn't valid if the network is the machine's.
func (n *Network) Outside() netip.Prefix { return n.outside }

// Namespace is where the node is, nil for the machine's own network.
func (n *Network) Namespace() *os.File { return n.place.namespace }

// Listen accepts connections where the node is.
func (n *Network) Listen(address netip.AddrPort) (net.Listener, error) {
	var listener net.Listener
	err := n.place.run(func() (err error) {
		listener, err = net.Listen("tcp4", address.String())
		return err
	})
	return listener, err
}

// ListenPacket receives packets where the node is.
func (n *Network) ListenPacket(address netip.AddrPort) (net.PacketConn, error) {
	var packets net.PacketConn
	err := n.place.run(func() (err error) {
		packets, err = net.ListenPacket("udp4", address.String())
		return err
	})
	return packets, err
}

// Dial connects to an address of the network from where the node is, and to
// all others from the machine.
func (n *Network) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if to, err := netip.ParseAddrPort(address); err == nil && n.has(to.Addr()) {
		return n.DialNode(ctx, network, address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// DialNode connects to any address from where the node is.
func (n *Network) DialNode(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{}
	if n.place.namespace != nil {
		dialer.Control = control(n.place.run)
	}
	return dialer.DialContext(ctx, network, address)
}

// has tells whether an address can be reached from where the node is only.
func (n *Network) has(address netip.Addr) bool {
	return n.place.namespace != nil &&
		(n.subnet.Contains(address) || n.outside.Contains(address) || slices.ContainsFunc(n.local, func(p netip.Prefix) bool { return p.Contains(address) }))
}

// Check returns an error if this process may not change the machine's network.
func Check() error {
	// The kernel looks at who asks before it looks for the device.
	nothing := &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: 1<<31 - 1}}
	if err := netlink.LinkDel(nothing); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("changing the machine's network: %w", err)
	}
	namespace, err := (&place{}).newNamespace()
	if err != nil {
		return err
	}
	return namespace.Close()
}

// CheckApart returns an error if this process may not make a network apart.
func CheckApart() error {
	own, err := ownPlace()
	if err != nil {
		return err
	}
	defer own.close()
	namespace, err := own.newNamespace()
	if err != nil {
		return err
	}
	defer namespace.Close()
	links, err := own.links()
	if err != nil {
		return err
	}
	defer links.Close()
	attributes := netlink.NewLinkAttrs()
	attributes.Name = "trial"
	if err := links.LinkAdd(&netlink.Bridge{LinkAttrs: attributes}); err != nil {
		return fmt.Errorf("making a bridge: %w", err)
	}
	return nil
}
