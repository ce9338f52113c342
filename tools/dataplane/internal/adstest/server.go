// Package adstest has a control plane for tests: it sends what it is told, one
// response at a time, and shows what the client answered.
package adstest

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"agentgateway.dev/controller/tools/dataplane/internal/store"
)

// patience bounds every wait of a test for the other side.
const patience = 30 * time.Second

// Server is a control plane whose streams the test drives.
type Server struct {
	discovery.UnimplementedAggregatedDiscoveryServiceServer
	// Address is the value for XDS_ADDRESS.
	Address string
	streams chan *Stream
	grpc    *grpc.Server
}

// Stream is one stream of a client.
type Stream struct {
	t testing.TB
	// Metadata is what the client sent with the stream.
	Metadata metadata.MD
	requests chan *discovery.DeltaDiscoveryRequest
	stream   discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer
	end      chan error
	nonce    atomic.Int64
}

// Start runs a server on a loopback port until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Address: "http://" + listener.Addr().String(), streams: make(chan *Stream), grpc: grpc.NewServer()}
	discovery.RegisterAggregatedDiscoveryServiceServer(s.grpc, s)
	go s.grpc.Serve(listener)
	t.Cleanup(s.grpc.Stop)
	return s
}

// DeltaAggregatedResources implements the service.
func (s *Server) DeltaAggregatedResources(server discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	md, _ := metadata.FromIncomingContext(server.Context())
	stream := &Stream{
		Metadata: md, requests: make(chan *discovery.DeltaDiscoveryRequest, 100), stream: server, end: make(chan error, 1),
	}
	select {
	case s.streams <- stream:
	case <-server.Context().Done():
		return server.Context().Err()
	}
	go func() {
		for {
			request, err := server.Recv()
			if err != nil {
				close(stream.requests)
				return
			}
			stream.requests <- request
		}
	}()
	select {
	case err := <-stream.end:
		return err
	case <-server.Context().Done():
		return server.Context().Err()
	}
}

// Accept waits for the next stream.
func (s *Server) Accept(t testing.TB) *Stream {
	t.Helper()
	select {
	case stream := <-s.streams:
		stream.t = t
		return stream
	case <-time.After(patience):
		t.Fatal("no stream was opened")
		return nil
	}
}

// Receive waits for the next request.
func (s *Stream) Receive() *discovery.DeltaDiscoveryRequest {
	s.t.Helper()
	select {
	case request, ok := <-s.requests:
		if !ok {
			s.t.Fatal("the stream ended instead of a request")
		}
		return request
	case <-time.After(patience):
		s.t.Fatal("no request came")
		return nil
	}
}

// End ends the stream with a status, or with OK if err is nil.
func (s *Stream) End(err error) { s.end <- err }

// Send sends one response and returns the answer to it.
func (s *Stream) Send(t store.Type, added []*discovery.Resource, removed ...string) *discovery.DeltaDiscoveryRequest {
	s.t.Helper()
	return s.SendRaw(&discovery.DeltaDiscoveryResponse{
		TypeUrl: t.URL(), Nonce: fmt.Sprint(s.nonce.Add(1)), Resources: added, RemovedResources: removed,
	})
}

// SendRaw is Send for responses that Send cannot make.
func (s *Stream) SendRaw(response *discovery.DeltaDiscoveryResponse) *discovery.DeltaDiscoveryRequest {
	s.t.Helper()
	if err := s.stream.Send(response); err != nil {
		s.t.Fatal(err)
	}
	answer := s.Receive()
	if answer.GetResponseNonce() != response.GetNonce() || answer.GetTypeUrl() != response.GetTypeUrl() || answer.GetNode() != nil {
		s.t.Fatalf("answer to nonce %s: %v", response.GetNonce(), answer)
	}
	return answer
}

// Accepted sends one response and demands an ACK.
func (s *Stream) Accepted(t store.Type, added []*discovery.Resource, removed ...string) {
	s.t.Helper()
	if answer := s.Send(t, added, removed...); answer.GetErrorDetail() != nil {
		s.t.Fatalf("refused: %s", answer.GetErrorDetail().GetMessage())
	}
}

// Resource envelopes a message under a name; its version is derived from the
// content.
func Resource(name string, message proto.Message) *discovery.Resource {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil {
		panic(fmt.Sprintf("marshal %s: %v", name, err))
	}
	return &discovery.Resource{
		Name: name, Version: fmt.Sprintf("v%x", body[max(0, len(body)-8):]), Resource: &anypb.Any{Value: body},
	}
}

// Context ends with the test, or when patience is over.
func Context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}
