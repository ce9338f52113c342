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

// NewCount counts, for every key, the items of source that carry it; keys must
// not repeat within one item. An event of source costs one step per key that
// the item gained or lost, and the result has one event per key whose number
// changed in a batch.
func NewCount[T any](source krt.Collection[T], keys func(T) []string, opts krt.OptionsBuilder, name string) krt.Collection[Count] {
	return join(source, keys, func(key string, n int) Count { return Count{Key: key, N: n} }, opts, name)
}

// Member says that at least one item of a source collection carries Key.
type Member struct {
	Key string
}

// ResourceName makes the key the key of the collection.
func (m Member) ResourceName() string { return m.Key }

// Equals compares the keys.
func (m Member) Equals(other Member) bool { return m == other }

// NewMembers is NewCount for readers that only ask whether anybody carries a
// key: it has an event only when the first carrier comes or the last one goes.
func NewMembers[T any](source krt.Collection[T], keys func(T) []string, opts krt.OptionsBuilder, name string) krt.Collection[Member] {
	return join(source, keys, func(key string, _ int) Member { return Member{Key: key} }, opts, name)
}

// join keeps the numbers beside the collection that shows them: the collection
// only hears of what its readers would see change.
func join[T, O any](source krt.Collection[T], keys func(T) []string, show func(string, int) O, opts krt.OptionsBuilder, name string) krt.Collection[O] {
	synced := &registration{ready: make(chan struct{})}
	shown := krt.NewStaticCollection[O](synced, nil, opts.WithName(name)...)
	numbers := map[string]int{}
	// A joined source calls from several goroutines.
	var mu sync.Mutex
	synced.set(source.RegisterBatch(func(events []krt.Event[T]) {
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
	}, true))
	return shown
}

// registration is the Syncer of a collection that is fed by a handler: synced
// when the handler has seen the initial state. The handler can only be
// registered once the collection exists, hence the late set.
type registration struct {
	ready  chan struct{}
	once   sync.Once
	handle krt.HandlerRegistration
}

func (r *registration) set(handle krt.HandlerRegistration) {
	r.once.Do(func() {
		r.handle = handle
		close(r.ready)
	})
}

// HasSynced reports whether the initial state was counted.
func (r *registration) HasSynced() bool {
	select {
	case <-r.ready:
		return r.handle.HasSynced()
	default:
		return false
	}
}

// WaitUntilSynced blocks until HasSynced, or returns false when stop closes.
func (r *registration) WaitUntilSynced(stop <-chan struct{}) bool {
	select {
	case <-r.ready:
		return r.handle.WaitUntilSynced(stop)
	case <-stop:
		return false
	}
}
