package validation_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"agentgateway.dev/controller/pkg/validation"
)

const (
	acceptedManifests = "../../apis/v1alpha1/testdata/accepted"
	refusedManifests  = "../../apis/v1alpha1/testdata/refused"
)

// expectMark begins the comment that says why a manifest is refused.
const expectMark = "# expect: "

// manifest is one document of a file.
type manifest struct {
	name   string
	kind   schema.GroupVersionKind
	expect string
	object map[string]any
}

func readManifests(t *testing.T, directory string) []manifest {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(directory, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no manifests in %s: %v", directory, err)
	}
	var manifests []manifest
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for document := range strings.SplitSeq(string(text), "\n---\n") {
			read := manifest{}
			converted, err := yaml.YAMLToJSONStrict([]byte(document))
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			// Whole numbers must become int64, as the API server reads them.
			if err := json.Unmarshal(converted, &read.object); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if _, comment, found := strings.Cut(document, expectMark); found {
				read.expect, _, _ = strings.Cut(comment, "\n")
			}
			apiVersion, _ := read.object["apiVersion"].(string)
			kind, _ := read.object["kind"].(string)
			read.kind = schema.FromAPIVersionAndKind(apiVersion, kind)
			metadata, _ := read.object["metadata"].(map[string]any)
			name, _ := metadata["name"].(string)
			read.name = strings.TrimSuffix(filepath.Base(path), ".yaml") + "/" + name
			manifests = append(manifests, read)
		}
	}
	return manifests
}

func judge(t *testing.T, manifest manifest) []validation.Problem {
	t.Helper()
	kind, err := sharedCatalog(t).Kind(manifest.kind)
	if err != nil {
		t.Fatal(err)
	}
	return kind.Judge(manifest.object)
}

func TestAcceptedManifests(t *testing.T) {
	for _, manifest := range readManifests(t, acceptedManifests) {
		t.Run(manifest.name, func(t *testing.T) {
			for _, problem := range judge(t, manifest) {
				t.Error(problem)
			}
		})
	}
}

func TestRefusedManifests(t *testing.T) {
	for _, manifest := range readManifests(t, refusedManifests) {
		t.Run(manifest.name, func(t *testing.T) {
			if manifest.expect == "" {
				t.Fatalf("no %q comment", expectMark)
			}
			problems := judge(t, manifest)
			if !slices.ContainsFunc(problems, func(p validation.Problem) bool { return strings.Contains(p.String(), manifest.expect) }) {
				t.Errorf("problems %q, want one with %q", problems, manifest.expect)
			}
		})
	}
}

// unbreakable are rules that defaults satisfy before they are asked.
var unbreakable = map[string]bool{
	"at least one of the fields in [message statusCode] must be set": true,
}

// Every rule of the agentgateway.dev CRDs must be seen to refuse something.
func TestEveryRuleRefuses(t *testing.T) {
	var refusals strings.Builder
	for _, manifest := range readManifests(t, refusedManifests) {
		for _, problem := range judge(t, manifest) {
			refusals.WriteString(problem.Message + "\n")
		}
	}
	for _, kind := range sharedCatalog(t).GroupKinds() {
		if kind.Group != "agentgateway.dev" {
			continue
		}
		crd, err := sharedCatalog(t).CRD(kind)
		if err != nil {
			t.Fatal(err)
		}
		missed := map[string]bool{}
		visitRules(crd.Spec.Versions[0].Schema.OpenAPIV3Schema, func(rule apiextensionsv1.ValidationRule) {
			if !strings.Contains(refusals.String(), rule.Message) && !unbreakable[rule.Message] {
				missed[rule.Message] = true
			}
		})
		for message := range missed {
			t.Errorf("%s: no manifest in %s is refused with %q", kind, refusedManifests, message)
		}
	}
}

func visitRules(schema *apiextensionsv1.JSONSchemaProps, visit func(apiextensionsv1.ValidationRule)) {
	for _, rule := range schema.XValidations {
		visit(rule)
	}
	for name := range schema.Properties {
		property := schema.Properties[name]
		visitRules(&property, visit)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		visitRules(schema.Items.Schema, visit)
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		visitRules(schema.AdditionalProperties.Schema, visit)
	}
}
