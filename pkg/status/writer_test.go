package status

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"
)

// wish is a desired status: the number of routes on a Gateway's only listener.
type wish struct {
	key    string
	routes int32
}

func (w wish) ResourceName() string { return "Wish/" + w.key }

// cluster is an API server with Gateways, and an informer that shows them.
type cluster struct {
	t       *testing.T
	live    krt.StaticCollection[*gwv1.Gateway]
	desired krt.StaticCollection[wish]
	// refuse, when set, may answer a write with an error.
	refuse func(*gwv1.Gateway) error

	mu      sync.Mutex
	stored  map[string]*gwv1.Gateway
	version int
	writes  map[string][]time.Time
	busy    map[string]bool
	// delay is how long the informer is behind.
	delay time.Duration
}

// simulate runs test inside a bubble where time passes at once.
func simulate(t *testing.T, test func(t *testing.T, c *cluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		opts := krt.NewOptionsBuilder(stop, "", nil)
		test(t, &cluster{
			t:       t,
			live:    krt.NewStaticCollection[*gwv1.Gateway](nil, nil, opts.WithName("live")...),
			desired: krt.NewStaticCollection[wish](nil, nil, opts.WithName("desired")...),
			stored:  map[string]*gwv1.Gateway{},
			writes:  map[string][]time.Time{},
			busy:    map[string]bool{},
		})
		close(stop)
		synctest.Wait()
	})
}

// lead runs a writer until the returned function is called.
func (c *cluster) lead(logger *zap.Logger) (stop func()) {
	writer := c.writer(logger)
	return c.term(writer)
}

func (c *cluster) writer(logger *zap.Logger) *Writer {
	return NewWriter([]Kind{Of(Registration[*gwv1.Gateway, wish]{
		Name: "Gateway", Live: c.live, Desired: c.desired, Prefix: "Wish/",
		Merge: func(live *gwv1.Gateway, w wish, _ metav1.Time) (*gwv1.Gateway, bool) {
			merged := live.DeepCopy()
			merged.Status.Listeners = []gwv1.ListenerStatus{{Name: "http", AttachedRoutes: w.routes}}
			return merged, len(live.Status.Listeners) == 0 || live.Status.Listeners[0].AttachedRoutes != w.routes
		},
		Update: c.update,
	})}, logger, prometheus.NewRegistry())
}

func (c *cluster) term(writer *Writer) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		writer.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// update is what the API server does: it takes its time, refuses what is
// based on an old version, and tells the informer.
func (c *cluster) update(_ context.Context, gateway *gwv1.Gateway) (string, error) {
	key := krt.GetKey(gateway)
	c.mu.Lock()
	if c.busy[key] {
		c.t.Errorf("%s is written twice at the same time", key)
	}
	c.busy[key] = true
	c.mu.Unlock()
	time.Sleep(5 * time.Millisecond)

	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy[key] = false
	c.writes[key] = append(c.writes[key], time.Now())
	if c.refuse != nil {
		if err := c.refuse(gateway); err != nil {
			return "", err
		}
	}
	resource := schema.GroupResource{Group: gwv1.GroupName, Resource: "gateways"}
	current := c.stored[key]
	if current == nil {
		return "", apierrors.NewNotFound(resource, gateway.Name)
	}
	if current.ResourceVersion != gateway.ResourceVersion {
		return "", apierrors.NewConflict(resource, gateway.Name, errors.New("the object has been modified"))
	}
	return c.store(gateway).ResourceVersion, nil
}

// store must be called with the lock held.
func (c *cluster) store(gateway *gwv1.Gateway) *gwv1.Gateway {
	c.version++
	stored := gateway.DeepCopy()
	stored.ResourceVersion = strconv.Itoa(c.version)
	c.stored[krt.GetKey(stored)] = stored
	time.AfterFunc(c.delay, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		// An informer never goes back.
		if known := c.live.GetKey(krt.GetKey(stored)); known != nil {
			if seen, _ := strconv.Atoi((*known).ResourceVersion); seen > c.versionOf(stored) {
				return
			}
		}
		c.live.UpdateObject(stored)
	})
	return stored
}

