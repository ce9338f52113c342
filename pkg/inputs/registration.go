package inputs

import (
	"context"
	"fmt"
	"sync"

	"github.com/go-json-experiment/json"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"istio.io/istio/pkg/config/schema/kubeclient"
	"istio.io/istio/pkg/kube/controllers"

	"agentgateway.dev/controller/apis/v1alpha1"
)

// ownKinds and customKinds guard the client library's table of registrations,
// which is one for the process and is read by informers without a lock.
var ownKinds, customKinds sync.Once

// registerKinds tells the client library how to read custom resources. It has
// no client for our own ones; for the others it has, which are left alone for a
// fake c: what tests put into those is nowhere else.
func registerKinds(c kubeclient.ClientGetter) {
	ownKinds.Do(func() {
		for _, k := range Kinds {
			if k.own() {
				k.register(k)
			}
		}
	})
	if reader(c) == nil {
		return
	}
	customKinds.Do(func() {
		for _, k := range Kinds {
			if k.Optional && !k.own() {
				k.register(k)
			}
		}
	})
}

func (k Kind) own() bool { return k.GVK.Group == v1alpha1.GroupName }

// register makes informers of T read through this package. Nothing here writes,
// so there is no write client.
func register[T controllers.ComparableObject](k Kind) {
	kubeclient.Register[T](k.GVR, k.GVK,
		func(c kubeclient.ClientGetter, namespace string, options metav1.ListOptions) (runtime.Object, error) {
			if client := reader(c); client != nil {
				return list[T](client, k, namespace, options)
			}
			list, err := c.Dynamic().Resource(k.GVR).Namespace(namespace).List(context.Background(), options)
			if err != nil {
				return nil, err
			}
			return typedList[T](list, k.GVK), nil
		},
		func(c kubeclient.ClientGetter, namespace string, options metav1.ListOptions) (watch.Interface, error) {
			if client := reader(c); client != nil {
				return startWatch[T](client, k, namespace, options)
			}
			source, err := c.Dynamic().Resource(k.GVR).Namespace(namespace).Watch(context.Background(), options)
			if err != nil {
				return nil, err
			}
			return watch.Filter(source, func(event watch.Event) (watch.Event, bool) { return typedEvent[T](event, k.GVK) }), nil
		},
		nil)
}

// objectList is a list of typed objects for an informer, which takes it apart
// again at once.
type objectList struct {
	metav1.TypeMeta
	metav1.ListMeta
	Items []runtime.Object
}

// DeepCopyObject is there for the interface; nobody copies a list on its way.
func (l *objectList) DeepCopyObject() runtime.Object {
	copied := &objectList{TypeMeta: l.TypeMeta, ListMeta: *l.ListMeta.DeepCopy()}
	for _, item := range l.Items {
		copied.Items = append(copied.Items, item.DeepCopyObject())
	}
	return copied
}

// typedList leaves out what can't be decoded: one bad object must not hide the
// others.
func typedList[T controllers.ComparableObject](list *unstructured.UnstructuredList, gvk schema.GroupVersionKind) runtime.Object {
	out := &objectList{ListMeta: metav1.ListMeta{
		ResourceVersion: list.GetResourceVersion(), Continue: list.GetContinue(), RemainingItemCount: list.GetRemainingItemCount(),
	}}
	for i := range list.Items {
		if object, ok := typed[T](&list.Items[i], gvk); ok {
			out.Items = append(out.Items, object)
		}
	}
	return out
}

// typedEvent converts the object of an event and reports whether it could.
// Bookmarks carry an object that is empty but for its metadata, errors a
// Status, which stays as it is.
func typedEvent[T controllers.ComparableObject](event watch.Event, gvk schema.GroupVersionKind) (watch.Event, bool) {
	content, ok := event.Object.(*unstructured.Unstructured)
	if !ok || event.Type == watch.Error {
		return event, true
	}
	object, ok := typed[T](content, gvk)
	return watch.Event{Type: event.Type, Object: object}, ok
}

// typed decodes what a fake client holds, which is no bytes yet.
func typed[T controllers.ComparableObject](content *unstructured.Unstructured, gvk schema.GroupVersionKind) (object T, ok bool) {
	bytes, err := json.Marshal(content.Object)
	if err != nil {
		utilruntime.HandleError(fmt.Errorf("%s %s/%s is left out: %w", gvk.Kind, content.GetNamespace(), content.GetName(), err))
		return object, false
	}
	return decode[T](bytes, gvk)
}
