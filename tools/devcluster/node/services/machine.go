//go:build linux

package services

import (
	"bufio"
	"context"
	"errors"
	"io"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/types"
)

// machine stands for what runs on the machine beside the cluster, which no
// Service can be named like.
var machine = types.NamespacedName{Name: "(machine)"}

// machinePeriod is how often the machine is looked at. The kernel tells nobody
// when a port opens; looking takes some ten microseconds.
const machinePeriod = 100 * time.Millisecond

// tcpListen is the state of a listening socket in /proc/net/tcp.
const tcpListen = "0A"

// followMachine lets pods reach the programs of the machine that they aren't in
// one network with: each port on which one listens on all its addresses is also
// opened on the node's, and leads there. It returns when ctx ends.
func (p *Proxy) followMachine(ctx context.Context) {
	ticker := time.NewTicker(machinePeriod)
	defer ticker.Stop()
	var last []uint16
	for {
		ports, err := machinePorts()
		if err != nil && ctx.Err() == nil {
			p.config.Log("looking for what listens on this machine: %v", err)
			return
		}
		if !slices.Equal(ports, last) {
			p.openMachine(ports)
			last = ports
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (p *Proxy) openMachine(ports []uint16) {
	wanted := map[front]backends{}
	for _, port := range ports {
		wanted[front{AddrPort: netip.AddrPortFrom(p.config.Node, port)}] = backends{endpoint("127.0.0.1", int32(port))}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// A port may be taken there, by the node or by a node port, which then is
	// who answers.
	if err := p.apply(machine, wanted, false); err != nil && !errors.Is(err, unix.EADDRINUSE) {
		p.config.Log("opening a port of this machine to pods: %v", err)
	}
}

// machinePorts returns the ports of the machine, in their order, on which
// something listens on all addresses.
func machinePorts() ([]uint16, error) {
	found := map[uint16]bool{}
	for _, name := range []string{"tcp", "tcp6"} {
		// Of this thread: another one may be in another network.
		file, err := os.Open("/proc/thread-self/net/" + name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		err = errors.Join(readPorts(file, found), file.Close())
		if err != nil {
			return nil, err
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// readPorts reads a table of sockets. Those that listen come first.
func readPorts(table io.Reader, found map[uint16]bool) error {
	lines := bufio.NewScanner(table)
	// The first line names the columns.
	lines.Scan()
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[3] != tcpListen {
			return nil
		}
		address, port, _ := strings.Cut(fields[1], ":")
		if strings.Trim(address, "0") != "" {
			continue
		}
		number, err := strconv.ParseUint(port, 16, 16)
		if err != nil {
			return err
		}
		found[uint16(number)] = true
	}
	return lines.Err()
}
