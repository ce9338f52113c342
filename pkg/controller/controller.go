// Package controller is the life of the process: in which order things start,
// what only the leader does, and how it ends.
package controller

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/admin"
	"agentgateway.dev/controller/pkg/graph"
	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/settings"
	"agentgateway.dev/controller/pkg/status"
	"agentgateway.dev/controller/pkg/xds"
)

// drainTime bounds how long open streams of proxies may take to end.
const drainTime = 10 * time.Second

// Options is what a controller runs with.
type Options struct {
	Settings settings.Settings
	Build    admin.Build
	// LogOutput gets the log lines.
	LogOutput io.Writer
	// CaptureLibraries sends the log lines of libraries to LogOutput too. That
	// can be done once in a process.
	CaptureLibraries bool
	// Client is for tests; nil connects as the settings say. It must have a
	// watcher of CRDs.
	Client kube.Client
	// TLS holds the certificate of the xDS server. It is needed unless the
	// settings ask for plaintext.
	TLS *tls.Config
	// Listening is called with the addresses that are listened on, by name:
	// "health", "metrics", "admin" and "xds". nil ignores them.
	Listening func(map[string]string)
}

// controller is a running process.
type controller struct {
	Options
	logs     *admin.Logs
	logger   *zap.Logger
	registry *prometheus.Registry
	client   kube.Client

	// reconciliations are the metrics of the leader's work.
	reconciliations *reconciliations

	debug     *krt.DebugHandler
	discovery *inputs.Discovery
	store     *xds.Store
	xds       *xds.Server
	health    *admin.Health

	// What follows is made once namespaces are known, before synced is set.
	inputs  *inputs.Inputs
	graph   *graph.Graph
	events  *gatewayEvents
	proxies *proxies
	synced  atomic.Bool
	// complete is closed when the xDS store holds all configuration.
	complete chan struct{}

	// work runs the servers; the first error of one ends the process.
	work   sync.WaitGroup
	failed chan error
}

// Run runs a controller until ctx ends, and then stops it in order: unready,
// leader work and xDS streams, everything else. An error means that it could
// not start or that one of its servers failed.
func Run(ctx context.Context, options Options) error {
	c, err := newController(options)
	if err != nil {
		return err
	}
	listeners, err := listen(ctx, options.Settings)
	if err != nil {
		return err
	}
	// Collections and servers outlive ctx: they are stopped last.
	living, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer c.work.Wait()
	defer stop()
	c.work.Go(func() { keepMemoryLow(living) })
	if err := c.prepare(living); err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	c.serve(living, listeners)

	running, end := context.WithCancel(ctx)
	defer end()
	var work sync.WaitGroup
	work.Go(func() {
		if err := c.start(running, living); err != nil {
			c.fail(err)
		}
	})
	c.logger.Info("started", zap.String("version", options.Build.Version), zap.Any("listening", boundTo(listeners)))
	select {
	case <-ctx.Done():
		c.logger.Info("stopping")
	case err = <-c.failed:
	}
	c.health.Leave()
	end()
	work.Go(c.drain)
	work.Wait()
	return err
}

