package v1alpha1_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// crdDirectory holds the generated CRDs.
const crdDirectory = "../../manifests/crds"

// plurals of the group's kinds; each has a CRD file of that name.
var plurals = []string{"agentgatewaypolicies", "agentgatewaybackends", "agentgatewayparameters", "agentgatewaymodels"}

var generatedCRDs = sync.OnceValues(func() (map[string]*apiextensionsv1.CustomResourceDefinition, error) {
	crds := map[string]*apiextensionsv1.CustomResourceDefinition{}
	for _, plural := range plurals {
		text, err := os.ReadFile(crdPath(plural))
		if err != nil {
			return nil, err
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(text, crd); err != nil {
			return nil, err
		}
		crds[plural] = crd
	}
	return crds, nil
})

func crdPath(plural string) string {
	return filepath.Join(crdDirectory, "agentgateway.dev_"+plural+".yaml")
}

// crdJSON returns a CRD as kubectl writes it into its annotation.
func crdJSON(plural string) ([]byte, error) {
	text, err := os.ReadFile(crdPath(plural))
	if err != nil {
		return nil, err
	}
	var object any
	if err := yaml.Unmarshal(text, &object); err != nil {
		return nil, err
	}
	return json.Marshal(object)
}

// generatedCRD returns the CRD as it is installed.
func generatedCRD(t *testing.T, plural string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	crds, err := generatedCRDs()
	if err != nil {
		t.Fatal(err)
	}
	return crds[plural]
}

// properties calls visit for the schema and everything below it. Paths are
// written as in testdata/crd: a.b is a property, [] an item, {} a map's value.
func properties(path string, schema *apiextensionsv1.JSONSchemaProps, required bool, visit func(path string, schema *apiextensionsv1.JSONSchemaProps, required bool)) {
	visit(path, schema, required)
	needed := map[string]bool{}
	for _, name := range schema.Required {
		needed[name] = true
	}
	for name := range schema.Properties {
		property := schema.Properties[name]
		child := name
		if path != "" {
			child = path + "." + name
		}
		properties(child, &property, needed[name], visit)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		properties(path+"[]", schema.Items.Schema, false, visit)
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		properties(path+"{}", schema.AdditionalProperties.Schema, false, visit)
	}
}
