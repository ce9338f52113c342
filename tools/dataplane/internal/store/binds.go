package store

import (
	api "agentgateway.dev/controller/apis/xds"
)

// BindEvent is a bind that came to be or went. Events are in the order in which
// they happened: within one response every addition precedes every removal.
type BindEvent struct {
	Key string
	// Opened is the bind whose socket has to be opened, nil for a removal.
	Opened *api.Bind
}

// putBind stores a bind. Under a known key the listeners and the running accept
// loop stay as they are, so no event follows.
func (s *State) putBind(bind *api.Bind) []BindEvent {
	key := bind.GetKey()
	if held := s.binds[key]; held != nil {
		held.Spec = bind
		return nil
	}
	listeners := s.pending[key]
	delete(s.pending, key)
	if listeners == nil {
		listeners = map[string]*Listener{}
	}
	s.binds[key] = &Bind{Spec: bind, Running: bind, Listeners: listeners}
	return []BindEvent{{Key: key, Opened: bind}}
}

// removeBind forgets a bind together with its listeners.
func (s *State) removeBind(key string) []BindEvent {
	if s.binds[key] == nil {
		return nil
	}
	for listener := range s.binds[key].Listeners {
		// Sending it again is right from now on, also with the same version.
		delete(s.versions[TypeResource], s.names[object{"listener", listener}])
	}
	delete(s.binds, key)
	return []BindEvent{{Key: key}}
}

func (s *State) putListener(listener *Listener) {
	bindKey, key := listener.Spec.GetBindKey(), listener.Spec.GetKey()
	if bind := s.binds[bindKey]; bind != nil {
		bind.Listeners[key] = listener
		return
	}
	if s.pending[bindKey] == nil {
		s.pending[bindKey] = map[string]*Listener{}
	}
	s.pending[bindKey][key] = listener
}

// removeListener removes the key from every bind, but not from the pending
// ones: the proxy does not look there, and the listener attaches later.
func (s *State) removeListener(key string) {
	for _, bind := range s.binds {
		delete(bind.Listeners, key)
	}
}
