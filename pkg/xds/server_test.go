package xds

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	clientmodel "github.com/prometheus/client_model/go"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/structpb"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"agentgateway.dev/controller/pkg/resources"
)

// patience ends a test that would hang; no test waits for it to pass.
const patience = 30 * time.Second

type running struct {
	*Server
	t        *testing.T
	store    *Store
	listener *bufconn.Listener
	registry *prometheus.Registry
	served   chan error
	// disconnected gets a value when a client sees its connection end.
	disconnected chan struct{}
}

// watchedConn tells when reading from it ends.
type watchedConn struct {
	net.Conn
	ended chan<- struct{}
}

func (c watchedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		select {
		case c.ended <- struct{}{}:
		default:
		}
	}
	return n, err
}

func start(t *testing.T, change func(*Options)) *running {
	t.Helper()
	r := &running{
		t: t, store: NewStore(), listener: bufconn.Listen(64 << 10),
		registry: prometheus.NewRegistry(), served: make(chan error, 1), disconnected: make(chan struct{}, 1),
	}
	options := Options{Store: r.store, Authenticator: AllowAll{}, Registerer: r.registry}
	if change != nil {
		change(&options)
	}
	var err error
	if r.Server, err = NewServer(options); err != nil {
		t.Fatal(err)
	}
	go func() { r.served <- r.Serve(r.listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := r.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-r.served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return r
}

// dial opens a connection of its own.
func (r *running) dial(creds credentials.TransportCredentials) *grpc.ClientConn {
	r.t.Helper()
	conn, err := grpc.NewClient("passthrough:///xds",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			conn, err := r.listener.DialContext(ctx)
			return watchedConn{Conn: conn, ended: r.disconnected}, err
		}),
		grpc.WithTransportCredentials(creds))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

type client struct {
	t      *testing.T
	stream grpc.BidiStreamingClient[discoveryv3.DeltaDiscoveryRequest, discoveryv3.DeltaDiscoveryResponse]
	cancel context.CancelFunc
}

func (r *running) open(pairs ...string) *client {
	r.t.Helper()
	return r.openOn(r.dial(insecure.NewCredentials()), pairs...)
}

func (r *running) openOn(conn *grpc.ClientConn, pairs ...string) *client {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	r.t.Cleanup(cancel)
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(metadata.AppendToOutgoingContext(ctx, pairs...))
	if err != nil {
		r.t.Fatal(err)
	}
	return &client{t: r.t, stream: stream, cancel: cancel}
}

// tryOpen returns nil if the connection can't be made.
func tryOpen(r *running, conn *grpc.ClientConn) *client {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	r.t.Cleanup(cancel)
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(ctx)
	if err != nil {
		return nil
	}
	return &client{t: r.t, stream: stream, cancel: cancel}
}

// send ignores errors: what became of the stream shows when receiving.
func (c *client) send(request *discoveryv3.DeltaDiscoveryRequest) { _ = c.stream.Send(request) }

func nodeOf(role string) *corev3.Node {
	return &corev3.Node{
		Id: "agentgateway~10.0.0.1~pod.ns~ns.svc.cluster.local",
		Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{
			"role": structpb.NewStringValue(role), "NAME": structpb.NewStringValue("pod"), "NAMESPACE": structpb.NewStringValue("ns"),
		}},
	}
}

func (c *client) subscribe(role, url string) {
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: url, Node: nodeOf(role)})
}

func (c *client) receive() *discoveryv3.DeltaDiscoveryResponse {
	c.t.Helper()
	response, err := c.stream.Recv()
	if err != nil {
		c.t.Fatalf("receive: %v", err)
	}
	return response
}

// take receives and acknowledges a response and returns its names.
func (c *client) take() (names, removed []string) {
	c.t.Helper()
	response := c.receive()
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: response.GetTypeUrl(), ResponseNonce: response.GetNonce()})
	for _, r := range response.GetResources() {
		names = append(names, r.GetName())
	}
	return names, response.GetRemovedResources()
}

// end waits for the end of the stream.
func (c *client) end() *status.Status {
	c.t.Helper()
	for {
		if _, err := c.stream.Recv(); err != nil {
			return status.Convert(err)
		}
	}
}

