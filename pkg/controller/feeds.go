package controller

import (
	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/resources"
	"agentgateway.dev/controller/pkg/xds"
)

// connect writes what the feeds carry into the journal, from now on. The
// returned registrations are synced when the journal holds what there was.
func connect(feeds []resources.Feed, store *xds.Store) []krt.HandlerRegistration {
	registrations := make([]krt.HandlerRegistration, 0, len(feeds))
	for _, feed := range feeds {
		registrations = append(registrations, feed.Register(func(deltas []resources.Delta) {
			store.Apply(changes(deltas))
		}))
	}
	return registrations
}

// changes turns the events of a feed into steps of the journal: what is new or
// different is set, what an item no longer carries is removed.
func changes(deltas []resources.Delta) []xds.Change {
	var out []xds.Change
	for _, delta := range deltas {
		kept := make(map[string]struct{}, len(delta.New))
		for i := range delta.New {
			r := &delta.New[i]
			kept[r.ResourceName()] = struct{}{}
			out = append(out, xds.Change{Gateway: r.Gateway, Type: r.Type, Name: r.Name, New: r})
		}
		for i := range delta.Old {
			r := &delta.Old[i]
			if _, still := kept[r.ResourceName()]; !still {
				out = append(out, xds.Change{Gateway: r.Gateway, Type: r.Type, Name: r.Name})
			}
		}
	}
	return out
}
