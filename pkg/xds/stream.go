package xds

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/apimachinery/pkg/types"

	"agentgateway.dev/controller/pkg/resources"
)

var (
	errNoRequest = status.Error(codes.DeadlineExceeded, "no first request came in time, or nothing was found out about the token")
	errNoAnswer  = status.Error(codes.DeadlineExceeded, "the client did not answer in time")
)

type deltaStream = discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer

// stream runs a session on a gRPC stream. Its only goroutine at rest is that of
// the gRPC handler, which receives; what else happens to a session, a change of
// the journal or a timer, brings a goroutine of its own for as long as it takes.
type stream struct {
	server *Server
	delta  deltaStream
	// ended is why the stream was ended from outside of its handler.
	ended     atomic.Pointer[error]
	gateway   types.NamespacedName
	pod       types.NamespacedName
	remote    string
	connected time.Time
	// serving is set while there is a session.
	serving atomic.Bool
	// woken is set while a goroutine is on its way to look at the journal.
	woken atomic.Bool
	// positions are copies of the session's, by type, for who looks from
	// outside.
	positions [2]atomic.Uint64

	// busy guards what follows, and is held while messages are sent: their order
	// is that of the session's steps.
	busy sync.Mutex
	// session is nil before the first request and after the end.
	session *Session
	// unanswered ends the stream when the client owes an answer for too long,
	// which it does since owing; owing is zero while nothing is owed.
	unanswered *time.Timer
	owing      time.Time
}

// DeltaAggregatedResources implements the only method that proxies call. It
// returns nil only if the client has ended the stream itself.
func (s *Server) DeltaAggregatedResources(delta deltaStream) error {
	st := &stream{server: s, delta: delta, remote: remoteAddress(delta.Context()), connected: time.Now()}
	if err := s.enter(st); err != nil {
		return err
	}
	defer s.leave(st)
	first, err := st.open()
	if errors.Is(err, io.EOF) {
		return nil // the client changed its mind
	}
	if err != nil {
		st.log().Info("xDS stream refused", zap.Error(err))
		return err
	}
	st.log().Debug("xDS stream opened")
	err = st.run(first)
	st.log().Debug("xDS stream ended", zap.Error(err))
	return err
}

// log returns a logger with what is known about the stream. It isn't kept: most
// streams never log anything, and its fields would be a large part of what a
// stream takes.
func (st *stream) log() *zap.Logger {
	log := st.server.log.WithLazy(zap.String("remote", st.remote))
	if st.gateway.Name != "" {
		log = log.WithLazy(zap.Stringer("gateway", st.gateway), zap.Stringer("pod", st.pod))
	}
	return log
}

// open authenticates the client and reads which Gateway it serves. It returns
// the client's first request, or io.EOF if the client went without one.
func (st *stream) open() (*discoveryv3.DeltaDiscoveryRequest, error) {
	s := st.server
	late := time.AfterFunc(s.options.Limits.FirstRequestTimeout, func() { st.end(errNoRequest) })
	defer late.Stop()
	peer, err := s.options.Authenticator.Authenticate(st.delta.Context())
	if !peer.Trusted {
		s.metrics.authenticated(err)
	}
	if err != nil {
		return nil, err
	}
	if peer.Trusted {
		st.log().Warn("xDS authentication is off: the client is believed whatever Gateway it names")
	}
	// Only now is anything of the client's read.
	first, err := st.receive()
	if err != nil {
		return nil, err
	}
	if st.gateway, err = gatewayOf(first.GetNode()); err != nil {
		return nil, err
	}
	st.pod = podOf(first.GetNode())
	if !peer.Trusted && !s.options.Binding(peer, st.gateway) {
		return nil, status.Errorf(codes.PermissionDenied,
			"authentication failed: service account %s/%s is not that of Gateway %s", peer.Namespace, peer.ServiceAccount, st.gateway)
	}
	return first, nil
}

// receive returns the next request. Its error is io.EOF if the client has
// closed its side, and what end was called with if it was.
func (st *stream) receive() (*discoveryv3.DeltaDiscoveryRequest, error) {
	request, err := st.delta.Recv()
	if err == nil {
		return request, nil
	}
	if ended := st.ended.Load(); ended != nil {
		return nil, *ended
	}
	return nil, err
}

