package controller

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayfake "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned/fake"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/gateways"
	"agentgateway.dev/controller/pkg/settings"
)

// patch is one server-side apply.
type patch struct {
	manager string
	force   bool
	body    map[string]any
}

// classes is an API server that knows GatewayClasses, with an informer.
type classes struct {
	client *gatewayfake.Clientset
	live   krt.StaticCollection[*gwv1.GatewayClass]
	down   atomic.Bool

	mu      sync.Mutex
	applied []patch
}

// patches returns what was applied.
func (c *classes) patches() []patch {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.applied)
}

func newClasses(t *testing.T, stop <-chan struct{}) *classes {
	c := &classes{
		client: gatewayfake.NewSimpleClientset(), //nolint:staticcheck // the other one cannot hold GatewayClasses without a schema
		live:   krt.NewStaticCollection[*gwv1.GatewayClass](nil, nil, krt.WithStop(stop)),
	}
	c.client.PrependReactor("patch", "gatewayclasses", func(action clienttesting.Action) (bool, runtime.Object, error) {
		if c.down.Load() {
			return true, nil, errors.New("the API server is down")
		}
		p := action.(clienttesting.PatchActionImpl)
		if p.GetPatchType() != types.ApplyPatchType {
			t.Errorf("patch of type %s", p.GetPatchType())
		}
		seen := patch{manager: p.PatchOptions.FieldManager, force: *p.PatchOptions.Force}
		if err := json.Unmarshal(p.GetPatch(), &seen.body); err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		c.applied = append(c.applied, seen)
		c.mu.Unlock()
		spec := seen.body["spec"].(map[string]any)
		class := gatewayClass(p.GetName(), spec["controllerName"].(string), 1)
		if c.live.GetKey(p.GetName()) == nil {
			c.store(t, class)
		}
		return true, class, nil
	})
	return c
}

func gatewayClass(name, controller string, generation int64) *gwv1.GatewayClass {
	return &gwv1.GatewayClass{
		ObjectMeta: metav1.ObjectMeta{Name: name, Generation: generation},
		Spec:       gwv1.GatewayClassSpec{ControllerName: gwv1.GatewayController(controller)},
	}
}

// store creates a class or puts another in its place.
func (c *classes) store(t *testing.T, class *gwv1.GatewayClass) {
	t.Helper()
	c.remove(class.Name)
	if err := c.client.Tracker().Create(classResource, class, ""); err != nil {
		t.Fatal(err)
	}
	c.live.UpdateObject(class)
}

func (c *classes) remove(name string) {
	// It need not be there.
	_ = c.client.Tracker().Delete(classResource, "", name)
}

// keep runs a keeper in a bubble while test changes the cluster.
func keep(t *testing.T, prepare func(*classes, *classKeeper), test func(*classes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := newClasses(t, ctx.Done())
		k := &classKeeper{
			name: "agentgateway", controllers: []string{gateways.DefaultController, gateways.AliasController},
			client: c.client.GatewayV1().GatewayClasses(), live: c.live,
			installed: func(<-chan struct{}) bool { return true },
			logger:    zap.NewNop(), changed: make(chan struct{}, 1),
			begin: func() func(error) { return func(error) {} },
		}
		prepare(c, k)
		done := make(chan struct{})
		go func() {
			defer close(done)
			k.Run(ctx)
		}()
		synctest.Wait()
		test(c)
		cancel()
		<-done
		synctest.Wait()
	})
}

func TestClassIsCreated(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(*classes, *classKeeper)
		want    patch
	}{
		{
			name:    "from nothing",
			prepare: func(*classes, *classKeeper) {},
			want: patch{manager: gateways.DefaultController, force: true, body: map[string]any{
				"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
				"metadata": map[string]any{"name": "agentgateway"},
				"spec": map[string]any{
					"controllerName": gateways.DefaultController,
					"description":    "Specialized class for agentgateway.",
				},
			}},
		},
		{
			name: "keeping the alias that it has, with parameters",
			prepare: func(c *classes, k *classKeeper) {
				c.store(t, gatewayClass("agentgateway", gateways.AliasController, 1))
				k.parameters = &settings.ParametersRef{Group: "agentgateway.dev", Kind: "AgentgatewayParameters", Namespace: "n", Name: "p"}
			},
			want: patch{manager: gateways.AliasController, force: true, body: map[string]any{
				"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
				"metadata": map[string]any{"name": "agentgateway"},
				"spec": map[string]any{
					"controllerName": gateways.AliasController,
					"description":    "Specialized class for agentgateway.",
					"parametersRef":  map[string]any{"group": "agentgateway.dev", "kind": "AgentgatewayParameters", "namespace": "n", "name": "p"},
				},
			}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			keep(t, test.prepare, func(c *classes) {
				if len(c.patches()) == 0 {
					t.Fatal("nothing was applied")
				}
				for _, got := range c.patches() {
					if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(patch{})); diff != "" {
						t.Errorf("applied (-want +got):\n%s", diff)
					}
				}
			})
		})
	}
}

func TestClassIsRestored(t *testing.T) {
	keep(t, func(*classes, *classKeeper) {}, func(c *classes) {
		before := len(c.patches())
		expect := func(more int, after string) {
			t.Helper()
			synctest.Wait()
			if got := len(c.patches()) - before; got != more {
				t.Errorf("%s: applied %d times, want %d", after, got, more)
			}
			before = len(c.patches())
		}
		c.live.UpdateObject(gatewayClass("somebody-elses", "example.com/other", 9))
		expect(0, "another class")
		c.live.UpdateObject(func() *gwv1.GatewayClass {
			class := gatewayClass("agentgateway", gateways.DefaultController, 1)
			class.Labels = map[string]string{"a": "b"}
			return class
		}())
		expect(0, "the same generation")
		c.live.UpdateObject(gatewayClass("agentgateway", gateways.DefaultController, 2))
		expect(1, "a change")
		c.remove("agentgateway")
		c.live.DeleteObject("agentgateway")
		synctest.Wait()
		// Once for the deletion and once for its own new class.
		if got := len(c.patches()) - before; got < 1 || got > 2 {
			t.Errorf("a deletion: applied %d times", got)
		}
	})
}

func TestForeignClassIsLeftAlone(t *testing.T) {
	keep(t, func(c *classes, _ *classKeeper) {
		c.store(t, gatewayClass("agentgateway", "example.com/other", 1))
	}, func(c *classes) {
		time.Sleep(time.Hour)
		if len(c.patches()) != 0 {
			t.Error("a class of another controller was taken over")
		}
		c.remove("agentgateway")
		c.live.DeleteObject("agentgateway")
		synctest.Wait()
		if len(c.patches()) == 0 {
			t.Error("the name became free and the class was not created")
		}
	})
}

func TestClassIsTriedAgain(t *testing.T) {
	keep(t, func(c *classes, _ *classKeeper) { c.down.Store(true) }, func(c *classes) {
		time.Sleep(time.Minute)
		synctest.Wait()
		c.down.Store(false)
		time.Sleep(lastClassRetry + time.Second)
		synctest.Wait()
		if len(c.patches()) == 0 {
			t.Error("the class was given up")
		}
	})
}
