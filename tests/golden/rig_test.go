package golden

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	"istio.io/istio/pkg/kube/controllers"
	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/graph"
	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/offline"
)

// seedVariable names the environment variable that replaces the fixed seeds by
// one, to run a failure again or to search for others.
const seedVariable = "RIG_SEED"

// TestAnyHistoryEndsTheSame creates, changes and deletes objects of all kinds
// at random under a running graph. Whenever the events stop, the graph must
// come to show what a fresh translation of the same objects shows.
func TestAnyHistoryEndsTheSame(t *testing.T) {
	seeds := []uint64{1, 2, 3, 4, 5, 6, 7, 8}
	if text := os.Getenv(seedVariable); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seeds = []uint64{seed}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			t.Logf("run again with %s=%d", seedVariable, seed)
			w := newWorld(t)
			rng := rand.New(rand.NewPCG(seed, seed))
			for _, kind := range w.kinds {
				for range kind.weight {
					kind.change(rng, w.next())
				}
			}
			for range 15 {
				// Bursts of every size: one event alone, and many on top of each
				// other.
				for range 1 + rng.IntN(1+rng.IntN(60)) {
					w.step(rng)
				}
				w.converge(t)
			}
		})
	}
}

// world is a running graph on collections that the test changes.
type world struct {
	built *graph.Graph
	kinds []mutable
	// versions numbers the changes, as an API server does.
	versions int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	opts := krt.NewOptionsBuilder(stop, "", nil)
	// Kinds that no random object exists of stay empty.
	in := inputs.FromObjects(nil, opts)
	w := &world{}
	add(w, &in.Namespaces, opts, 6, randomMeshNamespace)
	add(w, &in.Nodes, opts, 4, randomNode)
	add(w, &in.Pods, opts, 10, meshed(randomPod))
	add(w, &in.Services, opts, 20, meshed(randomService))
	add(w, &in.Secrets, opts, 8, randomSecret)
	add(w, &in.ConfigMaps, opts, 4, randomMeshConfigMap)
	add(w, &in.EndpointSlices, opts, 10, randomEndpointSlice)
	add(w, &in.GatewayClasses, opts, 1, randomGatewayClass)
	add(w, &in.Gateways, opts, 12, randomMeshGateway)
	add(w, &in.ListenerSets, opts, 16, randomListenerSet)
	add(w, &in.HTTPRoutes, opts, 40, randomHTTPRoute)
	add(w, &in.GRPCRoutes, opts, 8, randomGRPCRoute)
	add(w, &in.TCPRoutes, opts, 8, randomTCPRoute)
	add(w, &in.TLSRoutes, opts, 8, randomTLSRoute)
	add(w, &in.ReferenceGrants, opts, 10, randomReferenceGrant)
	add(w, &in.InferencePools, opts, 8, randomInferencePool)
	add(w, &in.BackendTLSPolicies, opts, 12, randomBackendTLSPolicy)
	add(w, &in.ServiceEntries, opts, 12, randomServiceEntry)
	add(w, &in.WorkloadEntries, opts, 8, randomWorkloadEntry)
	in.MeshConfigs, in.Statuses.Gateways = in.ConfigMaps, in.Gateways
	w.built = graph.Build(in, rigSettings(), opts)
	if !w.built.WaitUntilSynced(stop) {
		t.Fatal("the graph of no objects isn't complete")
	}
	return w
}

// rigSettings turn everything on.
func rigSettings() graph.Settings {
	settings := graph.DefaultSettings()
	settings.InferencePools = true
	return settings
}

// mutable is a collection of one kind that the test changes at random.
type mutable struct {
	// weight is how often the kind is picked, relative to the others: few
	// changes of what everything depends on, many at the leaves.
	weight  int
	change  func(*rand.Rand, int)
	remove  func(*rand.Rand)
	objects func() []runtime.Object
}

func add[T controllers.ComparableObject](w *world, field *krt.Collection[T], opts krt.OptionsBuilder, weight int, random func(*rand.Rand) T) {
	collection := krt.NewStaticCollection[T](nil, nil, opts.WithName(fmt.Sprintf("inputs/%T", *new(T)))...)
	*field = collection
	w.kinds = append(w.kinds, mutable{
		weight: weight,
		change: func(rng *rand.Rand, version int) {
			object := random(rng)
			object.SetResourceVersion(strconv.Itoa(version))
			object.SetGeneration(int64(1 + rng.IntN(3)))
			collection.UpdateObject(object)
		},
		remove: func(rng *rand.Rand) {
			keys := []string{}
			for _, object := range collection.List() {
				keys = append(keys, krt.GetKey(object))
			}
			if len(keys) > 0 {
				slices.Sort(keys)
				collection.DeleteObject(keys[rng.IntN(len(keys))])
			}
		},
		objects: func() []runtime.Object {
			var out []runtime.Object
			for _, object := range collection.List() {
				out = append(out, any(object).(runtime.Object).DeepCopyObject())
			}
			return out
		},
	})
}

func (w *world) next() int {
	w.versions++
	return w.versions
}

// step makes one event.
func (w *world) step(rng *rand.Rand) {
	total := 0
	for _, kind := range w.kinds {
		total += kind.weight
	}
	pick := rng.IntN(total)
	for _, kind := range w.kinds {
		if pick -= kind.weight; pick >= 0 {
			continue
		}
		if rng.IntN(6) == 0 {
			kind.remove(rng)
		} else {
			kind.change(rng, w.next())
		}
		return
	}
}

// convergence is how long a graph that has come to rest may take to show it,
// on the slowest machine. Only a failure takes this long.
const convergence = 30 * time.Second

func (w *world) converge(t *testing.T) {
	t.Helper()
	var objects []runtime.Object
	for _, kind := range w.kinds {
		objects = append(objects, kind.objects()...)
	}
	fresh, err := offline.Translate(objects, rigSettings())
	if err != nil {
		t.Fatal(err)
	}
	for _, violation := range violations(fresh) {
		t.Error(violation)
	}
	want := show(t, fresh)
	deadline := time.Now().Add(convergence)
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		live, err := offline.Show(w.built)
		if err != nil {
			t.Fatal(err)
		}
		got := show(t, live)
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the graph doesn't come to what a fresh one shows (-fresh +live):\n%s", cmp.Diff(want, got))
		}
		<-poll.C
	}
}
