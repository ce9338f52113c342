package xds

import (
	"maps"
	"slices"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
)

// wildcardName subscribes to everything there is.
const wildcardName = "*"

// subscription is what one stream has asked for of one type, and how far it
// got. What the client holds follows from the reader's position alone; all the
// maps are exceptions from that and nil for a client at rest.
type subscription struct {
	audience audience
	scope    *scope
	reader   reader

	wildcard bool
	// names are subscribed to one by one.
	names map[string]struct{}
	// requested are names that must be answered whatever the client holds:
	// with the resource, or with its removal if there is none.
	requested map[string]struct{}

	// reported holds name → version as stated by the client, until the first
	// round has compared it. compare is set until then.
	reported map[string]string
	compare  bool
	// owed is set while the client waits for a response, though it be empty: a
	// proxy without an answer in this stream may be unready.
	owed bool

	// inFlight was sent and is not answered. queue is the rest of its round.
	inFlight *Response
	queue    []*Response

	// replacing holds names that the client was told to drop and that may not
	// be sent for the time being.
	replacing map[string]absence
	// refused holds, by name, versions that the client did not take. The
	// position says that it has them.
	refused map[string]refusal
	// before holds name → version of what the running round updates.
	before map[string]string
}

// refusal is a version that the client did not take, and what it has instead.
type refusal struct {
	version string
	// kept is the version from before, "" for none.
	kept string
}

func newSubscription(to audience, sc *scope, wake func(), request *discoveryv3.DeltaDiscoveryRequest) *subscription {
	s := &subscription{
		audience: to,
		scope:    sc,
		reader:   reader{wake: wake},
		reported: request.GetInitialResourceVersions(),
		compare:  true,
		owed:     true,
	}
	subscribe := request.GetResourceNamesSubscribe()
	// A first request without names is the old way to ask for everything.
	s.wildcard = len(subscribe) == 0
	s.include(subscribe)
	s.requested = nil // the comparison looks at every name anyway
	return s
}

// change adds and drops names in a running stream.
func (s *subscription) change(subscribe, unsubscribe []string) {
	s.exclude(unsubscribe)
	if len(subscribe) > 0 {
		wasWildcard := s.wildcard
		s.include(subscribe)
		if s.wildcard && !wasWildcard && !s.compare {
			// The position only speaks for the names that were subscribed to.
			s.reported = s.heldByName()
			s.compare = true
		}
	}
}

func (s *subscription) include(names []string) {
	for _, name := range names {
		if name == wildcardName {
			s.wildcard = true
			continue
		}
		s.names = insert(s.names, name)
		s.requested = insert(s.requested, name)
	}
}

func (s *subscription) exclude(names []string) {
	if slices.Contains(names, wildcardName) {
		s.wildcard = false
		// What else was asked for under the wildcard is not covered any more.
		maps.DeleteFunc(s.requested, func(name string, _ struct{}) bool { return !s.covers(name) })
	}
	for _, name := range names {
		_, subscribed := s.names[name]
		delete(s.names, name)
		switch {
		case !s.wildcard:
			delete(s.requested, name)
			delete(s.replacing, name)
			delete(s.refused, name)
		case subscribed:
			// It may drop the resource now, though the wildcard still has it.
			s.requested = insert(s.requested, name)
		}
	}
}

func insert(set map[string]struct{}, name string) map[string]struct{} {
	if set == nil {
		set = map[string]struct{}{}
	}
	set[name] = struct{}{}
	return set
}

// covers reports whether the client wants to know of a name.
func (s *subscription) covers(name string) bool {
	if s.wildcard {
		return true
	}
	_, ok := s.names[name]
	return ok
}

// heldByName turns the position into versions by name.
func (s *subscription) heldByName() map[string]string {
	s.scope.mu.Lock()
	defer s.scope.mu.Unlock()
	held := map[string]string{}
	for name := range s.names {
		_, requested := s.requested[name]
		e := s.scope.entries[name]
		if e == nil || requested {
			continue
		}
		if version := s.holds(e); version != "" {
			held[name] = version
		}
	}
	return held
}

// holds returns which version of an entry the client has, "" for none,
// according to what it was sent and what it said about it. The scope must be
// locked.
func (s *subscription) holds(e *entry) string {
	version := e.versionAt(s.reader.position)
	if refused, ok := s.refused[e.name]; ok && refused.version == version {
		return refused.kept
	}
	return version
}

// accept notes that the client has worked off a response.
func (s *subscription) accept(response *Response) {
	if len(s.refused) == 0 {
		return
	}
	for _, item := range response.items {
		delete(s.refused, item.name)
	}
	for _, name := range response.Removed {
		delete(s.refused, name)
	}
}

// reject remembers refused versions; a warning means that the client took the
// resource.
func (s *subscription) reject(rejections []Rejection) {
	for _, r := range rejections {
		if r.Severity != SeverityError || r.Name == "" {
			continue
		}
		if s.refused == nil {
			s.refused = map[string]refusal{}
		}
		s.refused[r.Name] = refusal{version: r.Version, kept: s.before[r.Name]}
	}
}

func sortedNames[V any](set map[string]V) []string { return slices.Sorted(maps.Keys(set)) }
