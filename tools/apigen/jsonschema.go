package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// writeJSONSchemas writes one JSON schema for each CRD, as editors and linters
// take them: kind_version.json in lower case. Unknown fields are errors there,
// though the API server only drops them: mostly they are misspelt.
func writeJSONSchemas(files []crdFile, out string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for _, file := range files {
		schema, err := file.schemaNode()
		if err != nil {
			return err
		}
		shorten(schema)
		converted, _ := jsonSchema(schema).(map[string]any)
		names, version := file.crd.Spec.Names, file.crd.Spec.Versions[0].Name
		identify(converted, names.Kind, file.crd.Spec.Group+"/"+version)
		text, err := json.MarshalIndent(converted, "", " ")
		if err != nil {
			return fmt.Errorf("%s: %w", file.path, err)
		}
		name := strings.ToLower(names.Kind) + "_" + version + ".json"
		if err := os.WriteFile(filepath.Join(out, name), append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// identify adds what the CRD's schema leaves to the API server.
func identify(schema map[string]any, kind, apiVersion string) {
	schema["$schema"] = "http://json-schema.org/draft-07/schema#"
	schema["title"] = kind
	schema["required"] = []any{"apiVersion", "kind", "metadata", "spec"}
	properties, _ := schema["properties"].(map[string]any)
	for name, value := range map[string]string{"apiVersion": apiVersion, "kind": kind} {
		if property, ok := properties[name].(map[string]any); ok {
			property["enum"] = []any{value}
		}
	}
}

// jsonSchema turns the schema of a CRD into plain JSON schema: without
// Kubernetes' extensions, and closed against unknown fields.
func jsonSchema(value any) any {
	node, ok := value.(map[string]any)
	if !ok {
		return value
	}
	converted := map[string]any{}
	for key, inner := range node {
		switch {
		case strings.HasPrefix(key, "x-kubernetes-"):
		case key == "properties":
			properties := map[string]any{}
			for name, property := range inner.(map[string]any) {
				properties[name] = jsonSchema(property)
			}
			converted[key] = properties
		case key == "items" || key == "additionalProperties":
			converted[key] = jsonSchema(inner)
		default:
			converted[key] = inner
		}
	}
	_, structured := node["properties"]
	if open, _ := node["x-kubernetes-preserve-unknown-fields"].(bool); structured && !open {
		converted["additionalProperties"] = false
	}
	return converted
}
