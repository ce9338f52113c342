package graph

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/gateways"
	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/resources"
	"agentgateway.dev/controller/pkg/routes"
)

// crowd is a graph with many routes on one Gateway, whose routes and Services
// the test changes.
type crowd struct {
	built    *Graph
	routes   krt.StaticCollection[*gwv1.HTTPRoute]
	services krt.StaticCollection[*corev1.Service]
}

func newCrowd(t testing.TB, size int) crowd {
	t.Helper()
	var initial []*gwv1.HTTPRoute
	for i := range size {
		initial = append(initial, numbered(i, 1))
	}
	return newCrowdOf(t, initial)
}

func newCrowdOf(t testing.TB, initial []*gwv1.HTTPRoute) crowd {
	t.Helper()
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	opts := krt.NewOptionsBuilder(stop, "", nil)
	c := crowd{
		routes:   krt.NewStaticCollection(nil, initial, opts.WithName("inputs/HTTPRoute")...),
		services: krt.NewStaticCollection(nil, []*corev1.Service{{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}}}, opts.WithName("inputs/Service")...),
	}
	in := inputs.FromObjects(nil, opts)
	in.HTTPRoutes, in.Services = c.routes, c.services
	in.GatewayClasses = krt.NewStaticCollection(nil, []*gwv1.GatewayClass{{
		ObjectMeta: metav1.ObjectMeta{Name: "agentgateway"},
		Spec:       gwv1.GatewayClassSpec{ControllerName: gateways.DefaultController},
	}}, opts.WithName("inputs/GatewayClass")...)
	in.Gateways = krt.NewStaticCollection(nil, []*gwv1.Gateway{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "gw"},
		Spec: gwv1.GatewaySpec{GatewayClassName: "agentgateway", Listeners: []gwv1.Listener{
			{Name: "http", Protocol: gwv1.HTTPProtocolType, Port: 80},
		}},
	}}, opts.WithName("inputs/Gateway")...)
	c.built = Build(in, DefaultSettings(), opts)
	if !c.built.WaitUntilSynced(t.Context().Done()) {
		t.Fatal("the graph isn't complete")
	}
	return c
}

// numbered is route i, with a weight that a test can change.
func numbered(i int, weight int32) *gwv1.HTTPRoute {
	backend := gwv1.HTTPBackendRef{BackendRef: gwv1.BackendRef{
		BackendObjectReference: gwv1.BackendObjectReference{Name: "web", Port: new(gwv1.PortNumber(80))}, Weight: new(weight),
	}}
	return &gwv1.HTTPRoute{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("r%05d", i)},
		Spec: gwv1.HTTPRouteSpec{
			CommonRouteSpec: gwv1.CommonRouteSpec{ParentRefs: []gwv1.ParentReference{{Name: "gw"}}},
			Hostnames:       []gwv1.Hostname{gwv1.Hostname(fmt.Sprintf("h%d.example.com", i))},
			Rules:           []gwv1.HTTPRouteRule{{BackendRefs: []gwv1.HTTPBackendRef{backend}}},
		},
	}
}

// changes lists what the feeds tell from registration on.
type changes struct {
	mu    sync.Mutex
	lines []string
	added chan struct{}
	// begun is false while the feeds tell what there is.
	begun bool
}

