package validation_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"agentgateway.dev/controller/pkg/validation"
)

// catalog is shared, because compiling the rules of all kinds takes seconds.
var catalog = sync.OnceValues(validation.Embedded)

func sharedCatalog(t *testing.T) *validation.Catalog {
	t.Helper()
	shared, err := catalog()
	if err != nil {
		t.Fatal(err)
	}
	return shared
}

func findings(t *testing.T, file string, content []byte) *validation.Validator {
	t.Helper()
	validator := validation.New(sharedCatalog(t))
	if err := validator.Read(file, content); err != nil {
		t.Fatal(err)
	}
	return validator
}

// severityMarks begin the comments of testdata/*.yaml that expect findings.
var severityMarks = []string{" # error: ", " # warning: ", " # note: "}

// The files of testdata say in comments which findings belong to which lines.
func TestFindings(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files in testdata: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			expected := expectations(string(content))
			for _, finding := range findings(t, path, content).Findings {
				text := strings.TrimPrefix(finding.Path+": "+finding.Message, ": ")
				said := fmt.Sprintf("%d: %s: %s", finding.Line, finding.Severity, text)
				i := slices.IndexFunc(expected, func(want string) bool { return strings.HasPrefix(said, want) })
				if i < 0 {
					t.Errorf("unexpected: %s", said)
					continue
				}
				expected = slices.Delete(expected, i, i+1)
			}
			for _, missing := range expected {
				t.Errorf("missing: %s", missing)
			}
		})
	}
}

// expectations returns "line: severity: text" for all marks.
func expectations(content string) []string {
	var found []string
	number := 0
	for line := range strings.Lines(content) {
		number++
		for line != "" {
			start := nextMark(line)
			if start < 0 {
				break
			}
			line = line[start+len(" # "):]
			end := nextMark(line)
			if end < 0 {
				end = len(line)
			}
			found = append(found, fmt.Sprintf("%d: %s", number, strings.TrimSpace(line[:end])))
			line = line[end:]
		}
	}
	return found
}

func nextMark(line string) int {
	first := -1
	for _, mark := range severityMarks {
		if at := strings.Index(line, mark); at >= 0 && (first < 0 || at < first) {
			first = at
		}
	}
	return first
}

func TestFindingOnOneLine(t *testing.T) {
	text := `apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayPolicy
metadata: {name: p, namespace: web}
specs: {}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge}]
  traffic: {csrf: {}}
`
	validator := findings(t, "policy.yaml", []byte(text))
	if len(validator.Findings) != 1 || !validator.Failed() {
		t.Fatalf("%d findings, failed %v; want 1, true: %v", len(validator.Findings), validator.Failed(), validator.Findings)
	}
	want := `policy.yaml:4: error: AgentgatewayPolicy web/p: specs: unknown field; did you mean "spec"?`
	if got := validator.Findings[0].String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestJSONWithTabs(t *testing.T) {
	text := "{\n\t\"apiVersion\": \"gateway.networking.k8s.io/v1\",\n\t\"kind\": \"GatewayClass\",\n\t\"metadata\": {\"name\": \"c\"},\n" +
		"\t\"spec\": {\n\t\t\"controllerName\": \"agentgateway.dev/controller\",\n\t\t\"parameters\": null,\n\t\t\"parameter\": {}\n\t}\n}\n"
	validator := findings(t, "class.json", []byte(text))
	var lines []int
	for _, finding := range validator.Findings {
		lines = append(lines, finding.Line)
	}
	if !slices.Equal(lines, []int{7, 8}) {
		t.Errorf("lines %v of %v, want 7 and 8", lines, validator.Findings)
	}
}

func TestNothingToSay(t *testing.T) {
	for _, text := range []string{"", "\n", "---\n", "# comment\n---\n# comment\n", "null\n"} {
		if validator := findings(t, "empty.yaml", []byte(text)); len(validator.Findings) > 0 {
			t.Errorf("%q: %v", text, validator.Findings)
		}
	}
}

// Every kind of the groups has a schema, and an API server would take it.
func TestCatalog(t *testing.T) {
	shared := sharedCatalog(t)
	groups := map[string][]string{}
	for _, kind := range shared.GroupKinds() {
		groups[kind.Group] = append(groups[kind.Group], kind.Kind)
		crd, err := shared.CRD(kind)
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range validation.CheckCRD(crd) {
			t.Errorf("%s: %v", kind, err)
		}
		for _, version := range crd.Spec.Versions {
			if _, err := shared.Kind(kind.WithVersion(version.Name)); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
	}
	want := map[string][]string{
		"agentgateway.dev": {"AgentgatewayBackend", "AgentgatewayModel", "AgentgatewayParameters", "AgentgatewayPolicy"},
		"gateway.networking.k8s.io": {
			"BackendTLSPolicy", "GRPCRoute", "Gateway", "GatewayClass", "HTTPRoute", "ListenerSet", "ReferenceGrant",
			"TCPRoute", "TLSRoute", "UDPRoute",
		},
	}
	for group, kinds := range want {
		if slices.Sort(groups[group]); !slices.Equal(groups[group], kinds) {
			t.Errorf("%s: kinds %v, want %v", group, groups[group], kinds)
		}
	}
	if _, err := shared.Kind(schema.GroupVersionKind{Group: "x", Version: "v1", Kind: "Y"}); err == nil {
		t.Error("a kind without CRD has a judgement")
	}
}
