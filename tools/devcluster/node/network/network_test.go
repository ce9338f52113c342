//go:build linux

package network

import (
	"net/netip"
	"os"
	"testing"
)

func TestAddresses(t *testing.T) {
	a := addresses{first: netip.MustParseAddr("198.18.0.2"), last: netip.MustParseAddr("198.18.0.4"), used: map[netip.Addr]bool{}}
	take := func(want string) {
		t.Helper()
		got, err := a.take()
		if want == "" && err == nil || want != "" && got.String() != want {
			t.Errorf("took %v (%v), want %q", got, err, want)
		}
	}
	take("198.18.0.2")
	take("198.18.0.3")
	delete(a.used, netip.MustParseAddr("198.18.0.2"))
	// One that was given back comes after the others.
	take("198.18.0.4")
	take("198.18.0.2")
	take("")
	delete(a.used, netip.MustParseAddr("198.18.0.3"))
	take("198.18.0.3")
}

func TestOwner(t *testing.T) {
	own := owner(os.Getpid())
	if own == "" || own != owner(os.Getpid()) {
		t.Errorf("owner %q, then %q", own, owner(os.Getpid()))
	}
	if parent := owner(os.Getppid()); parent == own {
		t.Errorf("two processes are %q", own)
	}
	// No process has a number as high as this.
	if got := owner(1 << 30); got != "" {
		t.Errorf("a process that isn't there is %q", got)
	}
}
