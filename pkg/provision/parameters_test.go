package provision

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// TestEveryFieldIsInAScenario walks the schema of AgentgatewayParameters and
// demands that some scenario sets each of its leaves.
func TestEveryFieldIsInAScenario(t *testing.T) {
	content, err := os.ReadFile("../../manifests/crds/agentgateway.dev_agentgatewayparameters.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(content, &crd); err != nil {
		t.Fatal(err)
	}
	missing := map[string]bool{}
	for _, path := range schemaLeaves("spec", crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]) {
		missing[path] = true
	}
	if len(missing) < 40 {
		t.Fatalf("only %d leaves in the schema", len(missing))
	}
	for _, path := range scenarios(t) {
		for document := range strings.SplitSeq(manifests(t, path), "\n---\n") {
			var object struct {
				Kind string         `json:"kind"`
				Spec map[string]any `json:"spec"`
			}
			if err := yaml.Unmarshal([]byte(document), &object); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if object.Kind == "AgentgatewayParameters" {
				cross(missing, "spec", object.Spec)
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(missing)) {
		t.Errorf("no scenario sets %s", path)
	}
}

// schemaLeaves returns the paths of fields below which the schema says no
// more.
func schemaLeaves(path string, schema apiextensionsv1.JSONSchemaProps) []string {
	switch {
	case schema.Items != nil && schema.Items.Schema != nil:
		return schemaLeaves(path+"[]", *schema.Items.Schema)
	case len(schema.Properties) == 0:
		return []string{path}
	}
	var leaves []string
	for name, property := range schema.Properties {
		leaves = append(leaves, schemaLeaves(path+"."+name, property)...)
	}
	return leaves
}

// cross deletes the paths that value sets, of leaves and of what contains
// them.
func cross(missing map[string]bool, path string, value any) {
	delete(missing, path)
	switch typed := value.(type) {
	case map[string]any:
		for name, item := range typed {
			cross(missing, path+"."+name, item)
		}
	case []any:
		for _, item := range typed {
			cross(missing, path+"[]", item)
		}
	}
}
