package main

import (
	"fmt"
	"slices"
)

// world is what a cluster is filled with before the controller starts.
type world struct {
	Name string
	// Gateways share Routes evenly: route i is on Gateway i modulo Gateways.
	Gateways, Routes int
	// ListenerSets are on the first Gateway, with an HTTPS listener each. The
	// routes are then on them.
	ListenerSets, Certificates int
	// Services have PodsEach pods, and one EndpointSlice, each.
	Services, PodsEach int
	// Scenarios run in this order after the cold start.
	Scenarios []string
}

// worlds lists the worlds of a scale. The small ones have the shape of the full
// ones and take seconds: they are for working on the benchmarks themselves.
func worlds(scale string) ([]world, error) {
	switch scale {
	case "full":
		return []world{
			routes(1_000, "change", "burst"),
			routes(5_000, "change", "churn", "steady", "silent"),
			routes(20_000),
			routes(40_000, "change", "reconnect", "zero"),
			{Name: "gateways-100", Gateways: 100, Routes: 5_000, Services: 100, PodsEach: 2, Scenarios: []string{"isolation", "idle", "restart"}},
			{Name: "gateways-1000", Gateways: 1_000, Routes: 40_000, Services: 100, PodsEach: 2, Scenarios: []string{"isolation", "restart"}},
			{Name: "listenersets", Gateways: 1, ListenerSets: 2_500, Routes: 40_000, Certificates: 50, Services: 100, PodsEach: 2, Scenarios: []string{"change"}},
			{Name: "services-1000", Gateways: 1, Routes: 1_000, Services: 1_000, PodsEach: 2, Scenarios: []string{"pods"}},
		}, nil
	case "small":
		return []world{
			routes(50, "change", "burst"),
			routes(200, "change", "churn", "steady", "silent", "reconnect", "zero"),
			{Name: "gateways-10", Gateways: 10, Routes: 100, Services: 10, PodsEach: 2, Scenarios: []string{"isolation", "idle", "restart"}},
			{Name: "listenersets", Gateways: 1, ListenerSets: 10, Routes: 40, Certificates: 2, Services: 10, PodsEach: 2, Scenarios: []string{"change"}},
			{Name: "services-20", Gateways: 1, Routes: 20, Services: 20, PodsEach: 2, Scenarios: []string{"pods"}},
		}, nil
	}
	return nil, fmt.Errorf("scale %q: small and full exist", scale)
}

// routes is a world of one Gateway with n routes.
func routes(n int, scenarios ...string) world {
	name := fmt.Sprintf("routes-%d", n)
	if n >= 1000 {
		name = fmt.Sprintf("routes-%dk", n/1000)
	}
	return world{Name: name, Gateways: 1, Routes: n, Services: min(n, 100), PodsEach: 2, Scenarios: scenarios}
}

// selectWorlds leaves only what was asked for: worlds by name, and scenarios by
// name. Worlds in which nothing is left to do fall out; "cold" is done in all.
func selectWorlds(all []world, names, run []string) ([]world, error) {
	for _, name := range names {
		if !slices.ContainsFunc(all, func(w world) bool { return w.Name == name }) {
			return nil, fmt.Errorf("no world %q", name)
		}
	}
	for _, name := range run {
		if _, known := scenarios[name]; !known && name != coldStart {
			return nil, fmt.Errorf("no scenario %q", name)
		}
	}
	var selected []world
	for _, w := range all {
		if len(names) > 0 && !slices.Contains(names, w.Name) {
			continue
		}
		if len(run) > 0 {
			w.Scenarios = slices.DeleteFunc(slices.Clone(w.Scenarios), func(name string) bool { return !slices.Contains(run, name) })
			if len(w.Scenarios) == 0 && !slices.Contains(run, coldStart) {
				continue
			}
		}
		selected = append(selected, w)
	}
	return selected, nil
}

// routesOn is how many routes Gateway i has.
func (w world) routesOn(i int) int {
	return (w.Routes + w.Gateways - 1 - i) / w.Gateways
}
