package xds

import (
	"cmp"
	"slices"

	"agentgateway.dev/controller/pkg/resources"
)

// round is the computation of what a subscription sends next: everything
// between its position and the end of the journal. It runs under the lock of
// the scope and keeps no reference to it.
type round struct {
	*subscription
	plan plan
	// fresh names are sent whatever the position says of them.
	fresh map[string]struct{}
	// renewed are binds that the client gets as new. Whatever the client knows
	// of their listeners was dropped with the old bind, or never had one.
	renewed map[string]*unit
	// matched counts the reported names that the journal has.
	matched int
}

// round moves the reader to the end of the journal and returns what the client
// needs to get there. What the client holds before is exactly what the last
// round left, as rounds never overlap.
//
// The cost is that of the entries that changed since, and of all entries for
// the first round of a stream.
func (s *subscription) round() *plan {
	if s.compare {
		s.scope.comparing.Lock()
		defer s.scope.comparing.Unlock()
	}
	s.scope.mu.Lock()
	defer s.scope.mu.Unlock()
	r := &round{subscription: s, fresh: s.takeReady()}
	for name := range s.requested {
		r.fresh = insert(r.fresh, name)
	}
	entries := r.candidates()
	// What contains others goes first: whether a listener can be sent depends
	// on what becomes of its bind.
	for _, e := range entries {
		if !e.contained() {
			r.consider(e)
		}
	}
	for _, e := range entries {
		if e.contained() {
			r.consider(e)
		}
	}
	if !s.compare {
		r.considerContents()
	}
	r.considerUnknown()

	s.requested, s.reported, s.compare = nil, nil, false
	s.scope.advance(&s.reader)
	return &r.plan
}

// contained reports whether the resource lives inside of another.
func (e *entry) contained() bool { return e.item != nil && e.item.parent != "" }

// candidates returns every entry that the client may have to hear of, by
// number.
func (r *round) candidates() []*entry {
	sc := r.scope
	var entries []*entry
	switch {
	case r.compare && r.wildcard:
		entries = make([]*entry, 0, len(sc.entries))
		for e := sc.root.next; e != &sc.root; e = e.next {
			entries = append(entries, e)
		}
		r.spotLostBinds(entries)
		return entries
	case r.compare:
		for name := range r.names {
			if e := sc.entries[name]; e != nil {
				entries = append(entries, e)
			}
		}
	default:
		for e := sc.after(r.reader.position); e != &sc.root; e = e.next {
			if r.covers(e.name) {
				entries = append(entries, e)
			}
		}
		for name := range r.fresh {
			if e := sc.entries[name]; e != nil && e.seq <= r.reader.position {
				entries = append(entries, e)
			}
		}
	}
	slices.SortFunc(entries, bySequence)
	return entries
}

func bySequence(a, b *entry) int { return cmp.Compare(a.seq, b.seq) }

// spotLostBinds withholds binds that the client has just dropped in an earlier
// stream, perhaps on another replica: it knows listeners of the bind but not
// the bind. Its socket may still be closing.
func (r *round) spotLostBinds(entries []*entry) {
	if len(r.reported) == 0 || r.reader.joined {
		return
	}
	for _, e := range entries {
		if !e.contained() || r.reported[e.item.parent] != "" {
			continue
		}
		held := r.reported[e.name]
		if held != "" && resources.IdentityOf(held) == e.item.identity() {
			r.withhold(e.item.parent)
		}
	}
}

// held returns the version that the client has, "" for none.
func (r *round) held(e *entry) string {
	if _, fresh := r.fresh[e.name]; fresh {
		return ""
	}
	if r.compare {
		version, known := r.reported[e.name]
		if known {
			r.matched++
		}
		return version
	}
	return r.holds(e)
}

// consider decides on one entry.
func (r *round) consider(e *entry) {
	held := r.held(e)
	switch {
	case r.withheld(e.name):
		// The client has dropped it. It is looked at again when it may return.
	case e.item == nil:
		if _, requested := r.requested[e.name]; held != "" || requested || r.compare && !r.wildcard {
			r.drop(e)
		}
		delete(r.refused, e.name)
	case held != "" && resources.IdentityOf(held) != e.item.identity():
		r.drop(e)
		r.withhold(e.name)
	case !r.placed(e):
		// A listener without its bind would wait in the proxy and could not be
		// removed any more. It goes with the bind.
	case held == e.item.version && r.renewed[e.item.parent] == nil:
	default:
		r.send(e, held)
	}
}

// send adds a resource to the plan, of which the client holds the given
// version, or "".
func (r *round) send(e *entry, held string) {
	if home := r.renewed[e.item.parent]; home != nil {
		home.contents = append(home.contents, e.item)
		return
	}
	if held != "" {
		r.notePrevious(e.name, held)
	}
	if held != "" || !settles(r.audience.kind, e.name) {
		r.plan.add(e)
		return
	}
	home := &unit{bind: e.item}
	r.plan.units = append(r.plan.units, home)
	if r.renewed == nil {
		r.renewed = map[string]*unit{}
	}
	r.renewed[e.name] = home
}

// drop removes a name from the client.
func (r *round) drop(e *entry) {
	r.plan.remove(e.name, e.rank)
	if settles(r.audience.kind, e.name) {
		r.withhold(e.name)
	}
}

// placed reports whether the client has, or gets in this round, what the
// resource lives in.
func (r *round) placed(e *entry) bool {
	parent := e.item.parent
	if parent == "" || !r.covers(parent) {
		return true
	}
	return r.scope.version(parent) != "" && !r.withheld(parent)
}

func (r *round) notePrevious(name, version string) {
	if r.before == nil {
		r.before = map[string]string{}
	}
	r.before[name] = version
}

// considerContents sends the unchanged contents of renewed binds; changed ones
// were considered as such.
func (r *round) considerContents() {
	for _, bind := range sortedNames(r.renewed) {
		var contents []*entry
		for e := range r.scope.children[bind] {
			_, fresh := r.fresh[e.name]
			if e.seq <= r.reader.position && !fresh && r.covers(e.name) && !r.withheld(e.name) && r.refused[e.name].version != e.item.version {
				contents = append(contents, e)
			}
		}
		slices.SortFunc(contents, bySequence)
		for _, e := range contents {
			r.send(e, "")
		}
	}
}

// considerUnknown removes names of which the journal has no trace: those that
// the client reported, and those that it asked for by name.
func (r *round) considerUnknown() {
	var unknown map[string]struct{}
	collect := func(name string) {
		if r.scope.entries[name] == nil && r.covers(name) && !r.withheld(name) {
			unknown = insert(unknown, name)
		}
	}
	if r.matched < len(r.reported) {
		for name := range r.reported {
			collect(name)
		}
	}
	for name := range r.requested {
		collect(name)
	}
	if r.compare && !r.wildcard {
		for name := range r.names {
			collect(name)
		}
	}
	for _, name := range sortedNames(unknown) {
		rank := rankOf(r.audience.kind, name)
		r.plan.remove(name, rank)
		if settles(r.audience.kind, name) {
			r.withhold(name)
		}
	}
}
