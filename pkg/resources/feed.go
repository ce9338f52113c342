package resources

import "istio.io/istio/pkg/kube/krt"

// Delta is one event of a Feed: the resources of an item before and after.
// Either may be empty.
type Delta struct {
	Old, New []Resource
}

// Feed is a collection seen as the resources that its items carry: the end of
// the graph, where the xDS server listens.
type Feed interface {
	// Register calls f with every batch of changes, beginning with what is
	// there. f is called by one goroutine, in order.
	Register(f func([]Delta)) krt.HandlerRegistration
	// List returns what is there now.
	List() []Resource
	krt.Syncer
}

// NewFeed makes a Feed of collection. carried returns the resources of an
// item, always the same for equal items.
func NewFeed[T any](collection krt.Collection[T], carried func(T) []Resource) Feed {
	return feed[T]{Collection: collection, carried: carried}
}

// FeedOf makes a Feed of a collection of plain resources.
func FeedOf(collection krt.Collection[Resource]) Feed {
	return NewFeed(collection, func(r Resource) []Resource { return []Resource{r} })
}

type feed[T any] struct {
	krt.Collection[T]
	carried func(T) []Resource
}

func (f feed[T]) Register(handle func([]Delta)) krt.HandlerRegistration {
	return f.RegisterBatch(func(events []krt.Event[T]) {
		deltas := make([]Delta, 0, len(events))
		for _, event := range events {
			var delta Delta
			if event.Old != nil {
				delta.Old = f.carried(*event.Old)
			}
			if event.New != nil {
				delta.New = f.carried(*event.New)
			}
			deltas = append(deltas, delta)
		}
		handle(deltas)
	}, true)
}

func (f feed[T]) List() []Resource {
	var out []Resource
	for _, item := range f.Collection.List() {
		out = append(out, f.carried(item)...)
	}
	return out
}
