package api

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"agentgateway.dev/controller/tests/cluster"
)

var customResourceDefinitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// dropped are the fields below spec that an older schema lacks, by kind.
var dropped = map[string][]string{
	"AgentgatewayBackend":    {"a2a", "dynamicForwardProxy", "policies"},
	"AgentgatewayModel":      {"policies", "virtualModel", "visibility"},
	"AgentgatewayParameters": {"daemonSet", "modelCatalog", "shutdown"},
	"AgentgatewayPolicy":     {"frontend", "strategy", "targetSelectors"},
}

// older returns the CRD as an earlier release might have had it: with fewer
// fields, no rules, and no short names or columns.
func older(t *testing.T, crd *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	crd = crd.DeepCopy()
	crd.Labels = nil
	crd.Spec.Names.ShortNames, crd.Spec.Names.Categories = nil, nil
	version := &crd.Spec.Versions[0]
	version.AdditionalPrinterColumns = nil
	root := version.Schema.OpenAPIV3Schema
	spec := root.Properties["spec"]
	for _, name := range dropped[crd.Spec.Names.Kind] {
		if _, found := spec.Properties[name]; !found {
			t.Fatalf("%s has no field spec.%s", crd.Spec.Names.Kind, name)
		}
		delete(spec.Properties, name)
	}
	root.Properties["spec"] = spec
	dropRules(root)
	return crd
}

func dropRules(schema *apiextensionsv1.JSONSchemaProps) {
	schema.XValidations = nil
	for name, property := range schema.Properties {
		dropRules(&property)
		schema.Properties[name] = property
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		dropRules(schema.Items.Schema)
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		dropRules(schema.AdditionalProperties.Schema)
	}
}

// install applies a CRD as helm and kubectl apply --server-side do.
func install(t *testing.T, client dynamic.Interface, crd *apiextensionsv1.CustomResourceDefinition, manager string) *unstructured.Unstructured {
	t.Helper()
	text, err := json.Marshal(crd)
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(text); err != nil {
		t.Fatal(err)
	}
	unstructured.RemoveNestedField(object.Object, "status")
	applied, err := client.Resource(customResourceDefinitions).Apply(t.Context(), crd.Name, object, metav1.ApplyOptions{FieldManager: manager, Force: true})
	if err != nil {
		t.Fatalf("applying %s: %v", crd.Name, err)
	}
	return applied
}

func TestCRDsOverThemselves(t *testing.T) {
	client := connect(t, shared)
	for kind, crd := range ownCRDs(t) {
		before := install(t, client, crd, "upgrade")
		after := install(t, client, crd, "upgrade")
		if diff := cmp.Diff(before.Object["spec"], after.Object["spec"]); diff != "" || before.GetGeneration() != after.GetGeneration() || before.GetUID() != after.GetUID() {
			t.Errorf("%s: changed by being applied again: %s", kind, diff)
		}
	}
}

func TestUpgradeFromOlderCRDs(t *testing.T) {
	upgraded := cluster.Start(t, cluster.Options{GatewayAPI: cluster.NoGatewayAPI, WithoutProjectCRDs: true})
	client := connect(t, upgraded)
	for _, crd := range ownCRDs(t) {
		install(t, client, older(t, crd), "before")
	}
	manifests := readManifests(t, acceptedManifests)
	stored := createAll(t, client, manifests)
	// The older schema had no rule against this, so it can be there.
	broken := readDocumentOf(t, `
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayPolicy
metadata: {name: without-target, namespace: default}
spec: {}
`)
	stored["AgentgatewayPolicy without-target"] = createAll(t, client, []manifest{broken})[broken.name]

	for _, crd := range ownCRDs(t) {
		install(t, client, crd, "after")
	}
	// The new schemas are in use when they take what the old ones dropped.
	for _, manifest := range manifests {
		eventually(t, func(context.Context) error {
			object := runtime.DeepCopyJSON(manifest.object)
			(&unstructured.Unstructured{Object: object}).SetName("another")
			return create(t, client, object)
		})
	}

	for name, before := range stored {
		after, err := clientOf(t, client, before.Object).Get(t.Context(), before.GetName(), metav1.GetOptions{})
		if err != nil {
			t.Errorf("%s is gone: %v", name, err)
			continue
		}
		if lost := missing(before.Object["spec"], after.Object["spec"], "spec"); after.GetUID() != before.GetUID() || len(lost) > 0 {
			t.Errorf("%s didn't survive: %v", name, lost)
		}
	}
	patch := []byte(`{"metadata": {"labels": {"touched": "true"}}}`)
	if _, err := clientOf(t, client, broken.object).Patch(t.Context(), "without-target", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Errorf("an object from before a rule can't be labelled: %v", err)
	}
	for _, manifest := range manifests {
		object := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(manifest.object)}
		applied, err := clientOf(t, client, manifest.object).Apply(t.Context(), object.GetName(), object, metav1.ApplyOptions{FieldManager: "user", Force: true})
		if err != nil {
			t.Errorf("%s: %v", manifest.name, err)
			continue
		}
		if lost := missing(manifest.object["spec"], applied.Object["spec"], "spec"); len(lost) > 0 {
			t.Errorf("%s: after the upgrade, applying it loses %v", manifest.name, lost)
		}
	}
}

// createAll creates objects of which the schema drops parts, and returns what
// is stored, by kind and name. The endpoints may need a moment to appear.
func createAll(t *testing.T, client dynamic.Interface, manifests []manifest) map[string]*unstructured.Unstructured {
	t.Helper()
	stored := map[string]*unstructured.Unstructured{}
	for _, manifest := range manifests {
		eventually(t, func(ctx context.Context) error {
			object := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(manifest.object)}
			created, err := clientOf(t, client, manifest.object).Create(ctx, object, metav1.CreateOptions{FieldValidation: metav1.FieldValidationIgnore})
			if err == nil {
				stored[manifest.name] = created
			}
			return err
		})
		spec, _ := stored[manifest.name].Object["spec"].(map[string]any)
		for _, name := range dropped[stored[manifest.name].GetKind()] {
			if _, found := spec[name]; found {
				t.Fatalf("%s: the older schema stored spec.%s", manifest.name, name)
			}
		}
	}
	return stored
}

func readDocumentOf(t *testing.T, text string) manifest {
	t.Helper()
	read, known := readDocument(t, []byte(text))
	if !known {
		t.Fatalf("not a manifest: %s", text)
	}
	return read
}

// missing returns the paths of what part has and whole hasn't, or has
// differently.
func missing(part, whole any, path string) []string {
	switch part := part.(type) {
	case map[string]any:
		other, _ := whole.(map[string]any)
		var found []string
		for name, value := range part {
			found = append(found, missing(value, other[name], path+"."+name)...)
		}
		slices.Sort(found)
		return found
	case []any:
		other, _ := whole.([]any)
		if len(part) != len(other) {
			return []string{path}
		}
		var found []string
		for i, value := range part {
			found = append(found, missing(value, other[i], fmt.Sprintf("%s[%d]", path, i))...)
		}
		return found
	default:
		if !cmp.Equal(part, whole) {
			return []string{path}
		}
		return nil
	}
}
