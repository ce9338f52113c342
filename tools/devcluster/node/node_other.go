//go:build !linux

package node

import (
	"context"
	"fmt"
	"runtime"
)

// Node runs on Linux only.
type Node struct{}

// Check returns ErrUnsupported.
func Check() error {
	return fmt.Errorf("%w: it runs %s, and pods need Linux's namespaces", ErrUnsupported, runtime.GOOS)
}

// Start returns ErrUnsupported.
func Start(context.Context, Config) (*Node, error) { return nil, Check() }

// Stop does nothing.
func (n *Node) Stop() {}
