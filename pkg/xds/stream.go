package xds

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/apimachinery/pkg/types"

	"agentgateway.dev/controller/pkg/resources"
)

type deltaStream = discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer

// stream runs a session on a gRPC stream. One goroutine, that of the gRPC
// handler, owns the session; a second one only receives.
type stream struct {
	server    *Server
	grpc      deltaStream
	log       *zap.Logger
	gateway   types.NamespacedName
	pod       types.NamespacedName
	remote    string
	connected time.Time

	requests chan *discoveryv3.DeltaDiscoveryRequest
	// received holds the error that ended receiving.
	received chan error
	wake     chan struct{}
	settled  chan uint64
	session  *Session
	// positions are copies of the session's, by type, for who looks from
	// outside.
	positions [2]atomic.Uint64
}

// DeltaAggregatedResources implements the only method that proxies call. It
// returns nil only if the client has ended the stream itself.
func (s *Server) DeltaAggregatedResources(grpc deltaStream) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	st := &stream{
		server:    s,
		grpc:      grpc,
		remote:    remoteAddress(grpc.Context()),
		connected: time.Now(),
		requests:  make(chan *discoveryv3.DeltaDiscoveryRequest),
		received:  make(chan error, 1),
		wake:      make(chan struct{}, 1),
		settled:   make(chan uint64),
	}
	st.log = s.log.With(zap.String("remote", st.remote))
	first, err := st.open()
	if errors.Is(err, io.EOF) {
		return nil // the client changed its mind
	}
	if err != nil {
		st.log.Info("xDS stream refused", zap.Error(err))
		return err
	}
	st.log = st.log.With(zap.Stringer("gateway", st.gateway), zap.Stringer("pod", st.pod))
	st.log.Debug("xDS stream opened")
	err = st.run(first)
	st.log.Debug("xDS stream ended", zap.Error(err))
	return err
}

// open authenticates the client and reads which Gateway it serves. It returns
// the client's first request, or io.EOF if the client went without one.
func (st *stream) open() (*discoveryv3.DeltaDiscoveryRequest, error) {
	s := st.server
	ctx, cancel := context.WithTimeout(st.grpc.Context(), s.options.Limits.FirstRequestTimeout)
	defer cancel()
	peer, err := s.options.Authenticator.Authenticate(ctx)
	if !peer.Trusted {
		s.metrics.authenticated(err)
	}
	if err != nil {
		return nil, err
	}
	if peer.Trusted {
		st.log.Warn("xDS authentication is off: the client is believed whatever Gateway it names")
	}
	// Only now is anything of the client's read.
	go st.receive()
	select {
	case first := <-st.requests:
		if st.gateway, err = gatewayOf(first.GetNode()); err != nil {
			return nil, err
		}
		st.pod = podOf(first.GetNode())
		if !peer.Trusted && !s.options.Binding(peer, st.gateway) {
			return nil, status.Errorf(codes.PermissionDenied,
				"authentication failed: service account %s/%s is not that of Gateway %s", peer.Namespace, peer.ServiceAccount, st.gateway)
		}
		return first, nil
	case err := <-st.received:
		return nil, err
	case <-s.draining:
		return nil, errDraining
	case <-ctx.Done():
		return nil, status.Error(codes.DeadlineExceeded, "no first request came in time")
	}
}

// receive hands over the requests until the stream ends.
func (st *stream) receive() {
	for {
		request, err := st.grpc.Recv()
		if err != nil {
			st.received <- err
			return
		}
		select {
		case st.requests <- request:
		case <-st.grpc.Context().Done():
			return
		}
	}
}

// run feeds the session until the stream has to end.
func (st *stream) run(first *discoveryv3.DeltaDiscoveryRequest) error {
	s := st.server
	st.session = NewSession(s.options.Store, st.gateway, st.wake, s.options.Limits.ResponseBytes)
	defer st.session.Close()
	s.track(st)
	defer s.untrack(st)

	// unanswered runs only while the client owes an answer, and starts anew
	// with each of its requests.
	unanswered := time.NewTimer(s.options.Limits.AnswerTimeout)
	unanswered.Stop()
	defer unanswered.Stop()
	out, fromClient := st.session.Request(first), true
	for {
		waiting, err := st.perform(out)
		if err != nil {
			return err
		}
		switch {
		case !waiting:
			unanswered.Stop()
		case fromClient || len(out.Responses) > 0:
			unanswered.Reset(s.options.Limits.AnswerTimeout)
		}
		fromClient = false
		select {
		case request := <-st.requests:
			out, fromClient = st.session.Request(request), true
		case <-st.wake:
			out = st.session.Changed()
		case token := <-st.settled:
			out = st.session.Settled(token)
		case <-unanswered.C:
			closeConnection(st.grpc.Context())
			return status.Error(codes.DeadlineExceeded, "the client did not answer in time")
		case err := <-st.received:
			if errors.Is(err, io.EOF) {
				return nil // the client has closed its side
			}
			return err
		case <-s.draining:
			return errDraining
		}
	}
}

// perform does what a step wants done and reports whether the client now owes
// an answer.
func (st *stream) perform(out Output) (waiting bool, err error) {
	s := st.server
	for _, token := range out.Settle {
		st.startSettling(token)
	}
	if out.Unknown != "" {
		st.log.Info("a type that is not served was asked for", zap.String("type", out.Unknown))
	}
	st.report(out)
	for _, response := range out.Responses {
		if err := st.send(response); err != nil {
			return false, err
		}
		s.metrics.sent(response)
	}
	for _, kind := range []resources.Type{resources.TypeResource, resources.TypeAddress} {
		st.positions[kind].Store(st.session.Position(kind))
	}
	return st.session.Waiting(), nil
}

// report counts a rejection and tells of what is new about it.
func (st *stream) report(out Output) {
	s := st.server
	if out.Answered == nil {
		return
	}
	if len(out.Rejected) == 0 {
		s.options.Store.rejections.forgetUnnamed(st.gateway, out.Answered.Type)
		return
	}
	s.metrics.rejects.Inc()
	for _, rejection := range out.Rejected {
		if s.options.Store.reject(rejection) {
			st.log.Warn("a proxy complained about a resource",
				zap.String("type", rejection.Type.URL()), zap.String("resource", rejection.Name), zap.String("version", rejection.Version),
				zap.Stringer("severity", rejection.Severity), zap.String("text", rejection.Text))
			s.options.OnReject(rejection)
		}
	}
}

func (st *stream) startSettling(token uint64) {
	ctx := st.grpc.Context()
	time.AfterFunc(st.server.options.Limits.SettleDelay, func() {
		select {
		case st.settled <- token:
		case <-ctx.Done():
		}
	})
}

// send hands a message to gRPC, and cuts the connection if gRPC doesn't take it
// in time. A shutdown waits for that no longer than for anything else.
func (st *stream) send(response *Response) error {
	ctx := st.grpc.Context()
	timeout := time.AfterFunc(st.server.options.Limits.SendTimeout, func() { closeConnection(ctx) })
	err := st.grpc.SendMsg(response)
	if !timeout.Stop() {
		return status.Error(codes.DeadlineExceeded, "the client did not take a message in time")
	}
	return err
}