func set(gateway types.NamespacedName, name, version string) Change {
	r := &resources.Resource{Gateway: gateway, Name: name, Version: version, Body: []byte("\x0a\x00")}
	return Change{Gateway: gateway, Name: name, New: r}
}

func setAddress(name, version string, size int) Change {
	r := &resources.Resource{Type: resources.TypeAddress, Name: name, Version: version, Body: make([]byte, size)}
	return Change{Type: resources.TypeAddress, Name: name, New: r}
}

func expectNames(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("other resources (-want +got):\n%s", diff)
	}
}

// valueOf reads a counter or gauge.
func valueOf(t *testing.T, metric prometheus.Metric) float64 {
	t.Helper()
	var sample clientmodel.Metric
	if err := metric.Write(&sample); err != nil {
		t.Fatal(err)
	}
	return sample.GetCounter().GetValue() + sample.GetGauge().GetValue()
}

func TestBothTypesAndIsolation(t *testing.T) {
	r := start(t, nil)
	other := types.NamespacedName{Namespace: "ns", Name: "other"}
	r.store.Apply([]Change{set(defaultGateway, "route/mine", "1"), set(other, "route/other", "1"), setAddress("ns/svc", "1", 10)})
	r.store.MarkSynced()

	c := r.open()
	c.subscribe("ns~gw", resources.AddressTypeURL)
	c.subscribe("ns~gw", resources.ResourceTypeURL)
	names, _ := c.take()
	expectNames(t, names, "ns/svc")
	names, _ = c.take()
	expectNames(t, names, "route/mine")

	// A role is split at the first "~"; an unknown Gateway gets addresses and
	// an empty answer.
	stranger := r.open()
	stranger.subscribe("ns~g~w", resources.ResourceTypeURL)
	stranger.subscribe("ns~g~w", resources.AddressTypeURL)
	names, _ = stranger.take()
	expectNames(t, names)
	names, _ = stranger.take()
	expectNames(t, names, "ns/svc")

	// Changes of the other Gateway are not for this client, so the next that
	// it sees is its own.
	r.store.Apply([]Change{set(other, "route/other", "2")})
	r.store.Apply([]Change{set(defaultGateway, "route/mine", "2"), {Gateway: defaultGateway, Name: "route/none"}})
	names, _ = c.take()
	expectNames(t, names, "route/mine")
	r.store.Apply([]Change{{Gateway: defaultGateway, Name: "route/mine"}})
	_, removed := c.take()
	expectNames(t, removed, "route/mine")

	sessions := r.Sessions()
	if len(sessions) != 2 || sessions[1].Gateway.Name != "g~w" || sessions[0].Gateway != defaultGateway || sessions[0].Pod.Name != "pod" {
		t.Errorf("unexpected sessions: %+v", sessions)
	}
	if got := valueOf(t, r.metrics.streams); got != 2 {
		t.Errorf("%v streams are counted, want 2", got)
	}
	if got := valueOf(t, r.metrics.sentResources.WithLabelValues("resource")); got != 2 {
		t.Errorf("%v resources are counted as sent, want 2", got)
	}
}

func TestClientThatClosesGetsCleanEnd(t *testing.T) {
	r := start(t, nil)
	r.store.MarkSynced()
	c := r.open()
	c.subscribe("ns~gw", resources.ResourceTypeURL)
	c.take()
	if err := c.stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if s := c.end(); s.Message() != "EOF" {
		t.Errorf("the stream ended with %v", s)
	}
}

func TestClientThatAsksForNothing(t *testing.T) {
	r := start(t, nil)
	r.store.MarkSynced()
	c := r.open()
	if err := c.stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if s := c.end(); s.Message() != "EOF" {
		t.Errorf("the stream ended with %v", s)
	}
}

func TestStateOfTheWorldIsUnimplemented(t *testing.T) {
	r := start(t, nil)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(r.dial(insecure.NewCredentials())).StreamAggregatedResources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Unimplemented {
		t.Errorf("got %v, want Unimplemented", err)
	}
}

