package admission_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"agentgateway.dev/controller/tools/apigen/admission"
)

const (
	crdDirectory      = "../../../manifests/crds"
	acceptedManifests = "../../../apis/v1alpha1/testdata/accepted"
	refusedManifests  = "../../../apis/v1alpha1/testdata/refused"
)

// expectMark begins the comment that says why a manifest is refused.
const expectMark = "# expect: "

// crds are the CRDs by kind.
var crds = sync.OnceValues(func() (map[string]*apiextensionsv1.CustomResourceDefinition, error) {
	paths, err := filepath.Glob(filepath.Join(crdDirectory, "*.yaml"))
	if err != nil {
		return nil, err
	}
	read := map[string]*apiextensionsv1.CustomResourceDefinition{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(text, crd); err != nil {
			return nil, err
		}
		read[crd.Spec.Names.Kind] = crd
	}
	return read, nil
})

// admissions are the judgements by kind. Compiling the rules takes seconds, so
// the tests share them.
var admissions = sync.OnceValues(func() (map[string]*admission.Admission, error) {
	crds, err := crds()
	if err != nil {
		return nil, err
	}
	prepared := map[string]*admission.Admission{}
	for kind, crd := range crds {
		if prepared[kind], err = admission.New(crd); err != nil {
			return nil, err
		}
	}
	return prepared, nil
})

func readCRDs(t *testing.T) map[string]*apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	read, err := crds()
	if err != nil || len(read) == 0 {
		t.Fatalf("%d CRDs in %s: %v", len(read), crdDirectory, err)
	}
	return read
}

func readAdmissions(t *testing.T) map[string]*admission.Admission {
	t.Helper()
	prepared, err := admissions()
	if err != nil {
		t.Fatal(err)
	}
	return prepared
}

// manifest is one document of a file.
type manifest struct {
	name, kind string
	expect     string
	object     map[string]any
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
		for _, document := range strings.Split(string(text), "\n---\n") {
			read := manifest{}
			// Whole numbers must become int64, as the API server reads them.
			converted, err := yaml.YAMLToJSONStrict([]byte(document))
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if err := json.Unmarshal(converted, &read.object); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if _, comment, found := strings.Cut(document, expectMark); found {
				read.expect, _, _ = strings.Cut(comment, "\n")
			}
			read.kind, _ = read.object["kind"].(string)
			metadata, _ := read.object["metadata"].(map[string]any)
			name, _ := metadata["name"].(string)
			read.name = strings.TrimSuffix(filepath.Base(path), ".yaml") + "/" + name
			manifests = append(manifests, read)
		}
	}
	return manifests
}

func TestAPIServerTakesCRDs(t *testing.T) {
	for kind, crd := range readCRDs(t) {
		for _, err := range admission.CheckCRD(crd) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestAcceptedManifests(t *testing.T) {
	admissions := readAdmissions(t)
	for _, manifest := range readManifests(t, acceptedManifests) {
		t.Run(manifest.name, func(t *testing.T) {
			for _, err := range admissions[manifest.kind].Admit(manifest.object) {
				t.Error(err)
			}
		})
	}
}

func TestRefusedManifests(t *testing.T) {
	admissions := readAdmissions(t)
	for _, manifest := range readManifests(t, refusedManifests) {
		t.Run(manifest.name, func(t *testing.T) {
			if manifest.expect == "" {
				t.Fatalf("no %q comment", expectMark)
			}
			var refusals []string
			for _, err := range admissions[manifest.kind].Admit(manifest.object) {
				refusals = append(refusals, err.Error())
			}
			if !strings.Contains(strings.Join(refusals, "\n"), manifest.expect) {
				t.Errorf("refusals %q, want one with %q", refusals, manifest.expect)
			}
		})
	}
}

// unbreakable are rules that defaults satisfy before they are asked.
var unbreakable = map[string]bool{
	"at least one of the fields in [message statusCode] must be set": true,
}

// Every rule of the CRDs must be seen to refuse something.
func TestEveryRuleRefuses(t *testing.T) {
	admissions := readAdmissions(t)
	refusals := map[string]string{}
	for _, manifest := range readManifests(t, refusedManifests) {
		for _, err := range admissions[manifest.kind].Admit(manifest.object) {
			refusals[manifest.kind] += err.Error() + "\n"
		}
	}
	all := strings.Join([]string{refusals["AgentgatewayPolicy"], refusals["AgentgatewayBackend"], refusals["AgentgatewayModel"], refusals["AgentgatewayParameters"]}, "\n")
	for kind, crd := range readCRDs(t) {
		missed := map[string]bool{}
		visitRules(crd.Spec.Versions[0].Schema.OpenAPIV3Schema, func(rule apiextensionsv1.ValidationRule) {
			if !strings.Contains(all, rule.Message) && !unbreakable[rule.Message] {
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