func newController(options Options) (*controller, error) {
	s := options.Settings
	level, err := admin.ParseLevel(s.Logs.Level)
	if err != nil {
		return nil, err
	}
	c := &controller{
		Options:  options,
		logs:     admin.NewLogs(options.LogOutput, s.Logs.Format == settings.LogJSON, level),
		registry: admin.NewRegistry(options.Build),
		client:   options.Client,
		debug:    &krt.DebugHandler{},
		store:    xds.NewStore(),
		failed:   make(chan error, 1),
		complete: make(chan struct{}),
	}
	c.logger = c.logs.Component("default")
	c.reconciliations = newReconciliations(c.registry)
	if options.CaptureLibraries {
		if err := c.logs.CaptureLibraries(s.Logs.KlogVerbosity); err != nil {
			return nil, err
		}
	}
	for _, complaint := range s.Complaints {
		c.logger.Error(complaint)
	}
	if c.client == nil {
		if c.client, err = newClient(s.Kubeconfig, options.Build); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// prepare makes everything that needs no answer of the API server.
func (c *controller) prepare(living context.Context) error {
	s := c.Settings
	var err error
	if c.discovery, err = inputs.NewDiscovery(c.client, s.Discovery, living.Done()); err != nil {
		return fmt.Errorf("namespace selectors: %w", err)
	}
	var authenticator xds.Authenticator = xds.AllowAll{}
	if s.XDS.Authenticate {
		authenticator = xds.NewTokenReviewer(c.client.Kube())
	}
	c.xds, err = xds.NewServer(xds.Options{
		Store:         c.store,
		Authenticator: authenticator,
		Binding:       provisionedFor,
		// No proxy is served before the graph is there.
		OnReject:   func(r xds.Rejection) { c.events.reject(r) },
		Registerer: c.registry,
		Logger:     c.logs.Component("xds"),
		Mode:       xdsModes[s.XDS.Mode],
		TLS:        c.TLS,
		Limits:     xds.Limits{NewStreamsPerSecond: s.XDS.StreamsPerSecond},
	})
	if err != nil {
		return fmt.Errorf("xDS server: %w", err)
	}
	c.health = admin.NewHealth(
		admin.Check{Name: "namespaces", Ready: c.discovery.HasSynced},
		admin.Check{Name: "collections", Ready: c.synced.Load},
		admin.Check{Name: "xds", Ready: c.store.Synced},
	)
	return nil
}

// start reads the cluster, opens the xDS server for proxies, and then does the
// leader's work, or stands by for it, until ctx ends.
func (c *controller) start(ctx, living context.Context) error {
	// The filter has to be right before anything is read through it.
	if !kube.WaitForCacheSync("namespaces", ctx.Done(), c.discovery.HasSynced) {
		return nil
	}
	if len(c.Settings.Discovery) > 0 {
		kube.SetObjectFilter(c.client, c.discovery)
	}
	opts := krt.NewOptionsBuilder(living.Done(), "", c.debug)
	c.inputs = inputs.FromCluster(c.client, inputs.Features{
		InferencePools: c.Settings.InferenceExtension, MeshConfig: meshSettings(c.Settings).ConfigMap(),
	}, opts)
	c.graph = graph.Build(c.inputs, graphSettings(c.Settings), opts)
	c.events = newGatewayEvents(living, c.client.Kube(), c.graph.Gateways, c.inputs.Gateways)
	c.proxies = c.newProxies(opts)
	registrations := connect(c.graph.Feeds, c.store)
	c.work.Go(func() { c.client.RunAndWait(living.Done()) })

	if !c.graph.WaitUntilSynced(ctx.Done()) || !c.proxies.statuses.WaitUntilSynced(ctx.Done()) {
		return nil
	}
	c.synced.Store(true)
	for _, registration := range registrations {
		if !registration.WaitUntilSynced(ctx.Done()) {
			return nil
		}
	}
	c.store.MarkSynced()
	close(c.complete)
	c.logger.Info("synced, serving proxies")
	return c.lead(ctx)
}

// lead does the leader's work whenever this process is the leader, until ctx
// ends.
func (c *controller) lead(ctx context.Context) error {
	s := c.Settings
	keeper := &classKeeper{
		name:        s.ClassName,
		controllers: s.Controllers,
		client:      c.client.GatewayAPI().GatewayV1().GatewayClasses(),
		live:        c.inputs.GatewayClasses,
		installed:   func(stop <-chan struct{}) bool { return c.client.CrdWatcher().WaitForCRD(classResource, stop) },
		logger:      c.logs.Component("gatewayclass"),
		begin:       func() func(error) { return c.reconciliations.begin(classReconciler, "", s.ClassName) },
		changed:     make(chan struct{}, 1),
	}
	if parameters, configured := s.ClassParameters[s.ClassName]; configured {
		keeper.parameters = &parameters
	}
	desired := status.Desired{
		Classes: c.graph.Classes, Gateways: c.proxies.statuses, ListenerSets: c.graph.ListenerSetStatuses,
		Routes: c.graph.Routes, BackendTLSPolicies: c.graph.BackendTLSStatuses,
	}
	kinds := status.Kinds(c.inputs, desired, c.client.GatewayAPI(), s.Controllers)
	if s.InferenceExtension {
		kinds = append(kinds, status.InferencePools(c.inputs, c.graph.InferencePools, c.client.GatewayAPIInference(), s.Controllers))
	}
	writer := status.NewWriter(kinds, c.logs.Component("status"), c.registry)

	work := func(ctx context.Context) {
		var running sync.WaitGroup
		running.Go(func() { keeper.Run(ctx) })
		running.Go(func() { writer.Run(ctx) })
		running.Go(func() { c.proxies.applier.Run(ctx) })
		running.Wait()
	}
	if !s.LeaderElection {
		work(ctx)
		return nil
	}
	election, err := newElection(c.client.Kube(), s.Namespace, c.logs.Component("election"))
	if err != nil {
		return err
	}
	return election.Run(ctx, work)
}

// drain ends the streams of proxies, which keep serving what they have and
// connect elsewhere.
func (c *controller) drain() {
	limit, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := c.xds.Shutdown(limit); err != nil {
		c.logger.Warn("proxies were cut off", zap.Error(err))
	}
}

// fail ends the process; the first error counts.
func (c *controller) fail(err error) {
	select {
	case c.failed <- err:
	default:
	}
}
