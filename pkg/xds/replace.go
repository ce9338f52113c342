package xds

import (
	"strings"
	"time"

	"agentgateway.dev/controller/pkg/resources"
)

// SettleDelay is how long after its removal was acknowledged a bind may come
// back. The proxy acknowledges before the socket is closed, and a bind that
// finds its port in use stays dead for as long as its name exists.
const SettleDelay = time.Second

// absence is the state of a name that was removed from the client for a while.
// A resource whose identity changes goes removing → (settling →) ready and is
// then sent as new.
type absence struct {
	phase phase
	// token is the timer that ends settling.
	token uint64
}

type phase uint8

const (
	// phaseRemoving: the round with the removal is not acknowledged.
	phaseRemoving phase = iota
	// phaseSettling: the client works on it in the background.
	phaseSettling
	// phaseReady: the next round may send the name.
	phaseReady
)

const bindPrefix = "bind/"

// settles reports whether a name may come back only some time after its
// removal. Only binds do: they hold sockets.
func settles(kind resources.Type, name string) bool {
	return kind == resources.TypeResource && strings.HasPrefix(name, bindPrefix)
}

func (s *subscription) withhold(name string) {
	if s.replacing == nil {
		s.replacing = map[string]absence{}
	}
	s.replacing[name] = absence{phase: phaseRemoving}
}

// removalsDone moves on the names whose removal is acknowledged. It returns
// true if some wait for the timer of token.
func (s *subscription) removalsDone(token uint64) bool {
	timer := false
	for name, a := range s.replacing {
		switch {
		case a.phase != phaseRemoving:
		case settles(s.audience.kind, name):
			s.replacing[name] = absence{phase: phaseSettling, token: token}
			timer = true
		default:
			s.replacing[name] = absence{phase: phaseReady}
		}
	}
	return timer
}

// settled moves on the names that wait for token and reports whether there
// were any.
func (s *subscription) settled(token uint64) bool {
	found := false
	for name, a := range s.replacing {
		if a.phase == phaseSettling && a.token == token {
			s.replacing[name] = absence{phase: phaseReady}
			found = true
		}
	}
	return found
}

// withheld reports whether a name may not be sent now.
func (s *subscription) withheld(name string) bool {
	_, ok := s.replacing[name]
	return ok
}

// takeReady returns the names that may come back and ends their absence.
func (s *subscription) takeReady() map[string]struct{} {
	var ready map[string]struct{}
	for name, a := range s.replacing {
		if a.phase == phaseReady {
			ready = insert(ready, name)
			delete(s.replacing, name)
		}
	}
	if len(s.replacing) == 0 {
		s.replacing = nil
	}
	return ready
}
