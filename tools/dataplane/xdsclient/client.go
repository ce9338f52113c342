package xdsclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"go.uber.org/zap"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/structpb"

	"agentgateway.dev/controller/tools/dataplane/internal/store"
)

const (
	// maxMessage is the largest response that the proxy decodes.
	maxMessage = 200 << 20
	// connectTimeout is the proxy's default for every outgoing connection.
	connectTimeout = 10 * time.Second
)

// Client is one proxy's side of the protocol.
type Client struct {
	options Options
	log     *zap.Logger
	conn    *grpc.ClientConn
	record  *record
	backoff waits
}

// New checks the options and prepares the connection without opening it. A
// configured TokenFile or RootCA that cannot be read is an error.
func New(options Options) (*Client, error) {
	if err := options.validate(); err != nil {
		return nil, err
	}
	target, err := parseAddress(options.Address)
	if err != nil {
		return nil, err
	}
	transport := insecure.NewCredentials()
	if target.tls {
		roots, err := loadRoots(options.RootCA)
		if err != nil {
			return nil, err
		}
		transport = credentials.NewTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
	}
	dial := append([]grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
		// The waits between streams are ours; the connection must not add its own.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: firstBackoff, Multiplier: 1, MaxDelay: firstBackoff},
			MinConnectTimeout: connectTimeout,
		}),
		grpc.WithIdleTimeout(0), grpc.WithNoProxy(),
	}, options.DialOptions...)
	conn, err := grpc.NewClient("passthrough:///"+target.hostPort, dial...)
	if err != nil {
		return nil, fmt.Errorf("xds client for %s: %w", options.Address, err)
	}
	log := options.Logger
	if log == nil {
		log = zap.NewNop()
	}
	return &Client{options: options, log: log, conn: conn, record: newRecord(options.InitialVersions)}, nil
}

// loadRoots returns nil for the roots of the system.
func loadRoots(path string) (*x509.CertPool, error) {
	if path == "" || path == "SYSTEM" {
		return nil, nil
	}
	pem, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read xds root certificates: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", path)
	}
	return roots, nil
}

// Run keeps a stream open until ctx ends, and returns its error. Whatever the
// server does, what the client holds stays.
func (c *Client) Run(ctx context.Context) error {
	defer c.conn.Close()
	for {
		reason, err := c.stream(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		wait := c.backoff.next(reason)
		c.log.Info("xds stream ended", zap.String("reason", string(reason)), zap.Duration("wait", wait), zap.Error(err))
		if c.options.OnStreamEnd != nil {
			c.options.OnStreamEnd(reason, err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// stream runs one stream to its end.
func (c *Client) stream(ctx context.Context) (EndReason, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ctx, err := c.authenticate(ctx)
	if err != nil {
		return EndConnectionError, err
	}
	c.conn.ResetConnectBackoff()
	// The proxy opens the connection first and gives up after connectTimeout.
	opening := time.AfterFunc(connectTimeout, cancel)
	stream, err := discovery.NewAggregatedDiscoveryServiceClient(c.conn).DeltaAggregatedResources(ctx, grpc.WaitForReady(false))
	opening.Stop()
	if err != nil {
		return EndConnectionError, err
	}
	c.record.streamOpened()
	c.log.Info("xds stream opened", zap.String("address", c.options.Address))
	for _, t := range []store.Type{store.TypeAddress, store.TypeResource} {
		// The failure of a send shows up, with its status, when receiving.
		if stream.Send(&discovery.DeltaDiscoveryRequest{
			TypeUrl: t.URL(), Node: c.node(), InitialResourceVersions: c.record.versions(t.URL()),
		}) != nil {
			break
		}
	}
	for {
		response, err := stream.Recv()
		if err != nil {
			// No headers means refused at once: then the header is nil.
			header, headerErr := stream.Header()
			reason := classify(err, header != nil && headerErr == nil)
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return reason, err
		}
		c.backoff.reset()
		if err := c.answer(stream, response); err != nil && !errors.Is(err, io.EOF) {
			return EndError, err
		}
	}
}

// answer judges one response and acknowledges or refuses it.
func (c *Client) answer(stream grpc.BidiStreamingClient[discovery.DeltaDiscoveryRequest, discovery.DeltaDiscoveryResponse], response *discovery.DeltaDiscoveryResponse) error {
	request := &discovery.DeltaDiscoveryRequest{TypeUrl: response.GetTypeUrl(), ResponseNonce: response.GetNonce()}
	var findings []Finding
	if _, known := store.TypeOfURL(response.GetTypeUrl()); known {
		if c.options.OnResponse != nil {
			findings = c.options.OnResponse(response)
		}
		if len(findings) > 0 {
			request.ErrorDetail = &rpcstatus.Status{Message: store.NackMessage(findings)}
		}
		c.record.take(response, findings, c.options.Record)
	}
	return stream.Send(request)
}

// authenticate attaches the token, if there is one, to the stream.
func (c *Client) authenticate(ctx context.Context) (context.Context, error) {
	token := c.options.Token
	if c.options.TokenFile != "" {
		content, err := os.ReadFile(c.options.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("read xds token: %w", err)
		}
		token = string(content)
	}
	if token == "" {
		return ctx, nil
	}
	cluster := c.options.ClusterID
	if cluster == "" {
		cluster = "Kubernetes"
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token, "clusterid", cluster), nil
}

// node identifies the proxy. The domain is fixed, whatever the cluster's.
func (c *Client) node() *core.Node {
	o := c.options
	ip := o.InstanceIP
	if ip == "" {
		ip = "1.1.1.1"
	}
	fields := map[string]*structpb.Value{}
	for key, value := range map[string]string{
		"NAME": o.PodName, "NAMESPACE": o.Namespace, "INSTANCE_IPS": ip, "NODE_NAME": o.NodeName,
		"GATEWAY_NAME": o.Gateway, "role": o.Namespace + "~" + o.Gateway,
	} {
		fields[key] = structpb.NewStringValue(value)
	}
	return &core.Node{
		Id:       fmt.Sprintf("agentgateway~%s~%s.%s~%s.svc.cluster.local", ip, o.PodName, o.Namespace, o.Namespace),
		Metadata: &structpb.Struct{Fields: fields},
	}
}