func TestRefusals(t *testing.T) {
	reviews := reviewFunc(func(token string) authenticationv1.TokenReviewStatus {
		switch token {
		case "good":
			return accountReview("system:serviceaccount:ns:gw")
		case "other":
			return accountReview("system:serviceaccount:ns:other")
		case "user":
			return accountReview("jane")
		default:
			return authenticationv1.TokenReviewStatus{Error: "expired"}
		}
	})
	authenticated := func(o *Options) { o.Authenticator = &TokenReviewer{reviews: reviews} }
	tests := []struct {
		name    string
		options func(*Options)
		header  []string
		node    *corev3.Node
		early   bool
		code    codes.Code
		text    string
	}{
		{name: "not synced", early: true, node: nodeOf("ns~gw"), code: codes.Unavailable, text: "not complete"},
		{name: "no node", code: codes.InvalidArgument, text: "no node id"},
		{name: "no node id", node: &corev3.Node{Metadata: nodeOf("ns~gw").GetMetadata()}, code: codes.InvalidArgument, text: "no node id"},
		{name: "no role", node: &corev3.Node{Id: "x"}, code: codes.InvalidArgument, text: "no role"},
		{name: "role without separator", node: nodeOf("nsgw"), code: codes.InvalidArgument, text: `role "nsgw"`},
		{name: "role without gateway", node: nodeOf("ns~"), code: codes.InvalidArgument, text: "<namespace>~<gateway>"},
		{name: "no header", options: authenticated, node: nodeOf("ns~gw"), code: codes.Unauthenticated, text: "authentication failed: no HTTP authorization header exists"},
		{name: "no bearer", options: authenticated, header: []string{"authorization", "Basic abc"}, node: nodeOf("ns~gw"), code: codes.Unauthenticated, text: "authentication failed"},
		{name: "bad token", options: authenticated, header: []string{"authorization", "Bearer bad"}, node: nodeOf("ns~gw"), code: codes.Unauthenticated, text: "authentication failed"},
		{name: "no service account", options: authenticated, header: []string{"authorization", "Bearer user"}, node: nodeOf("ns~gw"), code: codes.Unauthenticated, text: "authentication failed"},
		{name: "account of another gateway", options: authenticated, header: []string{"authorization", "Bearer other"}, node: nodeOf("ns~gw"), code: codes.PermissionDenied, text: "authentication failed"},
		{
			name: "too many streams", options: func(o *Options) { o.Limits.MaxStreams = -1 }, node: nodeOf("ns~gw"),
			code: codes.ResourceExhausted, text: "too many xDS streams",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := start(t, test.options)
			if !test.early {
				r.store.MarkSynced()
			}
			c := r.open(test.header...)
			c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: resources.ResourceTypeURL, Node: test.node})
			if s := c.end(); s.Code() != test.code || !strings.Contains(s.Message(), test.text) {
				t.Errorf("the stream ended with %v, want %s %q", s, test.code, test.text)
			}
		})
	}
	t.Run("good token", func(t *testing.T) {
		r := start(t, authenticated)
		r.store.MarkSynced()
		c := r.open("authorization", "bearer good")
		c.subscribe("ns~gw", resources.ResourceTypeURL)
		c.take()
		for counter, want := range map[prometheus.Metric]float64{r.metrics.authRequests: 1, r.metrics.authSuccesses: 1, r.metrics.authFailures: 0} {
			if got := valueOf(t, counter); got != want {
				t.Errorf("counter is %v, want %v", got, want)
			}
		}
	})
	t.Run("too fast", func(t *testing.T) {
		r := start(t, func(o *Options) { o.Limits.NewStreamsPerSecond = 1e-9 })
		r.store.MarkSynced()
		first := r.open()
		first.subscribe("ns~gw", resources.ResourceTypeURL)
		first.take()
		second := r.open()
		if s := second.end(); s.Code() != codes.ResourceExhausted {
			t.Errorf("the second stream ended with %v", s)
		}
	})
	t.Run("silent client", func(t *testing.T) {
		r := start(t, func(o *Options) { o.Limits.FirstRequestTimeout = time.Millisecond })
		r.store.MarkSynced()
		if s := r.open().end(); s.Code() != codes.DeadlineExceeded {
			t.Errorf("the stream ended with %v", s)
		}
	})
}

