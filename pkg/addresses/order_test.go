package addresses

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// TestAnyOrder makes random changes and checks that what came of them is what
// a controller that starts now would say, and that what is gone is gone.
func TestAnyOrder(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed-", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			opts := options(t)
			c := newCluster(opts)
			addresses := New(c.in, c.mesh, Settings{}, opts)
			w := newWatermark(t, c, addresses)
			state := map[string]runtime.Object{}
			for range 5 {
				for range 60 {
					object := randomObject(random)
					key := fmt.Sprintf("%T/%s/%s", object, object.(metav1.Object).GetNamespace(), object.(metav1.Object).GetName())
					if random.IntN(4) == 0 {
						delete(state, key)
						c.remove(object)
						continue
					}
					state[key] = object
					c.apply(object)
				}
				w.pass(t)
				now := append(w.objects(), shuffled(random, state)...)
				if diff := cmp.Diff(show(t, translate(t, now, Settings{})), show(t, contents(t, addresses))); diff != "" {
					t.Fatalf("differs from a fresh start (-fresh +changed):\n%s", diff)
				}
			}
		})
	}
}

// TestSameBytes checks that the order in which objects are first seen leaves
// no trace in the versions.
func TestSameBytes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	state := map[string]runtime.Object{}
	for i := range 200 {
		state[fmt.Sprint(i)] = randomObject(random)
	}
	// One object per key, whatever the order.
	unique := map[string]runtime.Object{}
	for i := range 200 {
		object := state[fmt.Sprint(i)]
		unique[fmt.Sprintf("%T/%s/%s", object, object.(metav1.Object).GetNamespace(), object.(metav1.Object).GetName())] = object
	}
	first := translate(t, shuffled(random, unique), Settings{})
	if len(first) == 0 {
		t.Fatal("nothing to compare")
	}
	for range 5 {
		if again := translate(t, shuffled(random, unique), Settings{}); !reflect.DeepEqual(first, again) {
			t.Fatal("the same objects in another order are other resources")
		}
	}
}

func shuffled(random *rand.Rand, state map[string]runtime.Object) []runtime.Object {
	var objects []runtime.Object
	for object := range maps.Values(state) {
		objects = append(objects, object.DeepCopyObject())
	}
	random.Shuffle(len(objects), func(i, j int) { objects[i], objects[j] = objects[j], objects[i] })
	return objects
}

// randomObject draws from few names and values, so that objects meet.
func randomObject(random *rand.Rand) runtime.Object {
	if random.IntN(3) == 0 {
		return randomIstioObject(random)
	}
	pick := func(values ...string) string { return values[random.IntN(len(values))] }
	namespace := pick("a", "b")
	labels := func(keys ...string) map[string]string {
		drawn := map[string]string{}
		for _, key := range keys {
			if random.IntN(2) == 0 {
				drawn[key] = pick("x", "y")
			}
		}
		return drawn
	}
	pod := func() string { return fmt.Sprint("pod-", random.IntN(6)) }
	service := func() string { return fmt.Sprint("service-", random.IntN(5)) }
	switch random.IntN(10) {
	case 0:
		return newNamespace(namespace, pick("", "PreferClose", "PreferSameNode", "else"))
	case 1:
		return newNode(fmt.Sprint("node-", random.IntN(2)), pick("", "eu-a", "eu-b"))
	case 2, 3:
		outside := pick("", "203.0.113.1", "203.0.113.2")
		return newSlice(namespace, fmt.Sprint("slice-", random.IntN(4)), service(), outside, pod(), pod())
	case 4, 5, 6:
		object := newService(namespace, service(), labels("app", "tier"), 8080+random.IntN(2))
		object.Spec.PublishNotReadyAddresses = random.IntN(4) == 0
		if random.IntN(8) == 0 {
			object.Spec.Type = corev1.ServiceTypeExternalName
		}
		return object
	default:
		object := newPod(namespace, pod(), labels("app", "tier", "zone"), random.IntN(2) == 0)
		if random.IntN(6) == 0 {
			object.Status.Phase = corev1.PodSucceeded
		}
		return object
	}
}
