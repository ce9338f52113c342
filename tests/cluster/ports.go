package cluster

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
)

const (
	// firstPort and portCount are a range below the one from which systems take
	// the ports of outgoing connections: a port of that might be taken in
	// passing before the one it is meant for listens.
	firstPort, portCount = 20000, 12000
	// portsEach keeps processes that run at the same time apart.
	portsEach = 97
)

// lastPort counts the ports that this process has looked at.
var lastPort atomic.Int64

// FreePort returns a TCP port that nobody listens on, and that this process
// hasn't returned before.
func FreePort() (int, error) {
	for range portCount {
		n := int64(os.Getpid())*portsEach + lastPort.Add(1)
		port := firstPort + int(n%portCount)
		listener, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		return port, listener.Close()
	}
	return 0, fmt.Errorf("no port from %d to %d is free", firstPort, firstPort+portCount-1)
}