// end ends the stream with an error while its handler waits for the client. The
// first error counts. gRPC has this for itself only, on its stream below ours;
// should it ever be gone from there, the connection is cut.
func (st *stream) end(err error) {
	if !st.ended.CompareAndSwap(nil, &err) {
		return
	}
	ctx := st.delta.Context()
	below, ok := grpc.ServerTransportStreamFromContext(ctx).(interface{ WriteStatus(*status.Status) error })
	if !ok || below.WriteStatus(status.Convert(err)) != nil {
		closeConnection(ctx)
	}
}

// run feeds the session until the stream has to end.
func (st *stream) run(first *discoveryv3.DeltaDiscoveryRequest) error {
	s := st.server
	st.busy.Lock()
	st.session = NewSession(s.options.Store, st.gateway, st.wake, s.options.Limits.ResponseBytes)
	st.busy.Unlock()
	s.track(st)
	defer s.untrack(st)
	defer st.close()
	for request := first; ; {
		if err := st.answer(request); err != nil {
			return err
		}
		var err error
		if request, err = st.receive(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// close ends the session once nothing is being sent any more.
func (st *stream) close() {
	st.busy.Lock()
	defer st.busy.Unlock()
	st.session.Close()
	st.session = nil
	st.owe(false)
}

func (st *stream) answer(request *discoveryv3.DeltaDiscoveryRequest) error {
	st.busy.Lock()
	defer st.busy.Unlock()
	return st.perform(st.session.Request(request), true)
}

// wake has the journal looked at. It doesn't block.
func (st *stream) wake() {
	if st.woken.Swap(true) {
		return
	}
	go st.step(func() Output {
		// What is new from here on wakes anew.
		st.woken.Store(false)
		return st.session.Changed()
	})
}

// step feeds the session outside of the handler, unless the stream has ended.
func (st *stream) step(feed func() Output) {
	st.busy.Lock()
	defer st.busy.Unlock()
	if st.session == nil {
		return
	}
	if err := st.perform(feed(), false); err != nil {
		st.end(err)
	}
}

// perform does what a step wants done.
func (st *stream) perform(out Output, answered bool) error {
	s := st.server
	for _, token := range out.Settle {
		time.AfterFunc(s.options.Limits.SettleDelay, func() {
			st.step(func() Output { return st.session.Settled(token) })
		})
	}
	if out.Unknown != "" {
		st.log().Info("a type that is not served was asked for", zap.String("type", out.Unknown))
	}
	st.report(out)
	for _, response := range out.Responses {
		if err := st.send(response); err != nil {
			return err
		}
		s.metrics.sent(response)
	}
	for _, kind := range []resources.Type{resources.TypeResource, resources.TypeAddress} {
		st.positions[kind].Store(st.session.Position(kind))
	}
	// The time starts anew with every message in either direction.
	if owes := st.session.Waiting(); !owes || answered || len(out.Responses) > 0 {
		st.owe(owes)
	}
	return nil
}

// owe starts or stops the time in which the client has to answer.
func (st *stream) owe(owes bool) {
	limit := st.server.options.Limits.AnswerTimeout
	switch {
	case !owes:
		st.owing = time.Time{}
		if st.unanswered != nil {
			st.unanswered.Stop()
		}
	case st.unanswered == nil:
		st.owing = time.Now()
		st.unanswered = time.AfterFunc(limit, st.expire)
	default:
		st.owing = time.Now()
		st.unanswered.Reset(limit)
	}
}

// expire ends the stream if an answer is still owed, and the connection with
// it: the client may not read what else it would be told.
func (st *stream) expire() {
	st.busy.Lock()
	defer st.busy.Unlock()
	if !st.owing.IsZero() && time.Since(st.owing) >= st.server.options.Limits.AnswerTimeout {
		st.end(errNoAnswer)
		closeConnection(st.delta.Context())
	}
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
			st.log().Warn("a proxy complained about a resource",
				zap.String("type", rejection.Type.URL()), zap.String("resource", rejection.Name), zap.String("version", rejection.Version),
				zap.Stringer("severity", rejection.Severity), zap.String("text", rejection.Text))
			s.options.OnReject(rejection)
		}
	}
}

// send hands a message to gRPC, and cuts the connection if gRPC doesn't take it
// in time. A shutdown waits for that no longer than for anything else.
func (st *stream) send(response *Response) error {
	ctx := st.delta.Context()
	timeout := time.AfterFunc(st.server.options.Limits.SendTimeout, func() { closeConnection(ctx) })
	err := st.delta.SendMsg(response)
	if !timeout.Stop() {
		return status.Error(codes.DeadlineExceeded, "the client did not take a message in time")
	}
	return err
}
