package grafts

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"agentgateway.dev/controller/pkg/validation"
)

var update = flag.Bool("update", false, "make the objects in testdata/grafted again, which takes half a minute")

const (
	acceptedManifests = "../../../apis/v1alpha1/testdata/accepted"
	graftedManifests  = "../../../apis/v1alpha1/testdata/grafted"
)

const generatedHeader = "# Made from ../accepted by go test ./tests/api/grafts -update. DO NOT EDIT.\n"

func readObjects(t *testing.T, directory string) []map[string]any {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(directory, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no manifests in %s: %v", directory, err)
	}
	var objects []map[string]any
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
		for {
			document, err := reader.Read()
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			objects = append(objects, parse(t, string(document)))
		}
	}
	return objects
}

func parse(t *testing.T, document string) map[string]any {
	t.Helper()
	converted, err := yaml.YAMLToJSONStrict([]byte(document))
	if err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	var object map[string]any
	// Whole numbers must become int64, as the API server reads them.
	if err := json.Unmarshal(converted, &object); err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	return object
}

func writeObjects(t *testing.T, kind string, objects []map[string]any) {
	t.Helper()
	var documents []string
	for _, object := range objects {
		text, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, string(text))
	}
	name := strings.ToLower(strings.TrimPrefix(kind, "Agentgateway")) + ".yaml"
	if err := os.WriteFile(filepath.Join(graftedManifests, name), []byte(generatedHeader+strings.Join(documents, "---\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// shared, because compiling the rules of all kinds takes seconds.
var shared = sync.OnceValues(validation.Embedded)

func embedded(t *testing.T) *validation.Catalog {
	t.Helper()
	catalog, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return catalog
}

// ownSchemas returns the schemas of the agentgateway.dev kinds.
func ownSchemas(t *testing.T, catalog *validation.Catalog) []*Schema {
	t.Helper()
	var own []*Schema
	for _, kind := range catalog.GroupKinds() {
		if kind.Group != "agentgateway.dev" {
			continue
		}
		crd, err := catalog.CRD(kind)
		if err != nil {
			t.Fatal(err)
		}
		schema, err := NewSchema(crd)
		if err != nil {
			t.Fatal(err)
		}
		own = append(own, schema)
	}
	return own
}

// expectAccepted says why objects are refused.
func expectAccepted(t *testing.T, catalog *validation.Catalog, objects []map[string]any) {
	t.Helper()
	for _, object := range objects {
		identity := &unstructured.Unstructured{Object: object}
		kind, err := catalog.Kind(identity.GroupVersionKind())
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range kind.Judge(runtime.DeepCopyJSON(object)) {
			t.Errorf("%s %s: %s", identity.GetKind(), identity.GetName(), problem)
		}
	}
}

// Every field must be settable wherever the schema has it.
func TestManifestsSetEveryLeaf(t *testing.T) {
	catalog := embedded(t)
	schemas, accepted := ownSchemas(t, catalog), readObjects(t, acceptedManifests)
	if *update {
		made, err := Make(catalog, schemas, accepted)
		if err != nil {
			t.Fatal(err)
		}
		for kind, objects := range made {
			writeObjects(t, kind, objects)
		}
	}
	grafted := readObjects(t, graftedManifests)
	expectAccepted(t, catalog, grafted)
	for _, schema := range schemas {
		for _, leaf := range schema.Missing(slices.Concat(accepted, grafted)) {
			t.Errorf("%s: no manifest sets %s: run this with -update; if that doesn't help, write one in testdata/accepted", schema.Kind, leaf)
		}
		t.Logf("%s: %d leaves; %d manifests set %d of them, and %d grafted ones the others", schema.Kind,
			len(schema.Leaves()), len(ofKind(schema, accepted)), len(schema.Leaves())-len(schema.Missing(accepted)), len(ofKind(schema, grafted)))
	}
}

// The parts of other kinds must find their places, in objects that are accepted
// and the same every time. One small kind shows it.
func TestMake(t *testing.T) {
	catalog := embedded(t)
	schemas := slices.DeleteFunc(ownSchemas(t, catalog), func(schema *Schema) bool { return schema.Kind != "AgentgatewayParameters" })
	accepted := ofKind(schemas[0], readObjects(t, acceptedManifests))
	first, err := Make(catalog, schemas, accepted)
	if err != nil {
		t.Fatal(err)
	}
	made := first["AgentgatewayParameters"]
	expectAccepted(t, catalog, made)
	before, after := len(schemas[0].Missing(accepted)), len(schemas[0].Missing(slices.Concat(accepted, made)))
	if after >= before {
		t.Errorf("%d leaves missing without grafts, %d with them", before, after)
	}
	again, err := Make(catalog, schemas, accepted)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("made differently the second time: %s", diff)
	}
}

func TestSet(t *testing.T) {
	object := parse(t, `
kind: AgentgatewayParameters
spec:
  env: [{name: A}, {name: B, value: c}]
  resources: {limits: {cpu: 1}}
  logging: {}
  istio: null
  deployment:
    spec: {replicas: 2}
    metadata:
      labels: {a: b}
`)
	want := []string{
		"spec.deployment.metadata.labels{}", "spec.deployment.spec", "spec.env[].name", "spec.env[].value", "spec.resources.limits{}",
	}
	for _, schema := range ownSchemas(t, embedded(t)) {
		missing := schema.Missing([]map[string]any{object})
		set := slices.DeleteFunc(schema.Leaves(), func(leaf string) bool { return slices.Contains(missing, leaf) })
		if schema.Kind == "AgentgatewayParameters" {
			if diff := cmp.Diff(want, set); diff != "" {
				t.Errorf("leaves set (-want +got):\n%s", diff)
			}
		} else if len(set) > 0 {
			t.Errorf("%s: an object of another kind sets %v", schema.Kind, set)
		}
	}
}
