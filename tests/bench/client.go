package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/structpb"

	"agentgateway.dev/controller/pkg/resources"
)

const (
	// maxMessage is the largest response that the proxy decodes.
	maxMessage  = 200 << 20
	windowBytes = 1 << 20
	// retryAfter is the wait before a client tries again, give or take a half,
	// a little more for each of them so that many don't take the machine for
	// trying. The proxy doubles its waits up to 15 s, which would measure its
	// luck and not the server.
	retryAfter   = 30 * time.Millisecond
	retryForEach = 300 * time.Microsecond
)

// receipt is the arrival of one resource.
type receipt struct {
	name string
	at   time.Time
}

// client is one proxy's side of the protocol, lean enough for a thousand in
// one process.
type client struct {
	gateway string
	token   string
	retry   time.Duration
	conn    *grpc.ClientConn
	// silent clients ask and then read nothing.
	silent bool

	mu     sync.Mutex
	ledger *ledger
	// answered are the types that got a response on the present stream.
	answered [2]bool
	streams  int
	// servedAt is when both types had their first response on the stream.
	servedAt time.Time
	// lastAt is when the last response came.
	lastAt    time.Time
	recording bool
	receipts  []receipt
	lastError error
	// completeRoutes is the number of routes at which completeAt is set.
	completeRoutes int
	completeAt     time.Time

	stop    context.CancelFunc
	stopped chan struct{}
}

// newClient prepares the connection of one of a fleet without opening it.
func newClient(address, gateway, token string, fleet int) (*client, error) {
	retry := retryAfter + time.Duration(fleet)*retryForEach
	conn, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: retry, Multiplier: 1, Jitter: 0.5, MaxDelay: retry},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithSharedWriteBuffer(true), grpc.WithIdleTimeout(0), grpc.WithNoProxy(),
		// With windows of a fixed size the client sends no pings, as the proxy
		// doesn't.
		grpc.WithInitialWindowSize(windowBytes), grpc.WithInitialConnWindowSize(windowBytes),
	)
	if err != nil {
		return nil, fmt.Errorf("xds client: %w", err)
	}
	return &client{gateway: gateway, token: token, retry: retry, conn: conn, ledger: newLedger(gateway)}, nil
}

// connect keeps a stream open until disconnect, from what the client holds.
func (c *client) connect(ctx context.Context) {
	ctx, c.stop = context.WithCancel(ctx)
	c.stopped = make(chan struct{})
	go func() {
		defer close(c.stopped)
		for ctx.Err() == nil {
			err := c.stream(ctx)
			c.mu.Lock()
			c.lastError = err
			c.mu.Unlock()
			_ = pause(ctx, c.retry/2+rand.N(c.retry))
		}
	}()
}

func (c *client) disconnect() {
	c.stop()
	<-c.stopped
}

func (c *client) close() {
	if c.stop != nil {
		c.disconnect()
	}
	// Nothing is left to be lost.
	_ = c.conn.Close()
}

func (c *client) stream(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if c.token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+c.token, "clusterid", "Kubernetes")
	}
	stream, err := discovery.NewAggregatedDiscoveryServiceClient(c.conn).DeltaAggregatedResources(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.streams++
	c.answered, c.servedAt = [2]bool{}, time.Time{}
	var have [2]map[string]string
	for kind, held := range c.ledger.held {
		have[kind] = maps.Clone(held)
	}
	c.mu.Unlock()
	for _, kind := range []resources.Type{resources.TypeAddress, resources.TypeResource} {
		// The failure of a send shows up when receiving.
		if stream.Send(&discovery.DeltaDiscoveryRequest{TypeUrl: kind.URL(), Node: c.node(), InitialResourceVersions: have[kind]}) != nil {
			break
		}
	}
	if c.silent {
		<-ctx.Done()
		return ctx.Err()
	}
	for {
		response, err := stream.Recv()
		if err != nil {
			return err
		}
		c.take(response, time.Now())
		// As above.
		_ = stream.Send(&discovery.DeltaDiscoveryRequest{TypeUrl: response.GetTypeUrl(), ResponseNonce: response.GetNonce()})
	}
}

func (c *client) take(response *discovery.DeltaDiscoveryResponse, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.recording {
		for _, resource := range response.GetResources() {
			c.receipts = append(c.receipts, receipt{resource.GetName(), now})
		}
	}
	c.ledger.take(response)
	c.lastAt = now
	if kind, known := resources.TypeOfURL(response.GetTypeUrl()); known {
		c.answered[kind] = true
	}
	if c.answered[0] && c.answered[1] && c.servedAt.IsZero() {
		c.servedAt = now
	}
	if c.ledger.routes >= c.completeRoutes && c.completeAt.IsZero() && !c.servedAt.IsZero() {
		c.completeAt = now
	}
}

// node identifies the client as the proxy does.
func (c *client) node() *core.Node {
	fields := map[string]*structpb.Value{}
	for key, value := range map[string]string{
		"NAME": c.gateway + "-proxy", "NAMESPACE": namespace, "INSTANCE_IPS": "1.1.1.1", "NODE_NAME": "none",
		"GATEWAY_NAME": c.gateway, "role": namespace + "~" + c.gateway,
	} {
		fields[key] = structpb.NewStringValue(value)
	}
	return &core.Node{
		Id:       fmt.Sprintf("agentgateway~1.1.1.1~%s-proxy.%s~%s.svc.cluster.local", c.gateway, namespace, namespace),
		Metadata: &structpb.Struct{Fields: fields},
	}
}

// routes is how many routes the client holds.
func (c *client) routes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ledger.routes
}

// served reports whether both types were answered on a stream that was opened
// as number after+1 or later, and when.
func (c *client) served(after int) (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.servedAt, c.streams > after && !c.servedAt.IsZero()
}

// record begins or ends recording; it returns what was recorded until now.
func (c *client) record(on bool) []receipt {
	c.mu.Lock()
	defer c.mu.Unlock()
	recorded := c.receipts
	c.recording, c.receipts = on, nil
	return recorded
}

// recorded is how many receipts there are.
func (c *client) recorded() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.receipts)
}

// traffic is what the client was sent so far.
type traffic struct{ responses, resources, removals int }

func (c *client) traffic() traffic {
	c.mu.Lock()
	defer c.mu.Unlock()
	return traffic{c.ledger.responses, c.ledger.resources, c.ledger.removals}
}