func (c *cluster) versionOf(gateway *gwv1.Gateway) int {
	version, err := strconv.Atoi(gateway.ResourceVersion)
	if err != nil {
		c.t.Errorf("resourceVersion %q", gateway.ResourceVersion)
	}
	return version
}

// create stores a Gateway as a user would, or overwrites its status.
func (c *cluster) create(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.store(&gwv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}})
}

func (c *cluster) want(name string, routes int32) {
	c.desired.UpdateObject(wish{key: "ns/" + name, routes: routes})
}

func (c *cluster) expect(name string, routes int32, writes int) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	gateway := c.stored["ns/"+name]
	if len(gateway.Status.Listeners) != 1 || gateway.Status.Listeners[0].AttachedRoutes != routes {
		c.t.Errorf("status of %s is %+v, want %d routes", name, gateway.Status.Listeners, routes)
	}
	if got := len(c.writes["ns/"+name]); got != writes {
		c.t.Errorf("%d writes of %s, want %d", got, name, writes)
	}
}

// written returns when an object was written.
func (c *cluster) written(name string) []time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.writes["ns/"+name])
}

func TestThousandRoutesAreFewWrites(t *testing.T) {
	for _, test := range []struct {
		name   string
		each   time.Duration
		writes int
	}{
		{"within a second", time.Millisecond, 7},
		{"within five seconds", 5 * time.Millisecond, 17},
		{"within nine seconds", 9 * time.Millisecond, 25},
	} {
		t.Run(test.name, func(t *testing.T) {
			simulate(t, func(t *testing.T, c *cluster) {
				c.delay = 3 * time.Millisecond
				c.create("gw")
				time.Sleep(time.Second)
				stop := c.lead(zap.NewNop())
				defer stop()
				for i := range int32(1000) {
					c.want("gw", i+1)
					time.Sleep(test.each)
				}
				last := time.Now()
				time.Sleep(10 * time.Second)
				writes := c.written("gw")
				if len(writes) > test.writes {
					t.Errorf("%d writes, want no more than %d", len(writes), test.writes)
				}
				if lag := writes[len(writes)-1].Sub(last); lag > time.Second {
					t.Errorf("the status was right %v after the last change", lag)
				}
				c.expect("gw", 1000, len(writes))
			})
		})
	}
}

func TestFirstWriteIsImmediate(t *testing.T) {
	simulate(t, func(t *testing.T, c *cluster) {
		stop := c.lead(zap.NewNop())
		defer stop()
		c.create("gw")
		synctest.Wait()
		start := time.Now()
		c.want("gw", 1)
		time.Sleep(50 * time.Millisecond)
		c.expect("gw", 1, 1)
		if took := c.written("gw")[0].Sub(start); took > 5*time.Millisecond {
			t.Errorf("the write took %v", took)
		}
	})
}

func TestNothingToDoIsNoWrite(t *testing.T) {
	simulate(t, func(t *testing.T, c *cluster) {
		c.create("gw")
		c.want("gw", 1)
		time.Sleep(time.Second)
		c.lead(zap.NewNop())()
		stop := c.lead(zap.NewNop())
		time.Sleep(time.Minute)
		stop()
		// The new leader looked at everything again.
		stop = c.lead(zap.NewNop())
		time.Sleep(time.Minute)
		stop()
		c.expect("gw", 1, 1)
	})
}

func TestOverwrittenStatusIsRepaired(t *testing.T) {
	simulate(t, func(t *testing.T, c *cluster) {
		stop := c.lead(zap.NewNop())
		defer stop()
		c.create("gw")
		c.want("gw", 1)
		time.Sleep(time.Minute)
		c.create("gw")
		time.Sleep(time.Minute)
		c.expect("gw", 1, 2)
	})
}

