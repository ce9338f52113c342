//go:build linux

package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Pod is the network of one pod.
type Pod struct {
	Address netip.Addr

	network   *Network
	namespace *os.File
}

// Attach makes the network of a pod, with kernel settings of its own by their
// names in the form "net.ipv4.tcp_syncookies".
func (n *Network) Attach(settings map[string]string) (*Pod, error) {
	n.mu.Lock()
	address, err := n.free.take()
	n.next++
	number := n.next
	n.mu.Unlock()
	if err != nil {
		return nil, err
	}
	pod := &Pod{Address: address, network: n}
	if pod.namespace, err = n.place.newNamespace(); err == nil {
		if err = pod.connect(number); err == nil {
			err = n.place.inside(pod.namespace, func() error { return apply(settings) })
		}
	}
	if err != nil {
		return nil, errors.Join(err, pod.Close())
	}
	return pod, nil
}

// devicePrefix begins the names of the machine's ends of the pods' cables.
func devicePrefix() string { return fmt.Sprintf("dv%x-", os.Getpid()) }

// connect puts the pod on the bridge.
func (p *Pod) connect(number int) error {
	attributes := netlink.NewLinkAttrs()
	// At most 15 bytes.
	attributes.Name = devicePrefix() + strconv.FormatInt(int64(number), 16)
	attributes.MasterIndex = p.network.bridge.Index
	veth := &netlink.Veth{LinkAttrs: attributes, PeerName: "eth0", PeerNamespace: netlink.NsFd(p.namespace.Fd())}
	if err := p.network.links.LinkAdd(veth); err != nil {
		return fmt.Errorf("making the network device of a pod: %w", err)
	}
	if err := p.network.links.LinkSetUp(veth); err != nil {
		return fmt.Errorf("starting the network device of a pod: %w", err)
	}
	var within *netlink.Handle
	err := p.network.place.run(func() (err error) {
		within, err = netlink.NewHandleAt(netns.NsHandle(p.namespace.Fd()), unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return fmt.Errorf("entering the network of a pod: %w", err)
	}
	defer within.Close()
	loopback, err := within.LinkByName("lo")
	if err != nil {
		return err
	}
	device, err := within.LinkByName("eth0")
	if err != nil {
		return err
	}
	own := &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(p.Address, p.network.subnet.Bits()))}
	if err := within.AddrAdd(device, own); err != nil {
		return fmt.Errorf("giving a pod its address: %w", err)
	}
	if err := errors.Join(within.LinkSetUp(loopback), within.LinkSetUp(device)); err != nil {
		return fmt.Errorf("starting the network of a pod: %w", err)
	}
	route := &netlink.Route{LinkIndex: device.Attrs().Index, Gw: p.network.gateway.AsSlice()}
	if err := within.RouteAdd(route); err != nil {
		return fmt.Errorf("giving a pod its default route: %w", err)
	}
	return p.openOutside(within, device)
}

// openOutside leads the addresses that the node has on the machine's loopback
// network to the node: elsewhere than here they would be the pod's own.
func (p *Pod) openOutside(within *netlink.Handle, device netlink.Link) error {
	outside := p.network.outside
	if !outside.IsValid() {
		return nil
	}
	// The local table is asked first, and has a wider route to the loopback
	// device.
	route := &netlink.Route{
		LinkIndex: device.Attrs().Index, Dst: ipNet(outside), Gw: p.network.gateway.AsSlice(), Table: unix.RT_TABLE_LOCAL, Type: unix.RTN_UNICAST,
	}
	if err := within.RouteAdd(route); err != nil {
		return fmt.Errorf("leading a pod to %s: %w", outside, err)
	}
	return p.network.place.inside(p.namespace, func() error { return apply(routeLoopback) })
}

// Namespace is the network namespace, open until Close.
func (p *Pod) Namespace() *os.File { return p.namespace }

// Dial connects to an address, a literal IP with port, as the pod would.
func (p *Pod) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Control: control(func(do func() error) error { return p.network.place.inside(p.namespace, do) })}
	return dialer.DialContext(ctx, network, address)
}

// Close gives the network and its address back. The kernel removes the network
// with the last process in it, a moment later and many at a time: removing the
// device here would cost a good part of a second for each pod, one by one.
func (p *Pod) Close() error {
	var err error
	if p.namespace != nil {
		err = p.namespace.Close()
	}
	p.network.mu.Lock()
	delete(p.network.free.used, p.Address)
	p.network.mu.Unlock()
	return err
}

// apply writes kernel settings of the network that the thread is in.
func apply(settings map[string]string) error {
	for name, value := range settings {
		if !strings.HasPrefix(name, "net.") || strings.Contains(name, "..") {
			return fmt.Errorf("sysctl %s isn't one of the network's", name)
		}
		path := filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/"))
		if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
			return fmt.Errorf("sysctl %s=%s: %w", name, value, err)
		}
	}
	return nil
}
