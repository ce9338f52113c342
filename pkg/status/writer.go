// Package status writes status: one writer for all kinds, run by the leader.
//
// What a status should be comes from collections. A change there, or of the
// object itself, only marks the object as dirty if the two differ; workers
// then compare again and write the difference. Nothing is derived here, so a
// write can be late but never wrong: it carries what is desired at the moment
// of writing.
package status

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
)

// workers is how many objects are written at the same time. More of them would
// not write faster where the API server is busy, but hold up what changes
// meanwhile: every write is work for it and for us. Until a term has worked off
// what it found at its start there are moreWorkers: answers that come together
// are read together, which takes less of us for each.
const workers, moreWorkers = 8, 24

// sweepInterval is how often paces that have passed are forgotten.
const sweepInterval = 15 * time.Second

// Writer writes the status of all kinds.
type Writer struct {
	kinds  []Kind
	logger *zap.Logger
	writes *prometheus.CounterVec

	// term is the present one, nil while another process leads.
	term atomic.Pointer[term]
}

// NewWriter returns a writer for kinds that counts its writes in registry. It
// follows them from now on, whether it runs or not.
func NewWriter(kinds []Kind, logger *zap.Logger, registry prometheus.Registerer) *Writer {
	writes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "agentgateway_status_writes_total",
		Help: "Status writes by kind of object and result: success, conflict, gone or error.",
	}, []string{"kind", "result"})
	registry.MustRegister(writes)
	w := &Writer{kinds: kinds, logger: logger, writes: writes}
	w.watch()
	return w
}

// object names an object of one of the kinds.
type object struct {
	kind int
	key  string
}

// term is one run of the writer: from becoming the leader to ceasing to be it.
type term struct {
	*Writer
	queue workqueue.TypedDelayingInterface[object]

	mu    sync.Mutex
	paces map[object]pace
}

// Run compares every object with what is desired for it, writes what differs,
// and goes on doing so until ctx ends. It starts when all collections are
// synced, and returns when the last write has ended. It may run again, but not
// twice at the same time.
func (w *Writer) Run(ctx context.Context) {
	for _, kind := range w.kinds {
		if !kind.synced(ctx.Done()) {
			return
		}
	}
	t := &term{
		Writer: w,
		queue:  workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[object]{Name: "status"}),
		paces:  map[object]pace{},
	}
	w.term.Store(t)
	for i, kind := range w.kinds {
		for _, key := range kind.keys() {
			t.queue.Add(object{kind: i, key: key})
		}
	}
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for t.work(ctx) {
			}
		})
	}
	for range moreWorkers {
		running.Go(func() {
			for t.queue.Len() > 0 && t.work(ctx) {
			}
		})
	}
	t.sweepUntil(ctx.Done())
	w.term.Store(nil)
	t.queue.ShutDown()
	running.Wait()
}

// watch marks what has come to differ as dirty in the present term. Most events
// are of a specification that nothing is derived from yet, or of our own
// writes; to compare here spares waking a worker for them. The handlers stay
// for good: informers whose CRD came late cannot remove a single one.
func (w *Writer) watch() {
	for i, kind := range w.kinds {
		kind.watch(func(key string) {
			t := w.term.Load()
			if t == nil {
				return
			}
			if result := kind.compare(key, metav1.Now()); result.gone || result.write != nil {
				t.queue.Add(object{kind: i, key: key})
			}
		})
	}
}

// work waits for an object and reconciles it, or reports that the term is over.
func (t *term) work(ctx context.Context) bool {
	next, shutdown := t.queue.Get()
	if shutdown {
		return false
	}
	// After the end of the term the queue is emptied without looking.
	if ctx.Err() == nil {
		t.reconcile(ctx, next)
	}
	t.queue.Done(next)
	return true
}

// reconcile compares and writes one object. The queue gives an object to one
// worker at a time.
func (t *term) reconcile(ctx context.Context, o object) {
	kind, now := t.kinds[o.kind], time.Now()
	result := kind.compare(o.key, metav1.NewTime(now))
	if result.gone {
		t.forget(o)
		return
	}
	if result.write == nil {
		return
	}
	pace := t.pace(o)
	if wait := pace.wait(result.version, now); wait > 0 {
		t.queue.AddAfter(o, wait)
		return
	}
	version, err := result.write(ctx)
	now = time.Now()
	switch {
	case err == nil:
		t.count(kind, "success")
		pace.written(result.version, version, now)
		t.keep(o, pace)
	case apierrors.IsNotFound(err):
		t.count(kind, "gone")
		t.forget(o)
	case apierrors.IsConflict(err):
		// The informer's next update brings the object back; the delay is for
		// the case that it was already there.
		t.count(kind, "conflict")
		pace.conflicted(result.version, now)
		t.keep(o, pace)
		t.queue.AddAfter(o, pace.wait(result.version, now))
	case ctx.Err() != nil:
	default:
		t.count(kind, "error")
		if pace.failed(now) == 1 {
			t.logger.Error("writing status failed, trying again", zap.String("kind", kind.name), zap.String("object", o.key), zap.Error(err))
		}
		t.keep(o, pace)
		t.queue.AddAfter(o, pace.wait(result.version, now))
	}
}

func (t *term) count(kind Kind, result string) { t.writes.WithLabelValues(kind.name, result).Inc() }

// pace returns how an object may be written. What becomes of it goes back by
// keep.
func (t *term) pace(o object) pace {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.paces[o]
}

func (t *term) keep(o object, p pace) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.paces[o] = p
}

// sweepUntil forgets, now and then, the paces of objects that are at rest: most
// are written once and never again.
func (t *term) sweepUntil(stop <-chan struct{}) {
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			t.sweep(time.Now())
		}
	}
}

func (t *term) sweep(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	left := map[object]pace{}
	for o, p := range t.paces {
		if !p.past(now) {
			left[o] = p
		}
	}
	// A map keeps the size that it once had.
	t.paces = left
}

func (t *term) forget(o object) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.paces, o)
}
