package xds

import (
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/types"

	"agentgateway.dev/controller/pkg/resources"
)

// Change is one step in the life of a resource name.
type Change struct {
	// Gateway is the owner of a TypeResource; it is ignored for TypeAddress.
	Gateway types.NamespacedName
	Type    resources.Type
	Name    string
	// New is the content from now on, nil when the resource is gone. It must
	// never be modified afterwards: its body is sent from where it lies.
	New *resources.Resource
}

// Store is the journal: everything that proxies should hold, ordered by when
// it last changed. All methods may be called from any goroutine.
//
// Every change takes the next number of one increasing sequence. Numbers mean
// nothing outside of this process; a client that comes back is compared by
// versions.
type Store struct {
	sequence atomic.Uint64
	synced   atomic.Bool

	mu        sync.Mutex
	gateways  map[types.NamespacedName]*scope
	addresses *scope

	rejections rejections
}

// NewStore returns an empty journal that is not synced.
func NewStore() *Store {
	return &Store{
		gateways:   map[types.NamespacedName]*scope{},
		addresses:  newScope(),
		rejections: newRejections(),
	}
}

// MarkSynced states that the journal now holds everything that it should. No
// proxy is answered before, since whatever is missing would be taken from it.
func (s *Store) MarkSynced() { s.synced.Store(true) }

// Synced reports whether MarkSynced was called.
func (s *Store) Synced() bool { return s.synced.Load() }

// Apply records changes in their order. Changes of one scope become visible to
// a proxy together; a change to the version that is there already is dropped.
// It never waits for a proxy. The cost is that of the changes plus one channel
// operation for every subscription of the touched scopes.
func (s *Store) Apply(changes []Change) {
	groups, order := map[audience][]Change{}, []audience{}
	for _, change := range changes {
		to := audienceOf(change)
		if groups[to] == nil {
			order = append(order, to)
		}
		groups[to] = append(groups[to], change)
	}
	for _, to := range order {
		s.applyToScope(to, groups[to])
	}
}

// audience names a scope.
type audience struct {
	gateway types.NamespacedName
	kind    resources.Type
}

func audienceOf(c Change) audience {
	if c.Type == resources.TypeAddress {
		return audience{kind: c.Type}
	}
	return audience{gateway: c.Gateway, kind: c.Type}
}

func (s *Store) applyToScope(to audience, changes []Change) {
	sc := s.pin(to)
	defer s.unpin(to, sc)

	sc.mu.Lock()
	defer sc.mu.Unlock()
	changed := false
	for _, change := range changes {
		var next *item
		if change.New != nil {
			if next = newItem(change.New); next.size() > maxItemBytes {
				s.rejections.add(next.oversized(to))
				continue
			}
		}
		if sc.set(to.kind, change.Name, next, &s.sequence) {
			changed = true
		} else if next != nil {
			continue
		}
		s.rejections.forget(to, change.Name)
	}
	if changed {
		sc.wakeAll()
	}
}

// Rejections returns what proxies of the gateway refused or accepted with a
// warning, as far as it is still the current content, ordered by type and name.
func (s *Store) Rejections(gateway types.NamespacedName) []Rejection {
	return s.rejections.of(gateway)
}

// reject remembers a rejection while the rejected version is the current one.
// It returns false when this version was reported before.
func (s *Store) reject(r Rejection) bool {
	if r.Name == "" {
		return s.rejections.add(r)
	}
	from := audienceOf(Change{Gateway: r.Gateway, Type: r.Type})
	sc := s.pin(from)
	defer s.unpin(from, sc)
	// The scope stays locked so that no change slips in between the look at the
	// version and the entry, which nobody would clear then.
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if sc.version(r.Name) != r.Version {
		return true
	}
	return s.rejections.add(r)
}

// head returns the number of the newest change of an audience.
func (s *Store) head(to audience) uint64 {
	sc := s.pin(to)
	defer s.unpin(to, sc)
	sc.mu.Lock()
	defer sc.mu.Unlock()
	return sc.head
}

// pin returns the scope and keeps it from being freed until unpin.
func (s *Store) pin(to audience) *scope {
	if to.kind == resources.TypeAddress {
		return s.addresses
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sc := s.gateways[to.gateway]
	if sc == nil {
		sc = newScope()
		s.gateways[to.gateway] = sc
	}
	sc.pins++
	return sc
}

func (s *Store) unpin(to audience, sc *scope) {
	if to.kind == resources.TypeAddress {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sc.pins--
	if sc.pins == 0 && sc.empty() {
		delete(s.gateways, to.gateway)
	}
}
