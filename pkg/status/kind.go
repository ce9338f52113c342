package status

import (
	"context"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"istio.io/istio/pkg/kube/controllers"
	"istio.io/istio/pkg/kube/krt"
)

// Kind is the registration of one kind of object whose status is written: Of
// makes it from a typed Registration.
type Kind struct {
	name string
	// watch calls dirty with the key of every object whose status may have
	// come to differ from what is desired.
	watch func(dirty func(key string))
	// keys returns all objects.
	keys func() []string
	// compare returns what there is to write for an object.
	compare func(key string, now metav1.Time) outcome
	synced  func(stop <-chan struct{}) bool
}

// outcome is the result of comparing an object with what is desired for it.
type outcome struct {
	// gone means that there is no such object.
	gone bool
	// version is the resourceVersion of the object as compared.
	version string
	// write sends the difference and returns the resourceVersion that the API
	// server answered with. It is nil when there is no difference.
	write func(context.Context) (version string, err error)
}

// Registration is everything that is particular to a kind of object T, whose
// desired status is D.
type Registration[T controllers.ComparableObject, D any] struct {
	// Name is the kind's name, in metrics and logs.
	Name string
	// Live holds the objects as the informer last saw them.
	Live krt.Collection[T]
	// Desired holds what the status should be. The key of a value is Prefix
	// and the key of its object; values with another key are for other kinds.
	// An object without a value is left alone.
	Desired krt.Collection[D]
	Prefix  string
	// Merge puts desired into the status of live, which must not be changed.
	// It returns an object of which only the status is read, and false when
	// nothing differs.
	Merge func(live T, desired D, now metav1.Time) (T, bool)
	// Update writes the status and returns the resourceVersion of the object
	// then. It is given the identity and the status only.
	Update func(context.Context, T) (version string, err error)
}

// Of makes a Kind of its typed form.
func Of[T controllers.ComparableObject, D any](r Registration[T, D]) Kind {
	return Kind{
		name: r.Name,
		synced: func(stop <-chan struct{}) bool {
			return r.Live.WaitUntilSynced(stop) && r.Desired.WaitUntilSynced(stop)
		},
		watch: func(dirty func(string)) {
			r.Live.Register(func(event krt.Event[T]) { dirty(krt.GetKey(event.Latest())) })
			r.Desired.Register(func(event krt.Event[D]) {
				if key, own := strings.CutPrefix(krt.GetKey(event.Latest()), r.Prefix); own {
					dirty(key)
				}
			})
		},
		keys: func() []string {
			objects := r.Live.List()
			keys := make([]string, 0, len(objects))
			for _, object := range objects {
				keys = append(keys, krt.GetKey(object))
			}
			return keys
		},
		compare: func(key string, now metav1.Time) outcome { return compare(r, key, now) },
	}
}

func compare[T controllers.ComparableObject, D any](r Registration[T, D], key string, now metav1.Time) outcome {
	live := r.Live.GetKey(key)
	if live == nil {
		return outcome{gone: true}
	}
	result := outcome{version: (*live).GetResourceVersion()}
	desired := r.Desired.GetKey(r.Prefix + key)
	if desired == nil {
		return result
	}
	if merged, differs := r.Merge(*live, *desired, now); differs {
		result.write = func(ctx context.Context) (string, error) { return r.Update(ctx, merged) }
	}
	return result
}

// identity is all of the metadata that a status update needs: the uid and the
// resourceVersion make the API server refuse it for another object or another
// state than the one that was compared.
func identity(live metav1.Object) metav1.ObjectMeta {
	var meta metav1.ObjectMeta
	identify(&meta, live)
	return meta
}

// identify gives object the identity of live.
func identify(object, live metav1.Object) {
	object.SetNamespace(live.GetNamespace())
	object.SetName(live.GetName())
	object.SetUID(live.GetUID())
	object.SetResourceVersion(live.GetResourceVersion())
}
