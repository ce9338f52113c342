package xdsclient

import (
	"errors"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// firstBackoff is the wait after an end that says nothing about the health
	// of the server, and where every series of doubled waits starts from.
	firstBackoff = 10 * time.Millisecond
	// maxBackoff bounds the doubling.
	maxBackoff = 15 * time.Second
)

// EndReason classifies the end of a stream; the values are those of the label
// "reason" of the connection metric.
type EndReason string

// The reasons for which a stream ends.
const (
	EndConnectionError EndReason = "ConnectionError"
	EndError           EndReason = "Error"
	EndReconnect       EndReason = "Reconnect"
	EndComplete        EndReason = "Complete"
)

// classify tells why a stream ended. sawHeaders is false when the server never
// sent response headers: it could not be reached, or refused at once.
func classify(err error, sawHeaders bool) EndReason {
	if err == nil || errors.Is(err, io.EOF) {
		return EndComplete
	}
	if !sawHeaders {
		return EndConnectionError
	}
	s, _ := status.FromError(err)
	switch s.Code() {
	case codes.Canceled, codes.DeadlineExceeded:
		return EndReconnect
	case codes.Unavailable:
		if strings.Contains(s.Message(), "transport is closing") || strings.Contains(s.Message(), "received prior goaway") {
			return EndReconnect
		}
	}
	return EndError
}

// waits remembers the last wait. The zero value is ready.
type waits struct{ last time.Duration }

// reset is called for every response.
func (b *waits) reset() { b.last = firstBackoff }

// next returns how long to wait before the next stream.
func (b *waits) next(reason EndReason) time.Duration {
	switch reason {
	case EndComplete:
		return 0
	case EndReconnect:
		return firstBackoff
	}
	b.last = min(maxBackoff, 2*max(b.last, firstBackoff))
	return b.last
}
