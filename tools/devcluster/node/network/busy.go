package network

import "errors"

// ErrBusy tells that another cluster of this machine has a node.
var ErrBusy = errors.New("another cluster has a node on this machine")
