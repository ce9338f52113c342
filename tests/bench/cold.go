package main

import (
	"context"
	"fmt"
	"time"
)

const (
	// coldStart names what begins every world.
	coldStart = "cold"
	// restTime is how long a process is left alone before its memory is read.
	restTime = 8 * time.Second
	// supportPatience is how long a kind may take to get its first status
	// before it counts as not supported.
	supportPatience = 30 * time.Second
	// statusPatience is how long the status of everything may take.
	statusPatience = 10 * time.Minute
	// coldClients bounds the clients that wait for the cold start.
	coldClients = 100
)

// cold measures the first start on a cluster where nothing has a status yet.
func (r *run) cold(ctx context.Context) error {
	floor, err := r.coldInformers(ctx)
	if err != nil {
		return err
	}
	r.bench.progress("%s: cold start", r.Name)
	if err := r.startController(); err != nil {
		return err
	}
	defer r.profile(ctx, coldStart, 10*time.Second)()
	if r.fleet, err = r.connect(ctx, min(r.Gateways, coldClients)); err != nil {
		return err
	}
	if r.ListenerSets > 0 {
		if err := r.awaitListenerSets(ctx); err != nil {
			return err
		}
	}
	last, err := r.fleet.awaitComplete(ctx)
	if err != nil {
		return err
	}
	cpuComplete := r.controller.cpu()
	settled, err := r.awaitSettled(ctx, r.Routes)
	if err != nil {
		return err
	}
	cpuSettled := r.controller.cpu()
	if err := pause(ctx, restTime); err != nil {
		return err
	}
	m := r.controller.memory()
	counts, err := r.controller.scrape(ctx)
	if err != nil {
		return err
	}
	live, stacks, err := r.controller.heap(ctx, r.file("cold.heap.pprof"))
	if err != nil {
		return err
	}
	// Now that everything has a status, informers hold more than before.
	settledFloor, err := r.coldInformers(ctx)
	if err != nil {
		return err
	}
	floor.memory, floor.live = settledFloor.memory, settledFloor.live
	informers := "bare informers"
	r.report(coldStart, figure{Name: "start to first complete response", Unit: "s", Value: last.Sub(r.controller.started).Seconds(), Floor: new(floor.synced.Seconds()), FloorOf: informers})
	r.report(coldStart, figure{Name: "start to settled status", Unit: "s", Value: settled.Sub(r.controller.started).Seconds()})
	r.report(coldStart, figure{Name: "CPU until complete response", Unit: "s", Value: cpuComplete.Seconds(), Floor: new(floor.cpu.Seconds()), FloorOf: informers})
	r.report(coldStart, figure{Name: "CPU until settled, status writes included", Unit: "s", Value: cpuSettled.Seconds(), Floor: new(floor.cpu.Seconds()), FloorOf: informers})
	r.report(coldStart, figure{Name: "status writes", Value: counts.sum("agentgateway_status_writes_total")})
	r.report(coldStart, figure{Name: "writes of provisioned objects", Value: counts.sum("agentgateway_provision_writes_total")})
	r.report(coldStart, figure{Name: "memory after it", Unit: "MiB", Value: m.Resident, Floor: &floor.memory.Resident, FloorOf: informers})
	r.report(coldStart, figure{Name: "memory over bare informers", Unit: "×", Value: m.Resident / floor.memory.Resident})
	r.report(coldStart, figure{Name: "memory without files", Unit: "MiB", Value: m.Anonymous, Floor: &floor.memory.Anonymous, FloorOf: informers})
	r.report(coldStart, figure{Name: "live heap", Unit: "MiB", Value: live, Floor: &floor.live, FloorOf: informers})
	r.report(coldStart, figure{Name: "stacks", Unit: "MiB", Value: stacks})
	r.report(coldStart, figure{Name: "peak memory", Unit: "MiB", Value: m.Peak, Floor: &floor.memory.Peak, FloorOf: informers})
	r.report(coldStart, figure{Name: "peak over steady memory", Unit: "×", Value: m.Peak / m.Resident})
	return r.check(coldStart)
}

// informersFloor is what the floor process needed.
type informersFloor struct {
	synced, cpu time.Duration
	memory      memory
	live        float64
}

func (r *run) coldInformers(ctx context.Context) (informersFloor, error) {
	r.bench.progress("%s: bare informers, the floor", r.Name)
	c, err := r.startInformers(ctx)
	if err != nil {
		return informersFloor{}, err
	}
	defer c.end()
	if err := c.running(); err != nil {
		return informersFloor{}, err
	}
	floor := informersFloor{synced: time.Since(c.started), cpu: c.cpu()}
	if err := pause(ctx, restTime); err != nil {
		return informersFloor{}, err
	}
	floor.memory = c.memory()
	floor.live, _, err = c.heap(ctx, r.file("informers.heap.pprof"))
	return floor, err
}

// awaitSettled waits until n routes and all Gateways have the status of their
// generation, and every attached route is counted. It returns the time of the
// event that completed it.
func (r *run) awaitSettled(ctx context.Context, n int) (at time.Time, err error) {
	shown := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, statusPatience, fmt.Errorf("not within %s", statusPatience))
	defer cancel()
	err = until(ctx, func() bool {
		routesAt, routesDone := r.routeWatch.settled(n)
		gatewaysAt, gatewaysDone := r.gatewayWatch.settled(r.Gateways)
		at = gatewaysAt
		if routesAt.After(at) {
			at = routesAt
		}
		if time.Since(shown) > 10*time.Second {
			shown = time.Now()
			r.routeWatch.mu.Lock()
			r.bench.progress("  %d routes without status, %d attached", len(r.routeWatch.unsettled), r.gatewayWatch.attached())
			r.routeWatch.mu.Unlock()
		}
		return routesDone && gatewaysDone && (r.ListenerSets > 0 || r.gatewayWatch.attached() == int64(n))
	})
	if err != nil {
		err = fmt.Errorf("status of %d routes, %d attached, without status: %s: %w", n, r.gatewayWatch.attached(), r.routeWatch.someUnsettled(), err)
	}
	return at, err
}

// awaitListenerSets skips the world if no ListenerSet gets a status.
func (r *run) awaitListenerSets(ctx context.Context) error {
	sets, err := r.watch(ctx, "/apis/gateway.networking.k8s.io/v1", "listenersets")
	if err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(ctx, supportPatience)
	defer cancel()
	err = until(limit, func() bool {
		sets.mu.Lock()
		defer sets.mu.Unlock()
		return len(sets.unsettled) < len(sets.seen)
	})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: no ListenerSet got a status within %s", errSkipped, supportPatience)
	}
	return sets.close()
}
