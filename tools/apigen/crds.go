package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// crdFile is a CRD and the file it was read from.
type crdFile struct {
	path string
	// object is the file as it is, so that rewriting it loses nothing.
	object map[string]any
	crd    *apiextensionsv1.CustomResourceDefinition
}

// readCRDs reads all CRDs of a directory, in the order of their file names.
// Other objects beside them are passed over.
func readCRDs(directory string) ([]crdFile, error) {
	paths, err := filepath.Glob(filepath.Join(directory, "*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no CRDs in %s", directory)
	}
	var files []crdFile
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		file := crdFile{path: path, crd: &apiextensionsv1.CustomResourceDefinition{}}
		if err := yaml.Unmarshal(text, &file.object); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if file.object["kind"] != "CustomResourceDefinition" {
			continue
		}
		if err := yaml.UnmarshalStrict(text, file.crd); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		files = append(files, file)
	}
	return files, nil
}

// schema returns the schema of the CRD's only version.
func (f crdFile) schema() *apiextensionsv1.JSONSchemaProps {
	return f.crd.Spec.Versions[0].Schema.OpenAPIV3Schema
}

// schemaNode returns the same schema as part of object.
func (f crdFile) schemaNode() (map[string]any, error) {
	var node any = f.object
	for _, step := range []any{"spec", "versions", 0, "schema", "openAPIV3Schema"} {
		switch parent := node.(type) {
		case map[string]any:
			node = parent[fmt.Sprint(step)]
		case []any:
			node = parent[step.(int)]
		}
	}
	schema, ok := node.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: no schema", f.path)
	}
	return schema, nil
}

// children returns the schemas right below a schema, in a fixed order.
func children(node map[string]any) []map[string]any {
	var found []map[string]any
	if properties, ok := node["properties"].(map[string]any); ok {
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			if property, ok := properties[name].(map[string]any); ok {
				found = append(found, property)
			}
		}
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if inner, ok := node[key].(map[string]any); ok {
			found = append(found, inner)
		}
	}
	return found
}

// appliedSize is the size that kubectl's last-applied-configuration annotation
// has for the object.
func appliedSize(object map[string]any) (int, error) {
	text, err := json.Marshal(object)
	return len(text), err
}
