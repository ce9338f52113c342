//go:build linux

package network

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

// TestApart listens in a network apart: only who is in it gets there, and the
// machine is in reach, too.
func TestApart(t *testing.T) {
	if err := CheckApart(); err != nil {
		t.Skipf("no network apart can be made here: %v", err)
	}
	n, err := New(Plan{Subnet: netip.MustParsePrefix("198.18.0.0/16"), Last: netip.MustParseAddr("198.18.0.9"), Apart: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	node := netip.AddrPortFrom(n.Outside().Addr().Next(), 0)
	within, err := n.Listen(node)
	if err != nil {
		t.Fatal(err)
	}
	defer within.Close()
	machine, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer machine.Close()
	for _, listener := range []net.Listener{within, machine} {
		connection, err := n.Dial(ctx, "tcp", listener.Addr().String())
		if err != nil {
			t.Error(err)
			continue
		}
		connection.Close()
	}
	if _, err := n.DialNode(ctx, "tcp", machine.Addr().String()); err == nil {
		t.Error("the machine's loopback device is the node's, too")
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if _, err := n.DialNode(ctx, "tcp", within.Addr().String()); !errors.Is(err, errClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// TestClaimOutside checks that claims never overlap, and end when they are
// closed.
func TestClaimOutside(t *testing.T) {
	first, claim, err := claimOutside()
	if err != nil {
		t.Fatal(err)
	}
	second, other, err := claimOutside()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if first.Overlaps(second) || !loopback.Contains(first.Addr()) || !loopback.Contains(second.Addr()) {
		t.Errorf("claimed %s and %s", first, second)
	}
	if err := claim.Close(); err != nil {
		t.Fatal(err)
	}
	// Nobody else knows the part that was given back, unless a cluster that
	// starts on this machine is faster.
	third, last, err := claimOutside()
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	if third.Overlaps(second) {
		t.Errorf("%s is claimed twice", third)
	}
}
