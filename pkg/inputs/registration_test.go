package inputs

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"agentgateway.dev/controller/apis/v1alpha1"
)

func parametersContent(name string, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"namespace": "default", "name": name}, "spec": spec,
	}}
}

// TestConvertedObjects checks what informers of our own kinds are given: typed
// objects, with empty maps kept, and nothing of an object that can't be
// decoded.
func TestConvertedObjects(t *testing.T) {
	handlers := utilruntime.ErrorHandlers
	utilruntime.ErrorHandlers = nil
	t.Cleanup(func() { utilruntime.ErrorHandlers = handlers })
	gvk := v1alpha1.GroupVersion.WithKind(v1alpha1.AgentgatewayParametersKind)
	good := parametersContent("good", map[string]any{"resources": map[string]any{"requests": map[string]any{}}})
	bad := parametersContent("bad", map[string]any{"shutdown": "soon"})

	list := &unstructured.UnstructuredList{Items: []unstructured.Unstructured{*bad, *good}}
	list.SetResourceVersion("7")
	converted := typedList[*v1alpha1.AgentgatewayParameters](list, gvk)
	objects, err := meta.ExtractList(converted)
	if err != nil || len(objects) != 1 {
		t.Fatalf("got %d objects, %v", len(objects), err)
	}
	accessor, err := meta.ListAccessor(converted)
	if err != nil || accessor.GetResourceVersion() != "7" {
		t.Errorf("the list's version is lost: %v", err)
	}
	parameters, ok := objects[0].(*v1alpha1.AgentgatewayParameters)
	if !ok || parameters.Name != "good" {
		t.Fatalf("got %#v", objects[0])
	}
	if parameters.Spec.Resources.Requests == nil {
		t.Error("an empty map became none")
	}

	if _, kept := typedEvent[*v1alpha1.AgentgatewayParameters](watch.Event{Type: watch.Added, Object: bad}, gvk); kept {
		t.Error("an object that can't be decoded is kept")
	}
	event, kept := typedEvent[*v1alpha1.AgentgatewayParameters](watch.Event{Type: watch.Modified, Object: good}, gvk)
	if _, ok := event.Object.(*v1alpha1.AgentgatewayParameters); !ok || !kept || event.Type != watch.Modified {
		t.Errorf("got %+v, %v", event, kept)
	}
	failure := watch.Event{Type: watch.Error, Object: &metav1.Status{Reason: metav1.StatusReasonExpired}}
	if event, kept := typedEvent[*v1alpha1.AgentgatewayParameters](failure, gvk); !kept || event.Object != failure.Object {
		t.Errorf("got %+v, %v", event, kept)
	}
}