func watch(t testing.TB, built *Graph) *changes {
	t.Helper()
	c := &changes{added: make(chan struct{}, 1)}
	for _, feed := range built.Feeds {
		registration := feed.Register(func(deltas []resources.Delta) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if !c.begun {
				return
			}
			for _, delta := range deltas {
				c.lines = append(c.lines, describe(delta))
			}
			select {
			case c.added <- struct{}{}:
			default:
			}
		})
		if !registration.WaitUntilSynced(t.Context().Done()) {
			t.Fatal("the feed doesn't sync")
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun = true
	return c
}

// describe names the resources of a delta, each with a sign for what became of
// it.
func describe(delta resources.Delta) string {
	before, after := map[string]string{}, map[string]string{}
	for _, resource := range delta.Old {
		before[resource.Name] = resource.Version
	}
	line := "delta:"
	for _, resource := range delta.New {
		after[resource.Name] = resource.Version
		switch version, known := before[resource.Name]; {
		case !known:
			line += " +" + resource.Name
		case version != resource.Version:
			line += " ~" + resource.Name
		default:
			line += " =" + resource.Name
		}
	}
	for _, resource := range delta.Old {
		if _, still := after[resource.Name]; !still {
			line += " -" + resource.Name
		}
	}
	return line
}

// until returns everything told up to the lines that hold all of marks.
func (c *changes) until(t testing.TB, marks ...string) []string {
	t.Helper()
	// The limit only ends a test that fails.
	limit := time.After(30 * time.Second)
	for {
		c.mu.Lock()
		lines := append([]string{}, c.lines...)
		c.mu.Unlock()
		missing := false
		for _, mark := range marks {
			missing = missing || !strings.Contains(strings.Join(lines, "\n"), mark)
		}
		if !missing {
			return lines
		}
		select {
		case <-c.added:
		case <-limit:
			t.Fatalf("%q don't all come, only %q", marks, lines)
		}
	}
}

// TestOneRouteOfManyTellsOneResource changes one route among 1,000. Every feed
// that could tell more than it should gets something of its own to tell
// afterwards: what came before that is all there was.
func TestOneRouteOfManyTellsOneResource(t *testing.T) {
	const size = 1000
	end := func(c crowd) {
		c.services.UpdateObject(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "end"}, Spec: corev1.ServiceSpec{
			Ports: []corev1.ServicePort{{Port: 80, AppProtocol: new("agentgateway.dev/a2a")}},
		}})
		last := numbered(size, 1)
		last.Spec.Rules[0].BackendRefs[0].Name = "end"
		c.routes.UpdateObject(last)
	}
	marks := []string{"+route/default/r01000.00.http", "+policy/a2a/default/end/80", "+default/end.default.svc.cluster.local"}
	for _, test := range []struct {
		name   string
		change func(crowd)
		want   []string
	}{
		{"another weight", func(c crowd) { c.routes.UpdateObject(numbered(500, 7)) }, []string{"delta: ~route/default/r00500.00.http"}},
		{"another label", func(c crowd) {
			route := numbered(500, 1)
			route.Labels = map[string]string{"a": "b"}
			c.routes.UpdateObject(route)
		}, nil},
		{"a route less", func(c crowd) { c.routes.DeleteObject("default/r00500") }, []string{"delta: -route/default/r00500.00.http"}},
		{"a backend that no other route uses", func(c crowd) {
			c.services.UpdateObject(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "unrelated"}})
		}, []string{"delta: +default/unrelated.default.svc.cluster.local"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCrowd(t, size)
			heard := watch(t, c.built)
			test.change(c)
			end(c)
			var got []string
			for _, line := range heard.until(t, marks...) {
				// The last route may be translated before its Service is known,
				// and again after: its resource stays the same.
				if line != "delta: =route/default/r01000.00.http" && !slices.Contains(marks, strings.TrimPrefix(line, "delta: ")) {
					got = append(got, line)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("deltas on all feeds (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAttachedRouteTellsOneStatus adds a route to many and counts the statuses
// of Gateways that change: one, by one.
func TestAttachedRouteTellsOneStatus(t *testing.T) {
	const size = 1000
	c := newCrowd(t, size)
	numbers := make(chan int32, 100)
	c.built.GatewayStatuses.RegisterBatch(func(events []krt.Event[gateways.Status]) {
		for _, event := range events {
			numbers <- event.Latest().Listeners[0].AttachedRoutes
		}
	}, false)
	for i := range 3 {
		c.routes.UpdateObject(numbered(size+i, 1))
		if got, want := <-numbers, int32(size+i+1); got != want {
			t.Errorf("attached routes: got %d, want %d", got, want)
		}
	}
	// A change of a route that stays attached is none of the Gateway's status.
	c.routes.UpdateObject(numbered(0, 9))
	c.routes.DeleteObject("default/r00001")
	if got, want := <-numbers, int32(size+2); got != want {
		t.Errorf("attached routes after a deletion: got %d, want %d", got, want)
	}
}

// BenchmarkRouteChange measures from the change of one route to its resource
// on the feed. It must not depend on how many other routes there are.
func BenchmarkRouteChange(b *testing.B) {
	for _, size := range []int{1000, 40000} {
		b.Run(fmt.Sprintf("routes=%d", size), func(b *testing.B) {
			c := newCrowd(b, size)
			heard := make(chan struct{}, 1000)
			c.built.Routes["HTTPRoute"].Register(func(krt.Event[routes.Route]) { heard <- struct{}{} })
			for range size {
				<-heard
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				c.routes.UpdateObject(numbered(i%size, int32(2+i/size)))
				<-heard
			}
		})
	}
}

// BenchmarkAttachedRoute measures from a route that comes or goes to the
// Gateway's status with the new number. It must not depend on how many other
// routes are attached.
func BenchmarkAttachedRoute(b *testing.B) {
	for _, size := range []int{1000, 40000} {
		b.Run(fmt.Sprintf("routes=%d", size), func(b *testing.B) {
			c := newCrowd(b, size)
			heard := make(chan struct{}, 1000)
			c.built.GatewayStatuses.RegisterBatch(func(events []krt.Event[gateways.Status]) {
				for range events {
					heard <- struct{}{}
				}
			}, false)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if i%2 == 0 {
					c.routes.UpdateObject(numbered(size, 1))
				} else {
					c.routes.DeleteObject(fmt.Sprintf("default/r%05d", size))
				}
				<-heard
			}
		})
	}
}
