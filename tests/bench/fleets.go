package main

import (
	"context"
	"fmt"
	"time"
)

// isolation changes one Gateway while clients of others are connected.
func (r *run) isolation(ctx context.Context) error {
	n := r.bench.scaled(1000)
	others := r.fleet[1:]
	if r.Gateways > len(r.fleet) {
		var err error
		if r.fleet, err = r.replaceFleet(ctx, r.Gateways); err != nil {
			return err
		}
		others = r.fleet[1:]
	}
	floor, err := r.startInformers(ctx)
	if err != nil {
		return err
	}
	defer floor.end()
	changes := func() (controller, informers float64, err error) {
		informers, err = spent(floor, n, func() error {
			controller, err = spent(r.controller, n, func() error {
				_, err := paced(ctx, n, 10*time.Millisecond, func(ctx context.Context, i int) error {
					_, err := r.touch(ctx, r.spread(i))
					return err
				})
				if err != nil {
					return err
				}
				_, err = r.awaitSettled(ctx, r.Routes)
				return err
			})
			return err
		})
		return controller, informers, err
	}
	before := others.traffic()
	wait := r.profile(ctx, "isolation", 10*time.Second)
	per, informers, err := changes()
	wait()
	if err != nil {
		return err
	}
	after := others.traffic()
	r.report("isolation", figure{Name: "messages to clients of other gateways", Value: float64(after.responses - before.responses)})
	r.report("isolation", figure{
		Name: fmt.Sprintf("controller CPU per change with %d other clients", len(others)), Unit: "ms", Value: per,
		Floor: new(informers), FloorOf: "bare informers",
	})
	for _, client := range others {
		client.disconnect()
	}
	per, informers, err = changes()
	if err != nil {
		return err
	}
	r.report("isolation", figure{Name: "controller CPU per change with one client", Unit: "ms", Value: per, Floor: new(informers), FloorOf: "bare informers"})
	streams := others.streams()
	for _, client := range others {
		client.connect(ctx)
	}
	_, _, err = others.awaitServed(ctx, streams)
	return err
}

// replaceFleet connects a client for each of n Gateways in place of those that
// are there, and waits until all hold what they should.
func (r *run) replaceFleet(ctx context.Context, n int) (fleet, error) {
	r.fleet.close()
	r.fleet = nil
	began := time.Now()
	fleet, err := r.connect(ctx, n)
	if err != nil {
		return nil, err
	}
	last, err := fleet.awaitComplete(ctx)
	r.bench.progress("  %d clients complete after %.1f s", n, last.Sub(began).Seconds())
	return fleet, err
}

// idle measures what a stream costs that has nothing to do.
func (r *run) idle(ctx context.Context) error {
	n := r.bench.scaled(1000)
	live, stacks, err := r.controller.heap(ctx, "")
	if err != nil {
		return err
	}
	before := r.controller.memory()
	more, err := r.connect(ctx, n)
	if err != nil {
		return err
	}
	defer more.close()
	if _, err := more.awaitComplete(ctx); err != nil {
		return err
	}
	if err := pause(ctx, restTime); err != nil {
		return err
	}
	after := r.controller.memory()
	liveAfter, stacksAfter, err := r.controller.heap(ctx, r.file("idle.heap.pprof"))
	if err != nil {
		return err
	}
	each := func(before, after float64) float64 { return (after - before) * 1024 / float64(n) }
	r.report("idle", figure{Name: "idle stream: heap and stacks", Unit: "KiB", Value: each(live+stacks, liveAfter+stacksAfter)})
	r.report("idle", figure{Name: "idle stream: stacks of it", Unit: "KiB", Value: each(stacks, stacksAfter)})
	r.report("idle", figure{Name: "idle stream: resident memory, garbage of its start included", Unit: "KiB", Value: each(before.Resident, after.Resident)})
	return more.violations()
}

