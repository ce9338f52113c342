package xds

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	"k8s.io/apimachinery/pkg/types"
)

// Options is what a server is made of. Store and Authenticator are mandatory.
type Options struct {
	Store         *Store
	Authenticator Authenticator
	// Binding says whether a peer is a proxy of the Gateway. Default SameName.
	Binding func(Peer, types.NamespacedName) bool
	// OnReject is called from the goroutines of streams, once for every version
	// of a resource that a proxy complains about. It must not block.
	OnReject func(Rejection)
	// Registerer gets the metrics; nil leaves them unregistered.
	Registerer prometheus.Registerer
	// Logger defaults to none.
	Logger *zap.Logger
	// Mode and TLS say how proxies connect. The configuration should bring its
	// certificate by GetCertificate, so that it can be renewed.
	Mode   Mode
	TLS    *tls.Config
	Limits Limits
}

// Limits bounds what clients can take from the process. Zero values stand for
// the defaults.
type Limits struct {
	// MaxStreams is the number of open streams. Default 10000.
	MaxStreams int
	// NewStreamsPerSecond bounds how fast streams are accepted, with bursts of
	// a second's worth: each costs a token review and possibly a comparison of
	// everything. A proxy that is refused doubles its waits, so the bound must
	// let all proxies of a large installation back in within seconds when a
	// replica ends. Default 400.
	NewStreamsPerSecond float64
	// FirstRequestTimeout is for authentication and for a client to say who it
	// is. Default 15 s.
	FirstRequestTimeout time.Duration
	// SendTimeout is how long gRPC may take to accept a message. Default 60 s.
	SendTimeout time.Duration
	// AnswerTimeout is how long a client may take to answer a message. As most
	// of a message fits into buffers, this is what catches a client that reads
	// nothing. Default 120 s.
	AnswerTimeout time.Duration
	// ConnectionAge is when a connection is asked to end (±10 %), which spreads
	// proxies over replicas again. Default 30 min.
	ConnectionAge time.Duration
	// ConnectionGrace is how much longer its streams may last. Default 10 s.
	ConnectionGrace time.Duration
	// ResponseBytes is the size at which responses are split. Default 4 MiB.
	ResponseBytes int
	// SettleDelay defaults to the constant of that name.
	SettleDelay time.Duration
}

func (l Limits) withDefaults() Limits {
	l.MaxStreams = cmp.Or(l.MaxStreams, 10000)
	l.NewStreamsPerSecond = cmp.Or(l.NewStreamsPerSecond, 400)
	l.FirstRequestTimeout = cmp.Or(l.FirstRequestTimeout, 15*time.Second)
	l.SendTimeout = cmp.Or(l.SendTimeout, time.Minute)
	l.AnswerTimeout = cmp.Or(l.AnswerTimeout, 2*time.Minute)
	l.ConnectionAge = cmp.Or(l.ConnectionAge, 30*time.Minute)
	l.ConnectionGrace = cmp.Or(l.ConnectionGrace, 10*time.Second)
	l.ResponseBytes = cmp.Or(l.ResponseBytes, defaultResponseBytes)
	l.SettleDelay = cmp.Or(l.SettleDelay, SettleDelay)
	return l
}

const (
	// pingInterval: a proxy sends no pings of its own, so a dead connection is
	// found by ours only.
	pingInterval = 30 * time.Second
	pingTimeout  = 20 * time.Second
	// minPingInterval is what a client may do; anything sensible is tolerated.
	minPingInterval = time.Second
	// handshakeTimeout is for a connection to become one.
	handshakeTimeout = 20 * time.Second
	// readBufferBytes is held by TLS connections all the time, by others while
	// there is something to read. Clients send little but the first request of
	// a reconnect.
	readBufferBytes = 4 << 10
	// windowBytes is how much a client may send before it is read. A fixed size
	// spares gRPC the pings by which it would measure a better one: two more
	// frames for everything that a proxy acknowledges. Only the names of the
	// first request of a reconnect are longer than this.
	windowBytes = 256 << 10
)

// Server serves delta xDS to proxies.
type Server struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer

	options Options
	log     *zap.Logger
	metrics *metrics
	grpc    *grpc.Server
	arrival *rate.Limiter

	mu      sync.Mutex
	stopped bool
	// streams are all of them, those without a session included.
	streams map[*stream]struct{}
}

// NewServer returns a server that doesn't listen yet.
func NewServer(options Options) (*Server, error) {
	if options.Store == nil || options.Authenticator == nil {
		return nil, errors.New("an xDS server needs a store and an authenticator")
	}
	if options.Binding == nil {
		options.Binding = SameName
	}
	if options.OnReject == nil {
		options.OnReject = func(Rejection) {}
	}
	if options.Logger == nil {
		options.Logger = zap.NewNop()
	}
	options.Limits = options.Limits.withDefaults()
	transport, err := newTransport(options.Mode, options.TLS)
	if err != nil {
		return nil, err
	}
	metrics, err := newMetrics(options.Registerer)
	if err != nil {
		return nil, err
	}
	limits := options.Limits
	s := &Server{
		options: options,
		log:     options.Logger,
		metrics: metrics,
		arrival: rate.NewLimiter(rate.Limit(limits.NewStreamsPerSecond), max(1, int(limits.NewStreamsPerSecond))),
		streams: map[*stream]struct{}{},
	}
	s.grpc = grpc.NewServer(
		grpc.Creds(transport),
		grpc.ForceServerCodecV2(newCodec()),
		grpc.MaxRecvMsgSize(maxMessageBytes),
		grpc.MaxSendMsgSize(maxMessageBytes),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.ReadBufferSize(readBufferBytes),
		grpc.InitialWindowSize(windowBytes),
		grpc.InitialConnWindowSize(windowBytes),
		// A connection at rest holds no write buffer, which would be the largest
		// part of what it costs.
		grpc.SharedWriteBuffer(true),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			Time: pingInterval, Timeout: pingTimeout,
			MaxConnectionAge: limits.ConnectionAge, MaxConnectionAgeGrace: limits.ConnectionGrace,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPingInterval, PermitWithoutStream: true}),
	)
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(s.grpc, s)
	return s, nil
}

// Serve accepts connections until Shutdown, which makes it return nil. It
// closes the listener.
func (s *Server) Serve(listener net.Listener) error {
	if err := s.grpc.Serve(listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve xDS on %s: %w", listener.Addr(), err)
	}
	return nil
}
