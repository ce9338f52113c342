package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/time/rate"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"

	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/krt"
)

// workers is how many Gateways are applied at the same time.
const workers = 8

// A Gateway that failed is tried again after firstRetry, then after twice as
// long, up to lastRetry; all together at most retriesPerSecond, after a burst.
const (
	firstRetry       = 500 * time.Millisecond
	lastRetry        = 10 * time.Second
	retriesPerSecond = 10
	retryBurst       = 100
)

// Applier makes the cluster have what is desired, and keeps it so.
type Applier struct {
	client  kube.Client
	desired krt.Collection[Desired]
	live    []live
	// controllers are those of ApplierInputs.
	controllers []string
	observer    Observer
	outcomes    krt.StaticCollection[Outcome]
	logger      *zap.Logger
	writes      *prometheus.CounterVec
}

// ApplierInputs are what an Applier needs.
type ApplierInputs struct {
	Client  kube.Client
	Desired krt.Collection[Desired]
	// Controllers are the controllerNames under which objects may be applied.
	Controllers []string
	Logger      *zap.Logger
	Registry    prometheus.Registerer
	Observer    Observer
}

// Observer is told what happens to Gateways. Its methods must not block; they
// are called by several goroutines.
type Observer interface {
	// Began is called at the begin of a reconciliation, and what it returns at
	// its end, with the error or the user's mistake if there was one.
	Began(gateway types.NamespacedName) (ended func(error))
	// Forgot is called when a Gateway isn't ours any more.
	Forgot(gateway types.NamespacedName)
	// Refused is called with the reason and message of a condition when a
	// Gateway could not be applied, once as long as the message stays.
	Refused(gateway types.NamespacedName, reason, message string)
}

// NewApplier watches the metadata of provisioned objects from now on; it
// writes only while it runs.
func NewApplier(in ApplierInputs, opts krt.OptionsBuilder) *Applier {
	a := &Applier{
		client: in.Client, desired: in.Desired, controllers: in.Controllers, observer: in.Observer, logger: in.Logger,
		outcomes: krt.NewStaticCollection[Outcome](nil, nil, opts.WithName("provision/Outcomes")...),
		writes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "agentgateway_provision_writes_total",
			Help: "Writes of provisioned objects by kind, verb (apply, delete) and result (success, error).",
		}, []string{"kind", "verb", "result"}),
	}
	in.Registry.MustRegister(a.writes)
	for _, k := range kinds {
		a.live = append(a.live, watch(in.Client, k, in.Controllers, opts))
	}
	return a
}

// Outcomes are the Gateways whose objects the API server refused, as far as
// this process applied them.
func (a *Applier) Outcomes() krt.Collection[Outcome] { return a.outcomes }

// term is one run of the Applier: from becoming the leader to ceasing to be
// it.
type term struct {
	*Applier
	queue workqueue.TypedRateLimitingInterface[string]

	memory *memory

	mu sync.Mutex
	// warned are the warnings that were logged last, and problems those that
	// were reported last, by Gateway.
	warned   map[string][]string
	problems map[string]string
}

// Run applies every Gateway, then those whose desired or live objects change,
// until ctx ends. It returns when the last write has ended.
func (a *Applier) Run(ctx context.Context) {
	if !a.desired.WaitUntilSynced(ctx.Done()) {
		return
	}
	for _, l := range a.live {
		if !l.objects.WaitUntilSynced(ctx.Done()) {
			return
		}
	}
	limiter := workqueue.NewTypedMaxOfRateLimiter(
		workqueue.NewTypedItemExponentialFailureRateLimiter[string](firstRetry, lastRetry),
		&workqueue.TypedBucketRateLimiter[string]{Limiter: rate.NewLimiter(retriesPerSecond, retryBurst)})
	t := &term{
		Applier: a,
		queue:   workqueue.NewTypedRateLimitingQueueWithConfig(limiter, workqueue.TypedRateLimitingQueueConfig[string]{Name: "provision"}),
		memory:  newMemory(a.survey(ctx)),
		warned:  map[string][]string{}, problems: map[string]string{},
	}
	var running sync.WaitGroup
	for range workers {
		running.Go(func() { t.work(ctx) })
	}
	handlers := []krt.HandlerRegistration{
		a.desired.Register(func(event krt.Event[Desired]) { t.queue.Add(event.Latest().ResourceName()) }),
	}
	for i, l := range a.live {
		handlers = append(handlers, l.objects.Register(func(event krt.Event[*metav1.PartialObjectMetadata]) {
			latest := event.Latest()
			t.memory.sighted(place{objectKey{i, latest.Name}, latest.Namespace})
			if event.Old != nil && event.New != nil && unchanged(*event.Old, *event.New) {
				return
			}
			// The owner may be what somebody changed, so before counts, too.
			for _, object := range event.Items() {
				if gateway := owner(object); gateway != "" {
					t.queue.Add(gateway)
				}
			}
		}))
	}
	<-ctx.Done()
	for _, handler := range handlers {
		handler.UnregisterHandler()
	}
	t.queue.ShutDown()
	running.Wait()
}

