package xds

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// errDraining ends streams of a server that stops. It must not be OK: a proxy
// comes back after a clean end without any delay.
var errDraining = status.Error(codes.Unavailable, "the xDS server is shutting down")

// Shutdown asks clients to go elsewhere, ends every stream with Unavailable
// and returns when all connections are closed. When ctx ends first, it cuts
// what is left and returns its error. Proxies keep serving what they have.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	// From here on a new stream is refused with the same status, whether its
	// client has seen the GOAWAY or not.
	s.stopped = true
	for st := range s.streams {
		st.end(errDraining)
	}
	s.mu.Unlock()

	done := make(chan struct{})
	go func() {
		defer close(done)
		s.grpc.GracefulStop()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		s.grpc.Stop()
		<-done
		return ctx.Err()
	}
}

// enter admits a stream; leave must follow if it returns nil.
func (s *Server) enter(st *stream) error {
	if !s.options.Store.Synced() {
		return status.Error(codes.Unavailable, "the configuration is not complete yet")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return errDraining
	case len(s.streams) >= s.options.Limits.MaxStreams:
		return status.Error(codes.ResourceExhausted, "too many xDS streams are open")
	case !s.arrival.Allow():
		return status.Error(codes.ResourceExhausted, "too many new xDS streams per second")
	}
	s.streams[st] = struct{}{}
	return nil
}

func (s *Server) leave(st *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, st)
}
