// Package krtx holds the collection types that krt lacks: joins that count.
//
// Deriving a value such as "how many routes attach to this listener" by
// listing the children costs as much as there are children, for every event.
// Here an event costs what it changes: one step up or down per key it gained
// or lost.
package krtx

import (
	"slices"
	"sync"

	"istio.io/istio/pkg/kube/krt"
)

// Count is the number of items of a source collection that carry Key. Keys
// with a count of zero don't exist.
type Count struct {
	Key string
	N   int
}

// ResourceName makes the counted key the key of the collection.
func (c Count) ResourceName() string { return c.Key }

// Equals compares key and number.
func (c Count) Equals(other Count) bool { return c == other }

// Member says that at least one item of a source collection carries Key.
type Member struct {
	Key string
}

// ResourceName makes the key the key of the collection.
func (m Member) ResourceName() string { return m.Key }

// Equals compares the keys.
func (m Member) Equals(other Member) bool { return m == other }

// NewCount counts, for every key, the items of source that carry it; keys must
// not repeat within one item. An event of source costs one step per key that
// the item gained or lost, and the result has one event per key whose number
// changed in a batch.
func NewCount[T any](source krt.Collection[T], keys func(T) []string, opts krt.OptionsBuilder, name string) krt.Collection[Count] {
	tally := NewTally(source)
	defer tally.Start()
	return tally.Count(keys, opts, name)
}

// NewMembers is NewCount for readers that only ask whether anybody carries a
// key: it has an event only when the first carrier comes or the last one goes.
func NewMembers[T any](source krt.Collection[T], keys func(T) []string, opts krt.OptionsBuilder, name string) krt.Collection[Member] {
	tally := NewTally(source)
	defer tally.Start()
	return tally.Members(keys, opts, name)
}

// Tally counts different keys of the same items, those of one or several
// sources, and hears of each event once for all of them.
type Tally[T any] struct {
	sources []krt.Collection[T]
	joins   []func([]krt.Event[T])
	synced  *registrations
}

// NewTally returns a tally of nothing.
func NewTally[T any](sources ...krt.Collection[T]) *Tally[T] {
	return &Tally[T]{sources: sources, synced: &registrations{ready: make(chan struct{})}}
}

// Count is like NewCount. It counts from Start on.
func (t *Tally[T]) Count(keys func(T) []string, opts krt.OptionsBuilder, name string) krt.Collection[Count] {
	return join(t, keys, func(key string, n int) Count { return Count{Key: key, N: n} }, opts, name)
}

// Members is like NewMembers. It counts from Start on.
func (t *Tally[T]) Members(keys func(T) []string, opts krt.OptionsBuilder, name string) krt.Collection[Member] {
	return join(t, keys, func(key string, _ int) Member { return Member{Key: key} }, opts, name)
}

// Start begins to count, once everything to be counted is named.
func (t *Tally[T]) Start() {
	handles := make([]krt.HandlerRegistration, 0, len(t.sources))
	for _, source := range t.sources {
		handles = append(handles, source.RegisterBatch(func(events []krt.Event[T]) {
			for _, handle := range t.joins {
				handle(events)
			}
		}, true))
	}
	t.synced.set(handles)
}

// join keeps the numbers beside the collection that shows them: the collection
// only hears of what its readers would see change.
func join[T, O any](t *Tally[T], keys func(T) []string, show func(string, int) O, opts krt.OptionsBuilder, name string) krt.Collection[O] {
	shown := krt.NewStaticCollection[O](t.synced, nil, opts.WithName(name)...)
	numbers := map[string]int{}
	// Every source calls from a goroutine of its own.
	var mu sync.Mutex
	t.joins = append(t.joins, func(events []krt.Event[T]) {
		mu.Lock()
		defer mu.Unlock()
		changed := map[string]struct{}{}
		for _, event := range events {
			if event.Old != nil && event.New != nil && slices.Equal(keys(*event.Old), keys(*event.New)) {
				continue
			}
			if event.Old != nil {
				for _, key := range keys(*event.Old) {
					numbers[key]--
					changed[key] = struct{}{}
				}
			}
			if event.New != nil {
				for _, key := range keys(*event.New) {
					numbers[key]++
					changed[key] = struct{}{}
				}
			}
		}
		for key := range changed {
			if numbers[key] == 0 {
				delete(numbers, key)
				shown.DeleteObject(key)
				continue
			}
			shown.ConditionalUpdateObject(show(key, numbers[key]))
		}
	})
	return shown
}

// registrations is the Syncer of collections that are fed by handlers: synced
// when the handlers have seen the initial state. They can only be registered
// once the collections exist, hence the late set.
type registrations struct {
	ready   chan struct{}
	handles []krt.HandlerRegistration
}

func (r *registrations) set(handles []krt.HandlerRegistration) {
	r.handles = handles
	close(r.ready)
}

// HasSynced reports whether the initial state was counted.
func (r *registrations) HasSynced() bool {
	select {
	case <-r.ready:
	default:
		return false
	}
	for _, handle := range r.handles {
		if !handle.HasSynced() {
			return false
		}
	}
	return true
}

// WaitUntilSynced blocks until HasSynced, or returns false when stop closes.
func (r *registrations) WaitUntilSynced(stop <-chan struct{}) bool {
	select {
	case <-r.ready:
	case <-stop:
		return false
	}
	for _, handle := range r.handles {
		if !handle.WaitUntilSynced(stop) {
			return false
		}
	}
	return true
}
