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
	"runtime"
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
	if pod.namespace, err = newNamespace(); err == nil {
		if err = pod.connect(number); err == nil {
			err = pod.inside(func() error { return apply(settings) })
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
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("making the network device of a pod: %w", err)
	}
	if err := netlink.LinkSetUp(veth); err != nil {
		return fmt.Errorf("starting the network device of a pod: %w", err)
	}
	within, err := netlink.NewHandleAt(netns.NsHandle(p.namespace.Fd()), unix.NETLINK_ROUTE)
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
	return nil
}

// Namespace is the network namespace, open until Close.
func (p *Pod) Namespace() *os.File { return p.namespace }

// Dial connects to an address, a literal IP with port, as the pod would.
func (p *Pod) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	var connection net.Conn
	err := p.inside(func() (err error) {
		connection, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return err
	})
	return connection, err
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

// inside runs the function on a thread that is in the pod's network.
func (p *Pod) inside(do func() error) error {
	return onThread(func() error { return unix.Setns(int(p.namespace.Fd()), unix.CLONE_NEWNET) }, do)
}

func newNamespace() (*os.File, error) {
	var made *os.File
	err := onThread(func() error { return unix.Unshare(unix.CLONE_NEWNET) }, func() (err error) {
		made, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("making the network namespace of a pod: %w", err)
	}
	return made, nil
}

// onThread runs do on a thread whose network enter has changed, and puts the
// thread back. It must not be thrown away instead: containers are told to die
// with the thread that started them, and this one may have started some.
func onThread(enter, do func() error) error {
	runtime.LockOSThread()
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer own.Close()
	if err := enter(); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	err = do()
	if back := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); back != nil {
		// Nothing else may run on this thread: it ends with its goroutine.
		return errors.Join(err, fmt.Errorf("returning from the network of a pod: %w", back))
	}
	runtime.UnlockOSThread()
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
