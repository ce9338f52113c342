package v1alpha1_test

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"agentgateway.dev/controller/apis/v1alpha1"
)

// acceptedManifests are objects that together set every field. That the API
// server takes them, and refuses those in testdata/refused, is tested in
// pkg/validation and, on a real one, in tests/api.
const acceptedManifests = "testdata/accepted"

// readAccepted decodes the accepted manifests; a field that the Go types don't
// have is an error.
func readAccepted(t *testing.T) []runtime.Object {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(acceptedManifests, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no manifests in %s: %v", acceptedManifests, err)
	}
	var objects []runtime.Object
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range strings.Split(string(text), "\n---\n") {
			var header struct{ Kind string }
			if err := yaml.Unmarshal([]byte(document), &header); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			object, err := scheme.New(v1alpha1.GroupVersion.WithKind(header.Kind))
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
				t.Errorf("%s: %v\n%s", path, err, document)
			}
			objects = append(objects, object)
		}
	}
	return objects
}

func TestAcceptedManifestsSetEveryField(t *testing.T) {
	set, known := map[string]bool{}, map[string]bool{}
	for _, object := range readAccepted(t) {
		spec := reflect.ValueOf(object).Elem().FieldByName("Spec")
		visitFields(spec, func(field string) { set[field] = true })
		visitTypes(spec.Type(), map[reflect.Type]bool{}, func(field string) { known[field] = true })
	}
	for _, field := range slices.Sorted(maps.Keys(known)) {
		if !set[field] {
			t.Errorf("%s: set by no manifest in %s", field, acceptedManifests)
		}
	}
}

// ours says whether a type's fields are looked into: those of this API and of
// the Gateway API, not those of Kubernetes.
func ours(structure reflect.Type) bool {
	return structure.Kind() == reflect.Struct &&
		(strings.HasSuffix(structure.PkgPath(), "/v1alpha1") || strings.Contains(structure.PkgPath(), "sigs.k8s.io/gateway-api/")) &&
		structure != reflect.TypeFor[v1alpha1.ByteSize]()
}

// visitFields calls visit for every field in a value that isn't empty.
func visitFields(value reflect.Value, visit func(field string)) {
	switch value.Kind() {
	case reflect.Pointer:
		visitFields(value.Elem(), visit)
	case reflect.Slice:
		for i := range value.Len() {
			visitFields(value.Index(i), visit)
		}
	case reflect.Map:
		for _, key := range value.MapKeys() {
			visitFields(value.MapIndex(key), visit)
		}
	case reflect.Struct:
		if !ours(value.Type()) {
			return
		}
		for i := range value.NumField() {
			if !value.Field(i).IsZero() {
				visit(fieldName(value.Type(), i))
				visitFields(value.Field(i), visit)
			}
		}
	}
}

// visitTypes calls visit for every field that a value of the type can have.
func visitTypes(of reflect.Type, seen map[reflect.Type]bool, visit func(field string)) {
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		visitTypes(of.Elem(), seen, visit)
	case reflect.Struct:
		if seen[of] || !ours(of) {
			return
		}
		seen[of] = true
		for i := range of.NumField() {
			visit(fieldName(of, i))
			visitTypes(of.Field(i).Type, seen, visit)
		}
	}
}

func fieldName(structure reflect.Type, index int) string {
	return structure.Name() + "." + structure.Field(index).Name
}
