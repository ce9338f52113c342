package xds

import (
	"slices"
	"strconv"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"k8s.io/apimachinery/pkg/types"

	"agentgateway.dev/controller/pkg/resources"
)

// Session is the protocol of one stream as a state machine: it has no
// goroutine, no clock and no network. Each method takes one input and returns
// what is to be done about it. Methods must not be called concurrently.
type Session struct {
	store         *Store
	gateway       types.NamespacedName
	wake          func()
	responseBytes int

	subscriptions [2]*subscription
	nonces        uint64
	settles       uint64
}

// Output is what a step of a session wants done. Its zero value is nothing.
type Output struct {
	// Responses are to be sent in this order.
	Responses []*Response
	// Settle holds tokens. Each is to be handed to Settled once, SettleDelay
	// after now.
	Settle []uint64
	// Answered is the response that the client has just worked off.
	Answered *Response
	// Rejected says what the client just refused or accepted with a warning.
	Rejected []Rejection
	// Unknown is a type URL that was asked for and is not served.
	Unknown string
}

// NewSession starts the state of a stream for a proxy of gateway. wake is called,
// with locks held, when Changed should be called soon; it must not block.
// Responses are split at responseBytes; 0 stands for the default.
func NewSession(store *Store, gateway types.NamespacedName, wake func(), responseBytes int) *Session {
	if responseBytes <= 0 {
		responseBytes = defaultResponseBytes
	}
	return &Session{store: store, gateway: gateway, wake: wake, responseBytes: responseBytes}
}

// Request handles a message of the client: a first request of a type, an
// acknowledgement, a rejection, a change of subscription, or several at once.
func (s *Session) Request(request *discoveryv3.DeltaDiscoveryRequest) Output {
	kind, served := resources.TypeOfURL(request.GetTypeUrl())
	if !served {
		return s.unknown(request)
	}
	var out Output
	sub := s.subscriptions[kind]
	if sub == nil {
		sub = s.subscribe(kind, request)
	} else {
		s.acknowledge(sub, request, &out)
		sub.change(request.GetResourceNamesSubscribe(), request.GetResourceNamesUnsubscribe())
	}
	s.proceed(sub, &out)
	return out
}

// Changed looks at the journal, after a wake-up or without a reason.
func (s *Session) Changed() Output {
	var out Output
	// Addresses first: what a route refers to should be there before it.
	for _, kind := range []resources.Type{resources.TypeAddress, resources.TypeResource} {
		if sub := s.subscriptions[kind]; sub != nil {
			s.proceed(sub, &out)
		}
	}
	return out
}

// Settled says that the delay for a token of Output.Settle is over.
func (s *Session) Settled(token uint64) Output {
	var out Output
	for _, sub := range s.subscriptions {
		if sub != nil && sub.settled(token) {
			s.proceed(sub, &out)
		}
	}
	return out
}

// Waiting reports whether the client owes an answer to a response.
func (s *Session) Waiting() bool {
	return slices.ContainsFunc(s.subscriptions[:], func(sub *subscription) bool { return sub != nil && sub.inFlight != nil })
}

// Position returns the number of the newest change of a type that was sent or
// is being sent, 0 before the first.
func (s *Session) Position(kind resources.Type) uint64 {
	if sub := s.subscriptions[kind]; sub != nil {
		// Only the session itself moves its reader, so no lock is needed.
		return sub.reader.position
	}
	return 0
}

// Close frees what the journal keeps for the session. The session must not be
// used afterwards.
func (s *Session) Close() {
	for i, sub := range s.subscriptions {
		if sub != nil {
			sub.scope.unregister(&sub.reader)
			s.store.unpin(sub.audience, sub.scope)
			s.subscriptions[i] = nil
		}
	}
}

func (s *Session) subscribe(kind resources.Type, request *discoveryv3.DeltaDiscoveryRequest) *subscription {
	to := audienceOf(Change{Gateway: s.gateway, Type: kind})
	sub := newSubscription(to, s.store.pin(to), s.wake, request)
	sub.scope.register(&sub.reader)
	s.subscriptions[kind] = sub
	return sub
}

// unknown answers a first request of a type that is not served with nothing,
// so that a client which waits for every type gets on; it stays without
// answer afterwards.
func (s *Session) unknown(request *discoveryv3.DeltaDiscoveryRequest) Output {
	if request.GetResponseNonce() != "" {
		return Output{}
	}
	url := request.GetTypeUrl()
	return Output{
		Responses: []*Response{{url: url, Nonce: s.nonce()}},
		Unknown:   url,
	}
}

// acknowledge takes the answer to the response in flight, if the request is
// one. The answer to an older response, or none, means nothing here.
func (s *Session) acknowledge(sub *subscription, request *discoveryv3.DeltaDiscoveryRequest, out *Output) {
	if sub.inFlight == nil || request.GetResponseNonce() != sub.inFlight.Nonce {
		return
	}
	answered := sub.inFlight
	sub.inFlight = nil
	out.Answered = answered
	sub.accept(answered)
	if detail := request.GetErrorDetail(); detail != nil {
		out.Rejected = rejectionsIn(answered, detail.GetMessage(), s.gateway)
		sub.reject(out.Rejected)
	}
	if len(sub.queue) == 0 {
		s.endRound(sub, out)
	}
}

func (s *Session) endRound(sub *subscription, out *Output) {
	sub.before = nil
	token := s.settles + 1
	if sub.removalsDone(token) {
		s.settles = token
		out.Settle = append(out.Settle, token)
	}
}

// proceed sends the next response of a subscription unless one is in flight.
// Changes that come meanwhile wait in the journal and go together.
func (s *Session) proceed(sub *subscription, out *Output) {
	if sub.inFlight != nil {
		return
	}
	if len(sub.queue) == 0 {
		plan := sub.round()
		if plan.empty() && !sub.owed {
			return
		}
		sub.owed = false
		sub.queue = plan.responses(sub.audience.kind, s.responseBytes)
	}
	response := sub.queue[0]
	if sub.queue = sub.queue[1:]; len(sub.queue) == 0 {
		sub.queue = nil
	}
	response.Nonce = s.nonce()
	sub.inFlight = response
	out.Responses = append(out.Responses, response)
}

func (s *Session) nonce() string {
	s.nonces++
	return strconv.FormatUint(s.nonces, 10)
}
