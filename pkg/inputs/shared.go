package inputs

import (
	"slices"
	"sync"
	"sync/atomic"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	klabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/cache"

	"istio.io/istio/pkg/kube/controllers"
	"istio.io/istio/pkg/kube/kclient"
)

// shared is an informer whose handlers have one listener of the client library
// between them, which calls one after the other. A listener is two goroutines,
// and waking both for every handler costs a single event more than handling it.
//
// A handler that comes later is told first what there is. It may then hear once
// more of changes that are in it already, so handlers go by the state that they
// find, as those of krt do. They must not block.
type shared[T controllers.ComparableObject] struct {
	kclient.Informer[T]

	once sync.Once
	// common is the registration of the listener.
	common cache.ResourceEventHandlerRegistration

	mu       sync.Mutex
	handlers []*sharedHandler
}

// sharedHandler is one of the handlers.
type sharedHandler struct {
	cache.ResourceEventHandler
	// told is closed when the handler was told what there is.
	told chan struct{}
	// removed is set when it is to hear no more.
	removed atomic.Bool
	// common is the registration of the listener.
	common cache.ResourceEventHandlerRegistration
}

// HasSynced implements cache.ResourceEventHandlerRegistration.
func (h *sharedHandler) HasSynced() bool {
	select {
	case <-h.told:
		return h.common.HasSynced()
	default:
		return false
	}
}

// HasSyncedChecker implements cache.ResourceEventHandlerRegistration. It has
// what the listener's own has, which is nothing before the CRD is there.
func (h *sharedHandler) HasSyncedChecker() cache.DoneChecker {
	common, done := h.common.HasSyncedChecker(), make(chan struct{})
	go func() {
		<-h.told
		<-common.Done()
		close(done)
	}()
	return handlerChecker{DoneChecker: common, done: done}
}

// handlerChecker is done later than the listener's checker that it is named by.
type handlerChecker struct {
	cache.DoneChecker
	done <-chan struct{}
}

// Done implements cache.DoneChecker.
func (c handlerChecker) Done() <-chan struct{} { return c.done }

// AddEventHandler implements kclient.Informer.
func (s *shared[T]) AddEventHandler(handler cache.ResourceEventHandler) cache.ResourceEventHandlerRegistration {
	s.once.Do(func() { s.common = s.Informer.AddEventHandler((*listener[T])(s)) })
	added := &sharedHandler{ResourceEventHandler: handler, told: make(chan struct{}), common: s.common}
	// Whoever adds a handler may hold locks that it takes.
	go func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, object := range s.List(metav1.NamespaceAll, klabels.Everything()) {
			handler.OnAdd(object, true)
		}
		s.handlers = append(s.handlers, added)
		close(added.told)
	}()
	return added
}

// ShutdownHandler implements kclient.Informer.
func (s *shared[T]) ShutdownHandler(registration cache.ResourceEventHandlerRegistration) {
	handler, ok := registration.(*sharedHandler)
	if !ok {
		return
	}
	handler.removed.Store(true)
	go func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.handlers = slices.DeleteFunc(s.handlers, func(h *sharedHandler) bool { return h == handler })
	}()
}

// listener calls the handlers of a shared informer.
type listener[T controllers.ComparableObject] shared[T]

func (l *listener[T]) each(call func(*sharedHandler)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, handler := range l.handlers {
		if !handler.removed.Load() {
			call(handler)
		}
	}
}

// OnAdd implements cache.ResourceEventHandler.
func (l *listener[T]) OnAdd(object any, initial bool) {
	l.each(func(h *sharedHandler) { h.OnAdd(object, initial) })
}

// OnUpdate implements cache.ResourceEventHandler.
func (l *listener[T]) OnUpdate(before, after any) {
	l.each(func(h *sharedHandler) { h.OnUpdate(before, after) })
}

// OnDelete implements cache.ResourceEventHandler.
func (l *listener[T]) OnDelete(object any) {
	l.each(func(h *sharedHandler) { h.OnDelete(object) })
}