// reconnect ends the stream of one client and opens another, several times.
func (r *run) reconnect(ctx context.Context) error {
	client, times := r.fleet[0], sample{}
	before, cpu := client.traffic(), r.controller.cpu()
	const n = 10
	for range n {
		client.disconnect()
		streams := r.fleet[:1].streams()
		began := time.Now()
		client.connect(ctx)
		_, served, err := r.fleet[:1].awaitServed(ctx, streams)
		if err != nil {
			return err
		}
		times = append(times, served.Sub(began))
	}
	after := client.traffic()
	r.report("reconnect", figure{Name: "resources resent", Value: float64(after.resources - before.resources + after.removals - before.removals)})
	r.report("reconnect", figure{Name: "connect to served, p50", Unit: "ms", Value: times.percentile(0.5)})
	r.report("reconnect", figure{Name: "connect to served, max", Unit: "ms", Value: times.percentile(1)})
	r.report("reconnect", figure{Name: "controller CPU each", Unit: "ms", Value: milliseconds(r.controller.cpu()-cpu) / n})
	return nil
}

// restart ends the controller and starts it on the same configuration, with a
// client for every Gateway.
func (r *run) restart(ctx context.Context) error {
	if r.Gateways > len(r.fleet) {
		var err error
		if r.fleet, err = r.replaceFleet(ctx, r.Gateways); err != nil {
			return err
		}
	}
	if err := r.controller.stop(); err != nil {
		return err
	}
	before, streams := r.fleet.traffic(), r.fleet.streams()
	if err := r.startController(); err != nil {
		return err
	}
	wait := r.profile(ctx, "restart", 30*time.Second)
	first, last, err := r.fleet.awaitServed(ctx, streams)
	wait()
	if err != nil {
		return err
	}
	if err := pause(ctx, restTime); err != nil {
		return err
	}
	after, cpu, m := r.fleet.traffic(), r.controller.cpu(), r.controller.memory()
	counts, err := r.controller.scrape(ctx)
	if err != nil {
		return err
	}
	clients := len(r.fleet)
	r.report("restart", figure{Name: "resources resent", Value: float64(after.resources - before.resources + after.removals - before.removals)})
	r.report("restart", figure{Name: "start to first client served", Unit: "s", Value: first.Sub(r.controller.started).Seconds()})
	r.report("restart", figure{Name: fmt.Sprintf("first to last of %d clients served", clients), Unit: "s", Value: last.Sub(first).Seconds()})
	r.report("restart", figure{Name: "CPU of a start without writes", Unit: "s", Value: cpu.Seconds()})
	r.report("restart", figure{Name: "status writes", Value: counts.sum("agentgateway_status_writes_total")})
	r.report("restart", figure{Name: "writes of provisioned objects", Value: counts.sum("agentgateway_provision_writes_total")})
	r.report("restart", figure{Name: "memory after it", Unit: "MiB", Value: m.Resident})
	return nil
}

// silent connects a client that asks and never reads, and makes changes.
func (r *run) silent(ctx context.Context) error {
	client, err := newClient(r.controller.xds, gatewayName(0), r.fleet[0].token, 1)
	if err != nil {
		return err
	}
	client.silent = true
	before := r.controller.memory()
	client.connect(ctx)
	defer client.close()
	if err := until(ctx, func() bool { return r.streams(ctx) == float64(len(r.fleet)+1) }); err != nil {
		return err
	}
	opened := time.Now()
	if err := r.stream(ctx, "silent", r.bench.scaled(2000), 10*time.Millisecond); err != nil {
		return err
	}
	after := r.controller.memory()
	r.report("silent", figure{Name: "memory with the silent client", Unit: "MiB", Value: after.Resident, Floor: &before.Resident, FloorOf: "before"})
	if r.bench.scale == "small" {
		return nil
	}
	limit, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	// The client can't tell: it would have to read.
	if err := until(limit, func() bool { return r.streams(ctx) == float64(len(r.fleet)) }); err != nil {
		return fmt.Errorf("the silent client wasn't cut off: %w", err)
	}
	r.report("silent", figure{Name: "silent client cut off after", Unit: "s", Value: time.Since(opened).Seconds()})
	return nil
}

// streams is how many streams the controller says are open.
func (r *run) streams(ctx context.Context) float64 {
	counts, err := r.controller.scrape(ctx)
	if err != nil {
		return 0
	}
	return counts.sum("agentgateway_xds_connected_streams")
}