func TestConflictWaitsForTheInformer(t *testing.T) {
	simulate(t, func(t *testing.T, c *cluster) {
		stop := c.lead(zap.NewNop())
		defer stop()
		c.create("gw")
		time.Sleep(time.Second)
		// Somebody writes, and the informer takes a second to show it.
		c.delay = time.Second
		c.create("gw")
		c.want("gw", 1)
		time.Sleep(10 * time.Second)
		c.expect("gw", 1, 2)
	})
}

func TestErrorsAreTriedAgain(t *testing.T) {
	simulate(t, func(t *testing.T, c *cluster) {
		core, logs := observer.New(zap.InfoLevel)
		down := true
		c.refuse = func(*gwv1.Gateway) error {
			if down {
				return errors.New("the API server is down")
			}
			return nil
		}
		stop := c.lead(zap.New(core))
		defer stop()
		c.create("gw")
		c.want("gw", 1)
		time.Sleep(time.Minute)
		c.mu.Lock()
		down = false
		tries := len(c.writes["ns/gw"])
		c.mu.Unlock()
		if tries < 5 || tries > 12 {
			t.Errorf("%d tries within a minute", tries)
		}
		if logs.Len() != 1 {
			t.Errorf("%d lines were logged, want one: %v", logs.Len(), logs.All())
		}
		time.Sleep(lastRetry + time.Second)
		c.expect("gw", 1, tries+1)
	})
}

func TestGoneObjectsAreDropped(t *testing.T) {
	simulate(t, func(t *testing.T, c *cluster) {
		stop := c.lead(zap.NewNop())
		defer stop()
		c.create("gw")
		time.Sleep(time.Second)
		c.mu.Lock()
		delete(c.stored, "ns/gw")
		c.mu.Unlock()
		c.want("gw", 1)
		c.want("never-was", 1)
		time.Sleep(time.Minute)
		if got := len(c.written("gw")); got != 1 {
			t.Errorf("an object that is gone was written %d times", got)
		}
	})
}

func TestObjectsWithoutDesireAreLeftAlone(t *testing.T) {
	simulate(t, func(t *testing.T, c *cluster) {
		stop := c.lead(zap.NewNop())
		defer stop()
		c.create("gw")
		c.want("gw", 1)
		time.Sleep(time.Minute)
		c.desired.DeleteObject("Wish/ns/gw")
		c.create("other")
		time.Sleep(time.Minute)
		c.expect("gw", 1, 1)
		if len(c.written("other")) != 0 {
			t.Error("a Gateway that is not ours was written")
		}
	})
}

// TestTerms: what happens while another process leads is made up for.
func TestTerms(t *testing.T) {
	simulate(t, func(t *testing.T, c *cluster) {
		writer := c.writer(zap.NewNop())
		stop := c.term(writer)
		for i := range 100 {
			c.create(fmt.Sprint("gw", i))
			c.want(fmt.Sprint("gw", i), 1)
		}
		time.Sleep(time.Minute)
		stop()
		for i := range 100 {
			c.want(fmt.Sprint("gw", i), 2)
		}
		time.Sleep(time.Minute)
		c.expect("gw7", 1, 1)
		stop = c.term(writer)
		time.Sleep(time.Minute)
		stop()
		for i := range 100 {
			c.expect(fmt.Sprint("gw", i), 2, 2)
		}
	})
}

// notSynced is the Syncer of a collection that never gets anything.
type notSynced struct{}

func (notSynced) HasSynced() bool { return false }

func (notSynced) WaitUntilSynced(stop <-chan struct{}) bool {
	<-stop
	return false
}

func TestNothingIsWrittenBeforeTheSync(t *testing.T) {
	simulate(t, func(t *testing.T, c *cluster) {
		end := make(chan struct{})
		defer close(end)
		c.desired = krt.NewStaticCollection(notSynced{}, []wish{{key: "ns/gw", routes: 1}}, krt.WithStop(end))
		stop := c.lead(zap.NewNop())
		c.create("gw")
		time.Sleep(time.Minute)
		stop()
		if writes := c.written("gw"); len(writes) != 0 {
			t.Errorf("writes before the sync: %v", writes)
		}
	})
}