func (t *term) work(ctx context.Context) {
	for {
		gateway, shutdown := t.queue.Get()
		if shutdown {
			return
		}
		// After the end of the term the queue is emptied without looking.
		if ctx.Err() == nil {
			t.reconcile(ctx, gateway)
		}
		t.queue.Done(gateway)
	}
}

// reconcile applies one Gateway. The queue gives a Gateway to one worker at a
// time.
func (t *term) reconcile(ctx context.Context, gateway string) {
	desired := t.desired.GetKey(gateway)
	if desired == nil {
		// What belonged to a deleted Gateway is deleted by Kubernetes; what
		// belongs to one that has another class now is no longer ours.
		t.forget(gateway)
		return
	}
	ended := t.observer.Began(desired.NamespacedName)
	t.warn(*desired)
	if t.problem(*desired) {
		t.succeed(gateway)
		ended(errors.New(desired.Problem.String()))
		return
	}
	complete, err := t.apply(ctx, *desired)
	if err == nil && complete {
		err = t.prune(ctx, *desired)
	}
	ended(err)
	switch {
	case err == nil:
		t.succeed(gateway)
	case ctx.Err() != nil:
	default:
		t.fail(*desired, err)
	}
}

// problem tells whether a Gateway has one, and reports it once.
func (t *term) problem(desired Desired) bool {
	text := ""
	if desired.Problem != nil {
		text = desired.Problem.String()
	}
	t.mu.Lock()
	reported := t.problems[desired.ResourceName()] == text
	t.problems[desired.ResourceName()] = text
	t.mu.Unlock()
	if text != "" && !reported {
		t.observer.Refused(desired.NamespacedName, desired.Problem.Reason, text)
	}
	return text != ""
}

func (t *term) succeed(gateway string) {
	t.queue.Forget(gateway)
	if t.outcomes.GetKey(gateway) != nil {
		t.outcomes.DeleteObject(gateway)
		t.logger.Info("Gateway is provisioned after a failure", zap.String("gateway", gateway))
	}
}

func (t *term) fail(desired Desired, err error) {
	gateway := desired.ResourceName()
	before, now := t.outcomes.GetKey(gateway), Outcome{Gateway: gateway, Failure: err.Error()}
	if before == nil || !before.Equals(now) {
		t.logger.Error("provisioning failed, trying again", zap.String("gateway", gateway), zap.Error(err))
		t.observer.Refused(desired.NamespacedName, ReasonDeploymentFailed, now.Failure)
		t.outcomes.UpdateObject(now)
	}
	t.queue.AddRateLimited(gateway)
}

// warn logs what of a Gateway's parameters has no effect, once.
func (t *term) warn(desired Desired) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if slices.Equal(t.warned[desired.ResourceName()], desired.Warnings) {
		return
	}
	t.warned[desired.ResourceName()] = desired.Warnings
	for _, warning := range desired.Warnings {
		t.logger.Warn("a part of the parameters has no effect", zap.String("gateway", desired.ResourceName()), zap.String("warning", warning))
	}
}

func (t *term) forget(gateway string) {
	t.mu.Lock()
	delete(t.warned, gateway)
	delete(t.problems, gateway)
	t.mu.Unlock()
	namespace, name, _ := strings.Cut(gateway, "/")
	t.memory.forget(gateway, namespace)
	t.queue.Forget(gateway)
	t.outcomes.DeleteObject(gateway)
	t.observer.Forgot(types.NamespacedName{Namespace: namespace, Name: name})
}

func (t *term) count(kind int, verb string, err error) {
	result := "success"
	if err != nil {
		result = "error"
	}
	t.writes.WithLabelValues(kinds[kind].gvk.Kind, verb, result).Inc()
}

// describe names an object for messages.
func describe(kind int, namespace, name string) string {
	return fmt.Sprintf("%s %s/%s", kinds[kind].gvk.Kind, namespace, name)
}
