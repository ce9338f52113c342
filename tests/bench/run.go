package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"
)

// worldPatience bounds everything that is done in one world.
const worldPatience = 20 * time.Minute

// run is one world while it is measured.
type run struct {
	world
	bench      *bench
	cluster    *apiServer
	controller *child
	// starts counts the starts of the controller, for the names of its logs.
	starts int
	// touches counts changes of routes, so that none is like an earlier one.
	touches atomic.Int64
	fleet   fleet
	// routeWatch and gatewayWatch see every event of their kinds.
	routeWatch, gatewayWatch *rawWatch
}

// errSkipped ends a world or scenario that the controller doesn't support.
var errSkipped = errors.New("skipped")

// runWorld fills a new cluster, starts the controller, and runs the scenarios.
func (b *bench) runWorld(ctx context.Context, w world) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, worldPatience, fmt.Errorf("world %s took more than %s", w.Name, worldPatience))
	defer cancel()
	b.progress("world %s: %d gateways, %d listener sets, %d routes, %d services", w.Name, w.Gateways, w.ListenerSets, w.Routes, w.Services)
	r := &run{world: w, bench: b}
	if r.cluster, err = startCluster(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.cluster.Stop()) }()
	if err := r.cluster.populate(ctx, w, b.progress); err != nil {
		return err
	}
	if r.routeWatch, err = r.watch(ctx, "/apis/gateway.networking.k8s.io/v1", "httproutes"); err != nil {
		return err
	}
	if r.gatewayWatch, err = r.watch(ctx, "/apis/gateway.networking.k8s.io/v1", "gateways"); err != nil {
		return err
	}
	defer func() {
		r.fleet.close()
		if r.controller != nil {
			err = errors.Join(err, r.controller.stop())
		}
		err = errors.Join(err, r.routeWatch.close(), r.gatewayWatch.close())
	}()
	if err := r.cold(ctx); err != nil {
		return fmt.Errorf("cold start: %w", err)
	}
	for _, name := range w.Scenarios {
		b.progress("%s: %s", w.Name, name)
		err := scenarios[name](r, ctx)
		if errors.Is(err, errSkipped) {
			b.progress("  %v", err)
			continue
		}
		if err != nil {
			return errors.Join(fmt.Errorf("%s: %w", name, err), r.controller.running())
		}
		if err := r.check(name); err != nil {
			return err
		}
	}
	return nil
}

// watch opens a plain watch on its own connection.
func (r *run) watch(ctx context.Context, api, plural string) (*rawWatch, error) {
	return newRawWatch(ctx, rest.CopyConfig(r.cluster.RESTConfig), api, plural)
}

// check reports what the clients found wrong.
func (r *run) check(scenario string) error {
	err := r.fleet.violations()
	count := 0.0
	if err != nil {
		r.bench.progress("  VIOLATION %s: %v", scenario, err)
		count = 1
	}
	r.report(scenario, figure{Name: "violations of what clients check", Value: count})
	return nil
}

// report adds a figure to the results.
func (r *run) report(scenario string, f figure) {
	f.World, f.Scenario = r.Name, scenario
	r.bench.figures.add(f)
	r.bench.progress("  %s", f)
}

// latencies reports those of a scenario: what the controller adds to a
// plain watch, beside what the plain watch itself takes.
func (r *run) latencies(scenario string, over, raw sample) {
	for _, p := range []struct {
		name string
		rank float64
	}{{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"max", 1}} {
		r.report(scenario, figure{
			Name: "change to client over the raw watch, " + p.name, Unit: "ms", Value: over.percentile(p.rank),
			Floor: new(raw.percentile(p.rank)), FloorOf: "request to raw watch",
		})
	}
}

// spent measures the CPU time of the controller, or another child, over f, per
// one of n changes, in milliseconds.
func spent(c *child, n int, f func() error) (float64, error) {
	before := c.cpu()
	err := f()
	return milliseconds(c.cpu()-before) / float64(n), err
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// profile takes a CPU profile of the controller in the background, if profiles
// were asked for. The returned function waits for it.
func (r *run) profile(ctx context.Context, scenario string, length time.Duration) (wait func()) {
	if !r.bench.profile {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var body []byte
		// Right after the start nobody listens yet.
		err := until(ctx, func() bool {
			var err error
			body, err = get(ctx, r.controller.admin, fmt.Sprintf("/debug/pprof/profile?seconds=%d", max(1, int(length.Seconds()))))
			return err == nil
		})
		if err == nil {
			err = os.WriteFile(r.file(scenario+".cpu.pprof"), body, 0o644)
		}
		if err != nil {
			r.bench.progress("  no profile: %v", err)
		}
	}()
	return func() { <-done }
}

// file is a path for a file of this world in the directory of results.
func (r *run) file(name string) string {
	return filepath.Join(r.bench.results, r.Name+"-"+name)
}
