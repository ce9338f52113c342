package provision

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
)

// Encode returns an object as it is applied: without status, and without the
// empty values that Go types have where nothing was said. What is applied is
// owned, so nothing may be in it that isn't meant.
func Encode(object Object) (map[string]any, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("encode %s %s/%s: %w", object.GroupVersionKind().Kind, object.GetNamespace(), object.GetName(), err)
	}
	delete(content, "status")
	dropEmpty(content, "metadata", "creationTimestamp")
	dropEmpty(content, "spec", "strategy")
	dropEmpty(content, "spec", "updateStrategy")
	dropEmpty(content, "spec", "template", "metadata", "creationTimestamp")
	for _, list := range []string{"containers", "initContainers"} {
		containers, _ := at(content, "spec", "template", "spec")[list].([]any)
		for _, container := range containers {
			if fields, ok := container.(map[string]any); ok {
				dropEmpty(fields, "resources")
			}
		}
	}
	// A port of an overlay that doesn't say where it leads, leads to itself.
	ports, _ := at(content, "spec")["ports"].([]any)
	for _, port := range ports {
		if fields, ok := port.(map[string]any); ok && fields["targetPort"] == int64(0) {
			delete(fields, "targetPort")
		}
	}
	return content, nil
}

// dropEmpty removes the field at path if it is null or an empty object.
func dropEmpty(content map[string]any, path ...string) {
	last := len(path) - 1
	parent := at(content, path[:last]...)
	value, set := parent[path[last]]
	if fields, isObject := value.(map[string]any); set && (value == nil || isObject && len(fields) == 0) {
		delete(parent, path[last])
	}
}

// at returns the object at path, nil if there is none.
func at(content map[string]any, path ...string) map[string]any {
	for _, step := range path {
		content, _ = content[step].(map[string]any)
	}
	return content
}
