package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"
)

// rawWatch is a plain watch on one kind: the floor of every latency, and the
// judge of when status has settled. It reads the bytes of the API server and
// keeps no objects. The API server ends watches that can't keep up; they go on
// where they were.
type rawWatch struct {
	name   string
	client *http.Client
	url    string
	stop   context.CancelFunc
	ended  chan struct{}
	// failed is why it ended, once ended is closed.
	failed error
	// version is that of the last event.
	version string

	mu sync.Mutex
	// every makes the times of all events be kept, not only of those with a new
	// generation.
	every bool
	seen  map[string]*sighting
	// unsettled are the objects whose status isn't that of their generation.
	unsettled map[string]struct{}
	// lastAt is when the last event came.
	lastAt time.Time
	events int
}

// sighting is what the watch saw of one object.
type sighting struct {
	generation int64
	// specs are the times at which a new generation, or any event, was seen.
	specs []time.Time
	// attached is the number of routes that a Gateway's status states.
	attached int64
}

// watched is what is read of an event.
type watched struct {
	Type   string
	Object struct {
		Metadata struct {
			Name            string
			ResourceVersion string
			Generation      int64
		}
		Status struct {
			Parents []struct {
				Conditions []condition
			}
			Conditions []condition
			Listeners  []struct {
				AttachedRoutes int64
			}
		}
	}
}

type condition struct {
	Type, Status       string
	ObservedGeneration int64
}

// newRawWatch watches the kind at path, which may have a group and version,
// in the namespace of the benchmark. It begins with what is there.
func newRawWatch(ctx context.Context, config *rest.Config, api, plural string) (*rawWatch, error) {
	secured, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, err
	}
	// A connection of its own: nothing that this process does beside it may
	// stand in its way.
	authorized, err := rest.HTTPWrappersForConfig(config, &http.Transport{TLSClientConfig: secured})
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: authorized}
	ctx, stop := context.WithCancel(ctx)
	w := &rawWatch{
		name: plural, client: client, stop: stop, ended: make(chan struct{}),
		url:  fmt.Sprintf("%s%s/namespaces/%s/%s?watch=1", config.Host, api, namespace, plural),
		seen: map[string]*sighting{}, unsettled: map[string]struct{}{},
	}
	opened := make(chan error, 1)
	go func() {
		defer close(w.ended)
		for ctx.Err() == nil {
			if w.failed = w.read(ctx, opened); w.failed != nil {
				return
			}
		}
	}()
	return w, <-opened
}

// read watches from where the last one ended until this one ends. It returns
// an error if there was none, and says in opened how the first one began.
func (w *rawWatch) read(ctx context.Context, opened chan error) error {
	url := w.url
	if w.version != "" {
		url += "&resourceVersion=" + w.version
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := w.client.Do(request)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.Join(errors.New(response.Status), response.Body.Close())
	}
	if err != nil {
		err = fmt.Errorf("watch %s: %w", w.name, err)
	}
	select {
	case opened <- err:
	default:
	}
	if err != nil {
		return err
	}
	defer response.Body.Close()
	// Decoding is left to a goroutine of its own, so that it delays no arrival.
	lines, decoded := make(chan arrived, 10_000), make(chan struct{})
	go func() {
		defer close(decoded)
		for line := range lines {
			w.take(line.text, line.at)
		}
	}()
	reader := bufio.NewReaderSize(response.Body, 64<<10)
	for {
		line, err := reader.ReadBytes('\n')
		if err != nil {
			// Ended by the API server or by us; the caller knows.
			close(lines)
			<-decoded
			return nil
		}
		lines <- arrived{line, time.Now()}
	}
}

// arrived is an event as it came.
type arrived struct {
	text []byte
	at   time.Time
}

func (w *rawWatch) take(line []byte, now time.Time) {
	var event watched
	if err := json.Unmarshal(line, &event); err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events++
	w.lastAt = now
	object := &event.Object
	w.version = object.Metadata.ResourceVersion
	name := object.Metadata.Name
	if event.Type == "DELETED" {
		delete(w.seen, name)
		delete(w.unsettled, name)
		return
	}
	s := w.seen[name]
	if s == nil {
		s = &sighting{}
		w.seen[name] = s
	}
	if w.every || object.Metadata.Generation != s.generation {
		s.generation = object.Metadata.Generation
		s.specs = append(s.specs, now)
	}
	s.attached = 0
	for _, listener := range object.Status.Listeners {
		s.attached += listener.AttachedRoutes
	}
	conditions := object.Status.Conditions
	for _, parent := range object.Status.Parents {
		conditions = append(conditions, parent.Conditions...)
	}
	if accepted(conditions, s.generation) {
		delete(w.unsettled, name)
	} else {
		w.unsettled[name] = struct{}{}
	}
}

func accepted(conditions []condition, generation int64) bool {
	for _, c := range conditions {
		if c.Type == "Accepted" {
			return c.Status == "True" && c.ObservedGeneration == generation
		}
	}
	return false
}

// settled reports whether there are n objects, all with a status of their
// generation, and when the last event came.
func (w *rawWatch) settled(n int) (time.Time, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lastAt, len(w.seen) == n && len(w.unsettled) == 0
}

// attached is the sum of the routes that all status state.
func (w *rawWatch) attached() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	sum := int64(0)
	for _, s := range w.seen {
		sum += s.attached
	}
	return sum
}

// forget drops the times seen so far.
func (w *rawWatch) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.seen {
		s.specs = nil
	}
}

// specs are the times at which new generations of an object were seen.
func (w *rawWatch) specs(name string) []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.seen[name]; s != nil {
		return append([]time.Time(nil), s.specs...)
	}
	return nil
}

// close ends the watch and says whether it had failed.
func (w *rawWatch) close() error {
	select {
	case <-w.ended:
		return fmt.Errorf("the watch ended early: %w", w.failed)
	default:
	}
	w.stop()
	<-w.ended
	return nil
}

// someUnsettled names a few objects that lack their status.
func (w *rawWatch) someUnsettled() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	names := slices.Sorted(maps.Keys(w.unsettled))
	return strings.Join(names[:min(5, len(names))], ", ")
}
