package main

import (
	"context"
	"fmt"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/proto"

	"agentgateway.dev/controller/tools/dataplane/internal/serve"
	"agentgateway.dev/controller/tools/dataplane/internal/store"
	"agentgateway.dev/controller/tools/dataplane/xdsclient"
)

// run serves until ctx ends or somebody asks to quit, and then drains.
func run(ctx context.Context, s settings) error {
	log, level, err := newLogger(s.logLevel, s.logJSON)
	if err != nil {
		return fmt.Errorf("logger: %w", err)
	}
	ctx, quit := context.WithCancel(ctx)
	defer quit()

	state, counters := store.New(), newMetrics()
	ready := &readiness{
		state: state, namespace: s.xds.Namespace, pod: s.xds.PodName,
		ownWorkload: s.xds.PodName != "" && s.xds.Namespace != "" && s.locality == "",
	}
	gateway := serve.New(serve.Options{
		State: state, Host: s.listenHost, Port: s.port, CloseDelay: s.closeDelay,
		Namespace: s.xds.Namespace, Pod: s.xds.PodName, Logger: log,
	})
	ports := &management{log: log}
	defer ports.close()
	if err := ports.listen("readiness", s.readinessAddr, readinessMux(ready)); err != nil {
		return err
	}
	if err := ports.listen("stats", s.statsAddr, counters.handler()); err != nil {
		return err
	}
	if err := ports.listen("admin", s.adminAddr, adminHandler(state, s, level, quit)); err != nil {
		return err
	}

	s.xds.Logger = log
	s.xds.OnStreamEnd = func(reason xdsclient.EndReason, _ error) {
		counters.terminations.WithLabelValues(string(reason)).Inc()
	}
	s.xds.OnResponse = func(response *discovery.DeltaDiscoveryResponse) []xdsclient.Finding {
		counters.messages.WithLabelValues(response.GetTypeUrl()).Inc()
		counters.bytes.WithLabelValues(response.GetTypeUrl()).Add(float64(proto.Size(response)))
		result := state.Apply(response)
		logResult(log, response.GetTypeUrl(), response.GetNonce(), result)
		gateway.Applied(result.Binds)
		ready.observe(time.Now())
		return result.Findings
	}
	session, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	if s.xds.Address != "" {
		client, err := xdsclient.New(s.xds)
		if err != nil {
			return err
		}
		go client.Run(session)
	}

	<-ctx.Done()
	log.Info("draining")
	ports.close()
	gateway.Drain(context.Background(), s.drainLeast, s.drainMost)
	return nil
}
