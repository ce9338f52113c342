package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// burst attaches many routes to one Gateway as fast as the API server takes
// them.
func (r *run) burst(ctx context.Context) error {
	sizes := []int{1000, 5000}
	if r.bench.scale == "small" {
		sizes = []int{50, 100}
	}
	total := r.Routes
	for _, n := range sizes {
		before, err := r.controller.scrape(ctx)
		if err != nil {
			return err
		}
		began, cpu := time.Now(), r.controller.cpu()
		err = each(ctx, n, func(ctx context.Context, i int) error {
			route := routeOn(gwv1.ParentReference{Name: gwv1.ObjectName(gatewayName(0))}, fmt.Sprintf("burst-%d-%05d", n, i), i%r.Services)
			_, err := r.cluster.gateway.GatewayV1().HTTPRoutes(namespace).Create(ctx, route, metav1.CreateOptions{})
			return err
		})
		if err != nil {
			return err
		}
		created := time.Now()
		total += n
		exact := time.Time{}
		err = until(ctx, func() bool {
			exact = time.Now()
			return r.gatewayWatch.attached() == int64(total)
		})
		if err != nil {
			return fmt.Errorf("%d attached routes, want %d: %w", r.gatewayWatch.attached(), total, err)
		}
		settled, err := r.awaitSettled(ctx, total)
		if err != nil {
			return err
		}
		cpu = r.controller.cpu() - cpu
		// The writer writes what is left over after its longest interval.
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
		after, err := r.controller.scrape(ctx)
		if err != nil {
			return err
		}
		writes := func(kind string) float64 {
			label := `kind="` + kind + `"`
			return after.sum("agentgateway_status_writes_total", label) - before.sum("agentgateway_status_writes_total", label)
		}
		what := fmt.Sprintf("burst of %d: ", n)
		r.report("burst", figure{Name: what + "creating the routes", Unit: "s", Value: created.Sub(began).Seconds()})
		r.report("burst", figure{Name: what + "last create to exact attachedRoutes", Unit: "s", Value: exact.Sub(created).Seconds()})
		r.report("burst", figure{Name: what + "last create to all status", Unit: "s", Value: max(0, settled.Sub(created).Seconds())})
		r.report("burst", figure{Name: what + "Gateway status writes", Value: writes("Gateway")})
		r.report("burst", figure{Name: what + "HTTPRoute status writes", Value: writes("HTTPRoute"), Floor: new(float64(n)), FloorOf: "one a route"})
		r.report("burst", figure{Name: what + "controller CPU a route", Unit: "ms", Value: milliseconds(cpu) / float64(n)})
	}
	r.Routes = total
	r.fleet[0].completeRoutes = total
	return until(ctx, func() bool { return r.fleet[0].routes() == total })
}

// zero deletes everything that was attached and looks at what is kept.
func (r *run) zero(ctx context.Context) error {
	before := r.controller.memory()
	liveBefore, _, err := r.controller.heap(ctx, "")
	if err != nil {
		return err
	}
	everything, options := metav1.ListOptions{}, metav1.DeleteOptions{}
	services, err := r.cluster.kube.CoreV1().Services(namespace).List(ctx, everything)
	if err != nil {
		return err
	}
	routes, total := r.cluster.gateway.GatewayV1().HTTPRoutes(namespace), len(r.routeWatch.seen)
	cpu := r.controller.cpu()
	err = each(ctx, total, func(ctx context.Context, i int) error { return routes.Delete(ctx, routeName(i), options) })
	err = errors.Join(err, r.cluster.kube.DiscoveryV1().EndpointSlices(namespace).DeleteCollection(ctx, options, everything))
	err = errors.Join(err, r.cluster.kube.CoreV1().Pods(namespace).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}, everything))
	err = errors.Join(err, each(ctx, len(services.Items), func(ctx context.Context, i int) error {
		return r.cluster.kube.CoreV1().Services(namespace).Delete(ctx, services.Items[i].Name, options)
	}))
	if err != nil {
		return err
	}
	if err := until(ctx, func() bool { return r.fleet[0].routes() == 0 }); err != nil {
		return fmt.Errorf("%d routes are left: %w", r.fleet[0].routes(), err)
	}
	cpu = r.controller.cpu() - cpu
	if err := pause(ctx, 2*restTime); err != nil {
		return err
	}
	after := r.controller.memory()
	live, _, err := r.controller.heap(ctx, r.file("zero.heap.pprof"))
	if err != nil {
		return err
	}
	if err := pause(ctx, 2*restTime); err != nil {
		return err
	}
	collected := r.controller.memory()
	r.report("zero", figure{Name: "controller CPU per deleted route", Unit: "ms", Value: milliseconds(cpu) / float64(total)})
	r.report("zero", figure{Name: "memory after scaling to zero", Unit: "MiB", Value: after.Resident, Floor: &before.Resident, FloorOf: "before"})
	r.report("zero", figure{Name: "memory after a further collection", Unit: "MiB", Value: collected.Resident, Floor: &before.Resident, FloorOf: "before"})
	r.report("zero", figure{Name: "live heap after scaling to zero", Unit: "MiB", Value: live, Floor: &liveBefore, FloorOf: "before"})
	return nil
}
