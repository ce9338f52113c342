package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// pods replaces one pod of each of many services, as a rollout does: the new
// pod comes, the EndpointSlice changes over to it, the old pod goes.
func (r *run) pods(ctx context.Context) error {
	n, interval := min(r.Services, r.bench.scaled(500)), 50*time.Millisecond
	watched, err := r.watch(ctx, "/api/v1", "pods")
	if err != nil {
		return err
	}
	watched.mu.Lock()
	watched.every = true
	watched.mu.Unlock()
	client := r.fleet[0]
	client.record(true)
	before := client.traffic()
	sent := make([]time.Time, n)
	wait := r.profile(ctx, "pods", time.Duration(n)*interval)
	per, err := spent(r.controller, n, func() error {
		_, err := paced(ctx, n, interval, func(ctx context.Context, i int) (err error) {
			if sent[i], err = r.cluster.createPod(ctx, i, r.PodsEach); err != nil {
				return err
			}
			numbers := []int{r.PodsEach}
			for p := 1; p < r.PodsEach; p++ {
				numbers = append(numbers, p)
			}
			if _, err := r.cluster.kube.DiscoveryV1().EndpointSlices(namespace).Update(ctx, slice(i, numbers...), metav1.UpdateOptions{}); err != nil {
				return err
			}
			return r.cluster.kube.CoreV1().Pods(namespace).Delete(ctx, podName(i, 0), metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))})
		})
		if err != nil {
			return err
		}
		return until(ctx, func() bool { return client.traffic().removals-before.removals >= n })
	})
	wait()
	if err != nil {
		return fmt.Errorf("%d of %d pods gone at the client: %w", client.traffic().removals-before.removals, n, err)
	}
	after := client.traffic()
	// A workload finds its services by labels, so it is complete when its pod
	// is; the slice only takes the old one away.
	arrived := map[string]time.Time{}
	for _, receipt := range client.record(false) {
		name := receipt.name[strings.LastIndexByte(receipt.name, '/')+1:]
		if arrived[name].IsZero() {
			arrived[name] = receipt.at
		}
	}
	var over, raw sample
	missing := 0
	for i := range n {
		name := podName(i, r.PodsEach)
		seen, at := watched.specs(name), arrived[name]
		if len(seen) == 0 || at.IsZero() {
			missing++
			continue
		}
		raw = append(raw, seen[len(seen)-1].Sub(sent[i]))
		over = append(over, at.Sub(seen[len(seen)-1]))
	}
	r.latencies("pods", over, raw)
	r.report("pods", figure{Name: "pods that never arrived", Value: float64(missing)})
	r.report("pods", figure{Name: "controller CPU per replaced pod", Unit: "ms", Value: per})
	r.report("pods", figure{Name: "resources and removals sent per replaced pod", Value: float64(after.resources-before.resources+after.removals-before.removals) / float64(n)})
	return watched.close()
}
