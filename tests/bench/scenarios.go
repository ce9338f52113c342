package main

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// scenarios lists what can be done in a world after its cold start.
var scenarios = map[string]func(*run, context.Context) error{
	"change":    (*run).change,
	"churn":     (*run).churn,
	"steady":    (*run).steady,
	"burst":     (*run).burst,
	"isolation": (*run).isolation,
	"idle":      (*run).idle,
	"pods":      (*run).pods,
	"reconnect": (*run).reconnect,
	"restart":   (*run).restart,
	"silent":    (*run).silent,
	"zero":      (*run).zero,
}

// arrival is how long one change may take to reach a client before it counts
// as lost.
const arrival = 30 * time.Second

// touch changes a route so that what proxies get differs, and returns when the
// request was sent.
func (r *run) touch(ctx context.Context, name string) (time.Time, error) {
	patch := fmt.Sprintf(`[{"op":"replace","path":"/spec/rules/0/matches/0/path/value","value":"/%s/%d"}]`, name, r.touches.Add(1))
	sent := time.Now()
	_, err := r.cluster.gateway.GatewayV1().HTTPRoutes(namespace).Patch(ctx, name, types.JSONPatchType, []byte(patch), metav1.PatchOptions{})
	return sent, err
}

// spread visits the routes of Gateway 0 in an order that isn't theirs.
func (r *run) spread(i int) string {
	on := r.routesOn(0)
	// A prime that no number of routes is a multiple of.
	return routeName((i * 7919 % on) * r.Gateways)
}

// change makes one change at a time: the next one only after the client has it
// and the status is written.
func (r *run) change(ctx context.Context) error {
	n, pauses := r.bench.scaled(500), 30*time.Millisecond
	watched, client := r.routeWatch, r.fleet[0]
	watched.forget()
	var over, raw sample
	wait := r.profile(ctx, "change", 20*time.Second)
	per, err := spent(r.controller, n, func() error {
		for i := range n {
			name := r.spread(i)
			before := len(watched.specs(name))
			client.record(true)
			sent, err := r.touch(ctx, name)
			if err != nil {
				return err
			}
			limit, cancel := context.WithTimeout(ctx, arrival)
			err = until(limit, func() bool { return client.recorded() > 0 && len(watched.specs(name)) > before })
			cancel()
			if err != nil {
				return fmt.Errorf("change %d of route %s: %w", i, name, err)
			}
			seen := watched.specs(name)[before]
			raw = append(raw, seen.Sub(sent))
			over = append(over, client.record(false)[0].at.Sub(seen))
			if err := pause(ctx, pauses); err != nil {
				return err
			}
		}
		return nil
	})
	wait()
	if err != nil {
		return err
	}
	r.latencies("change", over, raw)
	bare, err := r.bareChanges(ctx, n/4, pauses)
	if err != nil {
		return err
	}
	r.report("change", figure{
		Name: "controller CPU per change, its status write included", Unit: "ms", Value: per, Floor: new(bare), FloorOf: "bare informers",
	})
	return nil
}

// bareChanges measures what bare informers spend on a change, one at a time,
// when the controller answers each with a status. It comes after what it is the
// floor of: a further process would take the caches from the controller.
func (r *run) bareChanges(ctx context.Context, n int, pauses time.Duration) (float64, error) {
	informers, err := r.startInformers(ctx)
	if err != nil {
		return 0, err
	}
	defer informers.end()
	return spent(informers, n, func() error {
		for i := range n {
			name := r.spread(i)
			before := len(r.routeWatch.specs(name))
			if _, err := r.touch(ctx, name); err != nil {
				return err
			}
			limit, cancel := context.WithTimeout(ctx, arrival)
			err := until(limit, func() bool { return len(r.routeWatch.specs(name)) > before })
			cancel()
			if err != nil {
				return fmt.Errorf("change %d of route %s: %w", i, name, err)
			}
			if err := pause(ctx, pauses); err != nil {
				return err
			}
		}
		return nil
	})
}

// churn is 100 changes a second.
func (r *run) churn(ctx context.Context) error {
	return r.stream(ctx, "churn", r.bench.scaled(3000), 10*time.Millisecond)
}

// steady is a change every 5 ms, which must not hold anything up.
func (r *run) steady(ctx context.Context) error {
	return r.stream(ctx, "steady", r.bench.scaled(12000), 5*time.Millisecond)
}

// stream makes n changes at a pace and matches, route by route, what the raw
// watch and the client saw.
func (r *run) stream(ctx context.Context, scenario string, n int, interval time.Duration) error {
	watched, client := r.routeWatch, r.fleet[0]
	watched.forget()
	client.record(true)
	sent := make([]time.Time, n)
	var took time.Duration
	wait := r.profile(ctx, scenario, min(30*time.Second, time.Duration(n)*interval))
	per, err := spent(r.controller, n, func() (err error) {
		took, err = paced(ctx, n, interval, func(ctx context.Context, i int) (err error) {
			sent[i], err = r.touch(ctx, r.spread(i))
			return err
		})
		if err != nil {
			return err
		}
		_, err = r.awaitSettled(ctx, len(r.routeWatch.seen))
		return err
	})
	wait()
	if err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(ctx, arrival)
	defer cancel()
	// What was merged on the way is fewer; then the time passes and the pairs
	// below tell.
	_ = until(limit, func() bool { return client.recorded() >= n })
	over, raw, merged := r.match(client.record(false), sent)
	r.latencies(scenario, over, raw)
	r.report(scenario, figure{Name: "changes a second", Unit: "/s", Value: float64(n) / took.Seconds(), Floor: new(float64(time.Second / interval)), FloorOf: "pace asked for"})
	r.report(scenario, figure{Name: "changes merged with a later one of the same route", Value: float64(merged)})
	r.report(scenario, figure{Name: "controller CPU per change, its status write included", Unit: "ms", Value: per})
	return nil
}

// match pairs the times at which the raw watch and the client saw each change.
// A route that the client saw less often than the watch is left out and its
// difference counted as merged.
func (r *run) match(receipts []receipt, sent []time.Time) (over, raw sample, merged int) {
	arrivals, requests := map[string][]time.Time{}, map[string][]time.Time{}
	for _, receipt := range receipts {
		if name, ok := routeOf(receipt.name); ok {
			arrivals[name] = append(arrivals[name], receipt.at)
		}
	}
	for i, at := range sent {
		requests[r.spread(i)] = append(requests[r.spread(i)], at)
	}
	for name, requested := range requests {
		seen, arrived := r.routeWatch.specs(name), arrivals[name]
		if len(arrived) != len(seen) || len(seen) != len(requested) {
			merged += max(len(seen)-len(arrived), 1)
			continue
		}
		for i := range seen {
			over = append(over, arrived[i].Sub(seen[i]))
			raw = append(raw, seen[i].Sub(requested[i]))
		}
	}
	return over, raw, merged
}
