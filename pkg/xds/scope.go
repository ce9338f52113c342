package xds

import (
	"sync"
	"sync/atomic"

	"agentgateway.dev/controller/pkg/resources"
)

// scope is the journal of one audience: the proxies of one Gateway, or for
// addresses all proxies. Its entries form a list ordered by the number of
// their last change, so what a reader has not seen is the end of the list.
type scope struct {
	// pins counts who needs the scope to stay in the store: subscriptions and
	// writes under way. Guarded by Store.mu.
	pins int

	// comparing is held, before mu, by a reader in its first round. These are
	// long, and when many clients reconnect at once they must not queue up for
	// mu, where changes would have to wait behind them all.
	comparing sync.Mutex

	mu       sync.Mutex
	entries  map[string]*entry
	children map[string]map[*entry]struct{}
	// root closes the list to a ring: root.next is the oldest change.
	root entry
	// head is the number of the newest change.
	head    uint64
	readers map[*reader]struct{}
	// joined counts the readers that follow by position.
	joined int
	// furthest is a position that no reader has passed.
	furthest uint64
	// retained lists, oldest first, the changes whose predecessor some reader
	// may still hold.
	retained []retention
}

// entry is one name. It outlives the resource as a tombstone (a nil item)
// until every reader knows that the resource is gone.
type entry struct {
	name string
	// item is the current content, nil for a tombstone.
	item *item
	// seq is the number of the change that brought the current content.
	seq uint64
	// past holds earlier contents, oldest first, as long as a reader stands at
	// a position where they were current.
	past       []span
	prev, next *entry
	rank       rank
}

// span is a content of an entry that was current from a number on. The version
// is "" while the resource did not exist.
type span struct {
	since   uint64
	version string
}

// reader is the place of one subscription in the journal. Guarded by scope.mu.
type reader struct {
	// wake is called when there is something new. It must not block.
	wake func()
	// joined is false until the reader's first round, which compares with what
	// the client reported instead of with a position.
	joined   bool
	position uint64
}

// retention is a change that some readers have not seen.
type retention struct {
	entry *entry
	seq   uint64
	// waiting is the number of joined readers with a position below seq. It
	// never decreases along the list, so what can be dropped is a prefix.
	waiting int
}

func newScope() *scope {
	s := &scope{
		entries:  map[string]*entry{},
		children: map[string]map[*entry]struct{}{},
		readers:  map[*reader]struct{}{},
	}
	s.root.prev, s.root.next = &s.root, &s.root
	return s
}

func (s *scope) empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries) == 0
}

// version returns the current version of a name, "" when there is none.
func (s *scope) version(name string) string {
	if e := s.entries[name]; e != nil {
		return e.version()
	}
	return ""
}

// set records the content of a name and reports whether that is a change.
func (s *scope) set(kind resources.Type, name string, next *item, sequence *atomic.Uint64) bool {
	e := s.entries[name]
	version := ""
	if next != nil {
		version = next.version
	}
	switch {
	case e == nil && next == nil:
		return false
	case e == nil:
		e = &entry{name: name, rank: rankOf(kind, name)}
		s.entries[name] = e
	case e.version() == version:
		return false
	default:
		e.unlink()
		s.keepPast(e)
	}
	s.adopt(e, next)
	e.item = next
	e.seq = sequence.Add(1)
	s.head = e.seq
	s.append(e)
	switch {
	case s.joined > 0:
		s.retained = append(s.retained, retention{entry: e, seq: e.seq, waiting: s.joined})
	case next == nil:
		s.drop(e)
	}
	return true
}

// keepPast saves the content that is about to be replaced if a reader may have
// taken it.
func (s *scope) keepPast(e *entry) {
	if s.joined > 0 && s.furthest >= e.seq {
		e.past = append(e.past, span{since: e.seq, version: e.version()})
	}
}

// adopt keeps the index of children by parent.
func (s *scope) adopt(e *entry, next *item) {
	before, after := "", ""
	if e.item != nil {
		before = e.item.parent
	}
	if next != nil {
		after = next.parent
	}
	if before == after {
		return
	}
	if siblings := s.children[before]; siblings != nil {
		delete(siblings, e)
		if len(siblings) == 0 {
			delete(s.children, before)
		}
	}
	if after != "" {
		if s.children[after] == nil {
			s.children[after] = map[*entry]struct{}{}
		}
		s.children[after][e] = struct{}{}
	}
}

func (s *scope) append(e *entry) {
	last := s.root.prev
	last.next, e.prev = e, last
	e.next, s.root.prev = &s.root, e
}

func (s *scope) drop(e *entry) {
	e.unlink()
	delete(s.entries, e.name)
}

func (e *entry) unlink() {
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = nil, nil
}

func (e *entry) version() string {
	if e.item == nil {
		return ""
	}
	return e.item.version
}

// versionAt returns the version that a reader at this position has taken, ""
// when the name did not exist then.
func (e *entry) versionAt(position uint64) string {
	if position >= e.seq {
		return e.version()
	}
	for i := len(e.past) - 1; i >= 0; i-- {
		if position >= e.past[i].since {
			return e.past[i].version
		}
	}
	return ""
}

// after returns the oldest entry that changed after position; follow next
// until the root. The cost is the number of such entries.
func (s *scope) after(position uint64) *entry {
	e := &s.root
	for e.prev != &s.root && e.prev.seq > position {
		e = e.prev
	}
	return e
}

// register makes the reader hear of changes.
func (s *scope) register(r *reader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers[r] = struct{}{}
}

// unregister ends that, and frees what was kept for the reader.
func (s *scope) unregister(r *reader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.readers, r)
	if r.joined {
		s.pass(r.position)
		s.joined--
		r.joined = false
		s.release()
	}
}

// advance moves the reader to the newest change.
func (s *scope) advance(r *reader) {
	if r.joined {
		s.pass(r.position)
	} else {
		r.joined = true
		s.joined++
	}
	r.position = s.head
	s.furthest = s.head
	s.release()
}

// pass counts one reader at position out of what is kept for it.
func (s *scope) pass(position uint64) {
	for i := len(s.retained) - 1; i >= 0 && s.retained[i].seq > position; i-- {
		s.retained[i].waiting--
	}
}

// release frees contents and tombstones that no reader needs any more.
func (s *scope) release() {
	done := 0
	for done < len(s.retained) && s.retained[done].waiting == 0 {
		r := s.retained[done]
		r.entry.forgetBefore(r.seq)
		if r.entry.item == nil && r.entry.seq == r.seq {
			s.drop(r.entry)
		}
		done++
	}
	if done == len(s.retained) {
		s.retained = nil
		return
	}
	clear(s.retained[:done])
	s.retained = s.retained[done:]
}

// forgetBefore drops the spans that ended at or before seq.
func (e *entry) forgetBefore(seq uint64) {
	done := 0
	for done < len(e.past) {
		end := e.seq
		if done+1 < len(e.past) {
			end = e.past[done+1].since
		}
		if end > seq {
			break
		}
		done++
	}
	if e.past = e.past[done:]; len(e.past) == 0 {
		e.past = nil
	}
}

// wakeAll tells every reader.
func (s *scope) wakeAll() {
	for r := range s.readers {
		r.wake()
	}
}
