package inputs

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/kclient"
)

// listeners counts the listeners of an informer.
type listeners struct {
	kclient.Informer[*corev1.Service]
	n atomic.Int32
}

func (l *listeners) AddEventHandler(handler cache.ResourceEventHandler) cache.ResourceEventHandlerRegistration {
	l.n.Add(1)
	return l.Informer.AddEventHandler(handler)
}

// ear is a handler that tells what it hears.
type ear chan string

func (e ear) OnAdd(object any, _ bool) { e <- "add " + nameOf(object) }
func (e ear) OnUpdate(_, object any)   { e <- "update " + nameOf(object) }
func (e ear) OnDelete(object any)      { e <- "delete " + nameOf(object) }

func nameOf(object any) string {
	service, ok := object.(*corev1.Service)
	if !ok {
		return "?"
	}
	return service.Name
}

// await returns when all events were heard, in any order and perhaps twice.
func (e ear) await(t *testing.T, events ...string) {
	t.Helper()
	// The limit only ends a test that fails.
	limit := time.After(30 * time.Second)
	for len(events) > 0 {
		select {
		case heard := <-e:
			events = slices.DeleteFunc(events, func(event string) bool { return event == heard })
		case <-limit:
			t.Fatalf("never heard %q", events)
		}
	}
}

func TestHandlersShareAListener(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	client := kube.NewFakeClient()
	t.Cleanup(func() {
		cancel()
		client.Shutdown()
	})
	services := client.Kube().CoreV1().Services("default")
	create := func(name string) {
		t.Helper()
		if _, err := services.Create(ctx, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	synced := func(name string, registration cache.ResourceEventHandlerRegistration) {
		t.Helper()
		if !kube.WaitForCacheSync(name, ctx.Done(), registration.HasSynced) {
			t.Fatalf("%s never synced", name)
		}
	}
	counted := &listeners{Informer: kclient.NewFiltered[*corev1.Service](client, kclient.Filter{})}
	informer := &shared[*corev1.Service]{Informer: counted}

	create("first")
	early := make(ear, 100)
	registration := informer.AddEventHandler(early)
	if registration.HasSynced() {
		t.Error("synced before the informer runs")
	}
	informer.Start(ctx.Done())
	client.RunAndWait(ctx.Done())
	early.await(t, "add first")
	synced("the first handler", registration)
	select {
	case <-registration.HasSyncedChecker().Done():
	case <-time.After(30 * time.Second):
		t.Error("synced, and its checker isn't done")
	}

	create("second")
	early.await(t, "add second")
	late, leaving := make(ear, 100), make(ear, 100)
	synced("a late handler", informer.AddEventHandler(late))
	left := informer.AddEventHandler(leaving)
	synced("another one", left)
	late.await(t, "add first", "add second")
	leaving.await(t, "add first", "add second")

	create("third")
	for _, e := range []ear{early, late, leaving} {
		e.await(t, "add third")
	}
	informer.ShutdownHandler(left)
	if err := services.Delete(ctx, "first", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, e := range []ear{early, late} {
		e.await(t, "delete first")
	}
	create("fourth")
	for _, e := range []ear{early, late} {
		e.await(t, "add fourth")
	}
	if len(leaving) > 0 {
		t.Errorf("a handler that was removed heard %q", <-leaving)
	}
	if got := counted.n.Load(); got != 1 {
		t.Errorf("got %d listeners, want 1", got)
	}
}
