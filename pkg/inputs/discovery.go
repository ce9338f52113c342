package inputs

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/cache"

	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/controllers"
	"istio.io/istio/pkg/kube/kclient"
	"istio.io/istio/pkg/kube/kubetypes"
	"istio.io/istio/pkg/util/sets"
)

// Discovery decides which namespaces' objects exist for the controller: those
// whose Namespace matches one of the selectors, all when there are none. A
// label change acts at once, as if the namespace's objects were created or
// deleted.
type Discovery struct {
	namespaces kclient.Client[*corev1.Namespace]
	selectors  []labels.Selector

	mu       sync.RWMutex
	selected sets.String
	handlers []func(selected, deselected sets.String)
}

var _ kubetypes.DynamicObjectFilter = &Discovery{}

// NewDiscovery watches namespaces through client. It returns an error when a
// selector is malformed.
func NewDiscovery(client kube.Client, selectors []metav1.LabelSelector, stop <-chan struct{}) (*Discovery, error) {
	d := &Discovery{selected: sets.New[string]()}
	for i := range selectors {
		selector, err := metav1.LabelSelectorAsSelector(&selectors[i])
		if err != nil {
			return nil, err
		}
		d.selectors = append(d.selectors, selector)
	}
	namespace := Kinds[0]
	d.namespaces = kclient.NewFiltered[*corev1.Namespace](client, namespace.filter(client))
	d.namespaces.AddEventHandler(controllers.EventHandler[*corev1.Namespace]{
		AddFunc:    func(added *corev1.Namespace) { d.set(added.Name, d.matches(added.Labels)) },
		UpdateFunc: func(_, updated *corev1.Namespace) { d.set(updated.Name, d.matches(updated.Labels)) },
		DeleteFunc: func(deleted *corev1.Namespace) { d.set(deleted.Name, false) },
	})
	d.namespaces.Start(stop)
	return d, nil
}

// HasSynced reports whether every existing namespace was judged.
func (d *Discovery) HasSynced() bool { return d.namespaces.HasSynced() }

// Filter reports whether object, a namespaced object or a namespace's name, is
// visible.
func (d *Discovery) Filter(object any) bool {
	if len(d.selectors) == 0 {
		return true
	}
	namespace, ok := object.(string)
	if !ok {
		if missed, wrapped := object.(cache.DeletedFinalStateUnknown); wrapped {
			object = missed.Obj
		}
		accessor, isObject := object.(metav1.Object)
		if !isObject {
			return false
		}
		namespace = accessor.GetNamespace()
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.selected.Contains(namespace)
}

// AddHandler registers a function that is called with the namespaces that
// became visible and those that ceased to be.
func (d *Discovery) AddHandler(handler func(selected, deselected sets.String)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.handlers = append(d.handlers, handler)
}

func (d *Discovery) matches(own labels.Set) bool {
	for _, selector := range d.selectors {
		if selector.Matches(own) {
			return true
		}
	}
	return len(d.selectors) == 0
}

func (d *Discovery) set(namespace string, selected bool) {
	d.mu.Lock()
	if d.selected.Contains(namespace) == selected {
		d.mu.Unlock()
		return
	}
	added, removed := sets.New[string](), sets.New[string]()
	if selected {
		d.selected.Insert(namespace)
		added.Insert(namespace)
	} else {
		d.selected.Delete(namespace)
		removed.Insert(namespace)
	}
	handlers := d.handlers
	d.mu.Unlock()
	if len(d.selectors) == 0 {
		return
	}
	for _, handler := range handlers {
		handler(added, removed)
	}
}
