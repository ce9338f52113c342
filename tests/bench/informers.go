package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/client-go/tools/clientcmd"

	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/krt"
	istiolog "istio.io/istio/pkg/log"

	"agentgateway.dev/controller/pkg/inputs"
)

// informersVariable makes this program the floor of memory and CPU. Its value
// is the address for metrics and profiles.
const informersVariable = "BENCH_INFORMERS"

// runInformers keeps every kind that the controller watches in informers, with
// the controller's projections, and does nothing with them.
func runInformers(address string) error {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	// As the controller has it.
	config.QPS, config.Burst = 500, 1000
	client, err := kube.NewClient(kube.NewClientConfigForRestConfig(config), "")
	if err != nil {
		return err
	}
	for _, scope := range istiolog.Scopes() {
		scope.SetOutputLevel(istiolog.ErrorLevel)
	}
	client = kube.EnableCrdWatcher(client)
	living := make(chan struct{})
	in := inputs.FromCluster(client, inputs.Features{}, krt.NewOptionsBuilder(living, "", nil))
	go client.RunAndWait(living)
	for _, syncer := range []krt.Syncer{
		in.Namespaces, in.Nodes, in.Pods, in.Services, in.Secrets, in.ConfigMaps, in.EndpointSlices,
		in.Gateways, in.HTTPRoutes, in.ListenerSets,
	} {
		if !syncer.WaitUntilSynced(living) {
			return fmt.Errorf("stopped while informers were synced")
		}
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector())
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	// That it is listened on says that all is synced.
	return http.ListenAndServe(address, mux)
}

// startInformers starts the floor process and returns when it is synced.
func (r *run) startInformers(ctx context.Context) (*child, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	addresses, err := freeAddresses(1)
	if err != nil {
		return nil, err
	}
	c := &child{name: "informers", metrics: addresses[0], admin: addresses[0]}
	err = c.start(filepath.Join(r.bench.results, r.Name+"-informers.log"), binary, []string{
		"KUBECONFIG=" + r.cluster.Kubeconfig, informersVariable + "=" + addresses[0],
	})
	if err != nil {
		return nil, err
	}
	return c, until(ctx, func() bool {
		_, err := get(ctx, c.metrics, "/metrics")
		return err == nil || c.running() != nil
	})
}

// end stops a child whose way of ending doesn't matter.
func (c *child) end() {
	_ = c.command.Process.Kill()
	<-c.ended
	_ = c.log.Close()
}
