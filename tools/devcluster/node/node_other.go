//go:build !linux

package node

import (
	"context"
	"fmt"
	"net"
	"runtime"
)

// Node runs on Linux only.
type Node struct{}

// Check returns ErrUnsupported.
func Check() (apart bool, err error) {
	return false, fmt.Errorf("%w: it runs %s, and pods need Linux's namespaces", ErrUnsupported, runtime.GOOS)
}

// Start returns ErrUnsupported.
func Start(context.Context, Config) (*Node, error) {
	_, err := Check()
	return nil, err
}

// Dial returns ErrUnsupported.
func (n *Node) Dial(context.Context, string, string) (net.Conn, error) {
	_, err := Check()
	return nil, err
}

// Stop does nothing.
func (n *Node) Stop() {}
