package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const scenarios = "../../tests/golden/scenarios"

// agwctl runs the command line in this process.
func agwctl(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(args, strings.NewReader(stdin), &out, &err)
	return code, out.String(), err.String()
}

func file(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// scenario returns the manifests and the expected document of a scenario.
func scenario(t *testing.T, name string) (manifests, expected string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(scenarios, name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	manifests, expected, _ = strings.Cut(string(content), "=== expected\n")
	return manifests, expected
}

// TestTranslatePrintsTheScenarios checks that the scenarios are what the
// command prints: from a file, from standard input, and from a directory that
// holds the same objects in several files.
func TestTranslatePrintsTheScenarios(t *testing.T) {
	manifests, expected := scenario(t, "worked-example")
	dir := t.TempDir()
	whole := file(t, dir, "all/all.yaml", manifests)
	for i, document := range strings.Split(manifests, "---\n") {
		file(t, dir, filepath.Join("split", string(rune('a'+i)), "part.yml"), document)
	}
	file(t, dir, "split/README.md", "not: [a manifest")
	for name, args := range map[string][]string{
		"file":           {"-f", whole},
		"standard input": {"-f", "-"},
		"directory":      {"-f", filepath.Join(dir, "split")},
		"long flags":     {"--filename", whole, "--output", "yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := agwctl(manifests, append([]string{"translate"}, args...)...)
			if code != 0 || stderr != "" {
				t.Errorf("exit code %d, standard error %q", code, stderr)
			}
			if diff := cmp.Diff(expected, stdout); diff != "" {
				t.Errorf("standard output (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTranslateAsJSON(t *testing.T) {
	manifests, _ := scenario(t, "worked-example")
	code, stdout, stderr := agwctl(manifests, "translate", "-f", "-", "-o", "json")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, standard error %q", code, stderr)
	}
	var document struct {
		Resources []struct{ Gateway, Name string }
	}
	if err := json.Unmarshal([]byte(stdout), &document); err != nil {
		t.Fatal(err)
	}
	if len(document.Resources) != 3 || document.Resources[2].Name != "route/default/r.00.http" {
		t.Errorf("resources: %v", document.Resources)
	}
	if !strings.HasSuffix(stdout, "}\n") {
		t.Error("the output doesn't end with a line end")
	}
}

// TestTranslateShowsEmptyListsAsLists keeps scripts simple: every list of the
// document is there.
func TestTranslateShowsEmptyListsAsLists(t *testing.T) {
	code, stdout, stderr := agwctl("# nothing\n", "translate", "-f", "-")
	if want := "addresses: []\ndiagnostics: []\nresources: []\nstatus: []\n"; code != 0 || stdout != want || stderr != "" {
		t.Errorf("exit code %d, output %q, standard error %q", code, stdout, stderr)
	}
}

func TestTranslateWarnings(t *testing.T) {
	manifests, expected := scenario(t, "manifest-findings")
	dir := t.TempDir()
	path := file(t, dir, "manifest-findings.txt", manifests)
	code, stdout, stderr := agwctl("", "translate", "-f", path)
	if code != 0 {
		t.Errorf("exit code %d: warnings are no failure", code)
	}
	if want := path + `:8: warning: Gateway gw: unknown field "spec.listners"`; !strings.Contains(stderr, want) {
		t.Errorf("standard error %q lacks %q", stderr, want)
	}
	if diff := cmp.Diff(expected, strings.ReplaceAll(stdout, path, filepath.Base(path))); diff != "" {
		t.Errorf("standard output (-want +got):\n%s", diff)
	}
}

func TestTranslateClusterDomain(t *testing.T) {
	manifests, _ := scenario(t, "worked-example")
	_, stdout, _ := agwctl(manifests, "translate", "-f", "-", "--cluster-domain", "corp.test")
	if !strings.Contains(stdout, "hostname: a.default.svc.corp.test") || strings.Contains(stdout, "cluster.local") {
		t.Errorf("not every host name has the domain:\n%s", stdout)
	}
}

func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	broken := file(t, dir, "broken.yaml", "apiVersion: v1\nkind: Service\n---\n\nmetadata: {name: [}\n")
	good := file(t, dir, "good.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n")
	for _, test := range []struct {
		name   string
		args   []string
		code   int
		stderr string
	}{
		{"help", []string{"--help"}, 0, ""},
		{"help of the command", []string{"translate", "--help"}, 0, ""},
		{"nothing", nil, 0, ""},
		{"an unknown command", []string{"translat"}, exitUsage, `unknown command "translat"`},
		{"an unknown flag", []string{"translate", "--nope"}, exitUsage, "--nope"},
		{"no input", []string{"translate"}, exitUsage, "name files or directories with -f"},
		{"an argument that is no flag", []string{"translate", good}, exitUsage, "name files with -f"},
		{"an unknown output", []string{"translate", "-f", good, "-o", "xml"}, exitUsage, `--output "xml" is unknown; use yaml or json`},
		{"a missing file", []string{"translate", "-f", filepath.Join(dir, "absent.yaml")}, exitFailed, "absent.yaml"},
		{"broken YAML", []string{"translate", "-f", good, "-f", broken}, exitFailed, broken + ":5: error: "},
		{"an object without a name", []string{"translate", "-f", broken}, exitFailed, broken + ":1: error: Service : metadata.name must be set"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := agwctl("", test.args...)
			if code != test.code || !strings.Contains(stderr, test.stderr) || (test.stderr == "") != (stderr == "") {
				t.Errorf("exit code %d, standard error %q; want %d and %q", code, stderr, test.code, test.stderr)
			}
			if code != 0 && stdout != "" {
				t.Errorf("a failure prints on standard output: %q", stdout)
			}
		})
	}
}

// TestTranslateServesInferencePoolsWhenAsked gives the flag that the opening
// comment of the scenario names, and then doesn't.
func TestTranslateServesInferencePoolsWhenAsked(t *testing.T) {
	manifests, expected := scenario(t, "inferencepool-unused")
	path := file(t, t.TempDir(), "inferencepool-unused.txt", manifests)
	code, stdout, stderr := agwctl("", "translate", "--enable-infer-ext", "-f", path)
	if code != 0 || stderr != "" {
		t.Errorf("code %d, stderr %q", code, stderr)
	}
	if diff := cmp.Diff(expected, stdout); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
	code, _, stderr = agwctl("", "translate", "-f", path)
	if code != 0 || !strings.Contains(stderr, "kind InferencePool is not enabled") {
		t.Errorf("without the flag: code %d, stderr %q", code, stderr)
	}
}