func TestRejectionIsReportedOnce(t *testing.T) {
	reported := make(chan Rejection, 10)
	r := start(t, func(o *Options) { o.OnReject = func(rejection Rejection) { reported <- rejection } })
	r.store.Apply([]Change{set(defaultGateway, "route/bad", "1")})
	r.store.MarkSynced()
	for range 2 {
		c := r.open()
		c.subscribe("ns~gw", resources.ResourceTypeURL)
		response := c.receive()
		c.send(&discoveryv3.DeltaDiscoveryRequest{
			TypeUrl: response.GetTypeUrl(), ResponseNonce: response.GetNonce(),
			ErrorDetail: &rpcstatus.Status{Message: `[{"key":"route/bad","error":"no"}]`},
		})
		// A second type shows that the first was worked off.
		c.subscribe("ns~gw", resources.AddressTypeURL)
		c.take()
	}
	want := Rejection{Gateway: defaultGateway, Name: "route/bad", Version: "1", Severity: SeverityError, Text: "no"}
	if got := <-reported; got != want {
		t.Errorf("reported %+v, want %+v", got, want)
	}
	if len(reported) != 0 {
		t.Errorf("reported again: %+v", <-reported)
	}
	if got := valueOf(t, r.metrics.rejects); got != 2 {
		t.Errorf("%v rejections are counted, want 2", got)
	}
	if diff := cmp.Diff([]Rejection{want}, r.Rejections(defaultGateway)); diff != "" {
		t.Errorf("other current rejections (-want +got):\n%s", diff)
	}
}

func TestReplacementOverTheWire(t *testing.T) {
	r := start(t, func(o *Options) { o.Limits.SettleDelay = time.Millisecond })
	r.store.Apply([]Change{set(defaultGateway, "bind/80", "http-1")})
	r.store.MarkSynced()
	c := r.open()
	c.subscribe("ns~gw", resources.ResourceTypeURL)
	c.take()
	r.store.Apply([]Change{set(defaultGateway, "bind/80", "tls-1")})
	names, removed := c.take()
	expectNames(t, names)
	expectNames(t, removed, "bind/80")
	names, removed = c.take()
	expectNames(t, names, "bind/80")
	expectNames(t, removed)
}

func TestShutdownEndsStreamsWithAnError(t *testing.T) {
	r := start(t, nil)
	r.store.MarkSynced()
	conn := r.dial(insecure.NewCredentials())
	c := r.openOn(conn)
	c.subscribe("ns~gw", resources.ResourceTypeURL)
	c.take()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if s := c.end(); s.Code() != codes.Unavailable {
		t.Errorf("the stream ended with %v, want Unavailable", s)
	}
	if len(r.Sessions()) != 0 {
		t.Error("sessions are left")
	}
}

// TestClientThatNeverReads: nothing is left of a client that stopped reading,
// though its connection is alive.
func TestClientThatNeverReads(t *testing.T) {
	for _, limit := range []string{"send", "answer"} {
		t.Run(limit, func(t *testing.T) {
			r := start(t, func(o *Options) {
				if limit == "send" {
					o.Limits.SendTimeout = time.Millisecond
				} else {
					o.Limits.AnswerTimeout = time.Millisecond
				}
			})
			r.store.MarkSynced()
			// More than a flow-control window per response, and more responses
			// than gRPC takes on without the client reading any.
			var changes []Change
			for _, name := range []string{"a/a", "a/b", "a/c"} {
				changes = append(changes, setAddress(name, "1", 1<<20))
			}
			r.store.Apply(changes)
			c := r.open()
			c.subscribe("ns~gw", resources.AddressTypeURL)
			if limit == "send" {
				// A second message finds the buffers full.
				c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: "unknown"})
			}
			select {
			case <-r.disconnected:
			case <-time.After(patience):
				t.Fatal("the connection is still there")
			}
		})
	}
}

type reviewFunc func(token string) authenticationv1.TokenReviewStatus

func (f reviewFunc) Create(_ context.Context, review *authenticationv1.TokenReview, _ metav1.CreateOptions) (*authenticationv1.TokenReview, error) {
	if len(review.Spec.Audiences) != 1 || review.Spec.Audiences[0] != TokenAudience {
		return nil, errors.New("wrong audience")
	}
	review.Status = f(review.Spec.Token)
	return review, nil
}

func accountReview(username string) authenticationv1.TokenReviewStatus {
	return authenticationv1.TokenReviewStatus{
		Authenticated: true, Audiences: []string{TokenAudience},
		User: authenticationv1.UserInfo{Username: username, Groups: []string{"system:serviceaccounts"}},
	}
}
