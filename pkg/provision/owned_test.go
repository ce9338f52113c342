package provision

import (
	"encoding/json"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestOwnedDigest changes an object in every way that matters, and in ways that
// don't. That real API servers are understood, TestGoldenObjectsAreAccepted
// checks.
func TestOwnedDigest(t *testing.T) {
	const body = `{"apiVersion": "v1", "kind": "K", "metadata": {"name": "gw", "namespace": "default", "labels": {"a": "b"}}, "spec": {
		"empty": {}, "atomic": [1, 2], "set": ["x"], "number": 8080,
		"containers": [{"name": "main", "image": "i", "ports": [{"containerPort": 80, "name": "p"}],
			"env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]}]}}`
	// Others have added a label, a port, a container, and defaults.
	const live = `{"apiVersion": "v1", "kind": "K", "metadata": {"name": "gw", "namespace": "default", "uid": "1", "labels": {"a": "b", "c": "d"}}, "spec": {
		"empty": {}, "atomic": [1, 2], "set": ["w", "x"], "number": 8080, "replicas": 3,
		"containers": [{"name": "other", "image": "o"}, {"name": "main", "image": "i", "policy": "Always",
			"ports": [{"containerPort": 80, "protocol": "TCP", "name": "p"}, {"containerPort": 81, "protocol": "TCP"}],
			"env": [{"name": "IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}}]}]}, "status": {"a": 1}}`
	const owned = `{"f:metadata": {"f:labels": {"f:a": {}}}, "f:spec": {"f:empty": {}, "f:atomic": {}, "f:set": {"v:\"x\"": {}}, "f:number": {},
		"f:containers": {"k:{\"name\":\"main\"}": {".": {}, "f:name": {}, "f:image": {},
			"f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}, "f:name": {}}},
			"f:env": {"k:{\"name\":\"IP\"}": {".": {}, "f:name": {}, "f:valueFrom": {"f:fieldRef": {}}}}}}}}`
	wanted, err := digestOf(body)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(spec, main map[string]any, owned map[string]any)
		same   bool
	}{
		"nothing":                    {func(_, _, _ map[string]any) {}, true},
		"another's field":            {func(spec, _, _ map[string]any) { spec["replicas"] = int64(9) }, true},
		"a scalar":                   {func(spec, _, _ map[string]any) { spec["number"] = int64(8081) }, false},
		"within a list":              {func(_, main, _ map[string]any) { main["image"] = "j" }, false},
		"an atomic list":             {func(spec, _, _ map[string]any) { spec["atomic"] = []any{int64(2), int64(1)} }, false},
		"what was empty":             {func(spec, _, _ map[string]any) { spec["empty"] = map[string]any{"a": "b"} }, false},
		"a field that is gone":       {func(spec, _, _ map[string]any) { delete(spec, "number") }, false},
		"an item that is gone":       {func(_, main, _ map[string]any) { main["ports"] = []any{} }, false},
		"a default":                  {func(_, main, _ map[string]any) { fieldRefOf(main)["apiVersion"] = "v2" }, false},
		"a field that was taken":     {func(_, _, owned map[string]any) { delete(at(owned, "f:spec"), "f:number") }, false},
		"a field that was more":      {func(_, _, owned map[string]any) { at(owned, "f:spec")["f:replicas"] = map[string]any{} }, false},
		"a label of the others' now": {func(_, _, owned map[string]any) { delete(owned, "f:metadata") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			object, fields := &unstructured.Unstructured{}, map[string]any{}
			if err := object.UnmarshalJSON([]byte(live)); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(owned), &fields); err != nil {
				t.Fatal(err)
			}
			spec := at(object.Object, "spec")
			test.change(spec, spec["containers"].([]any)[1].(map[string]any), fields)
			text, err := json.Marshal(fields)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ownedDigest(object, metav1.ManagedFieldsEntry{Manager: "us", FieldsV1: metav1.NewFieldsV1(string(text))})
			if err != nil {
				t.Fatal(err)
			}
			if (got == wanted) != test.same {
				t.Errorf("recognized: %v, want %v", got == wanted, test.same)
			}
		})
	}
}

func fieldRefOf(container map[string]any) map[string]any {
	variable, _ := container["env"].([]any)[0].(map[string]any)
	return at(variable, "valueFrom", "fieldRef")
}
