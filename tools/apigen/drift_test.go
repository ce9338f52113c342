package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
)

const (
	crdDirectory = "../../manifests/crds"
	chart        = "../../manifests/helm/agentgateway-crds"
	embedded     = "../../pkg/validation"
	mainModule   = "../.."
)

// What is committed must be what make generate writes.
func TestChartIsCurrent(t *testing.T) {
	files, err := readCRDs(crdDirectory)
	if err != nil {
		t.Fatal(err)
	}
	fresh := t.TempDir()
	if err := writeChart(files, fresh); err != nil {
		t.Fatal(err)
	}
	compareYAML(t, filepath.Join(chart, "templates"), fresh)
}

func TestEmbeddedCRDsAreCurrent(t *testing.T) {
	for _, from := range []struct{ module, crds, committed string }{
		{"sigs.k8s.io/gateway-api", "standard", "gatewayapi"},
		{"sigs.k8s.io/gateway-api-inference-extension", "bases", "inference"},
	} {
		t.Run(from.committed, func(t *testing.T) {
			command := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", from.module)
			command.Dir = mainModule
			output, err := command.Output()
			if err != nil {
				t.Fatalf("finding %s: %v", from.module, err)
			}
			files, err := readCRDs(filepath.Join(strings.TrimSpace(string(output)), "config", "crd", from.crds))
			if err != nil {
				t.Fatal(err)
			}
			fresh := t.TempDir()
			if err := writeValidating(files, fresh); err != nil {
				t.Fatal(err)
			}
			compareYAML(t, filepath.Join(embedded, from.committed), fresh)
		})
	}
}

// compareYAML reports how the YAML files of a committed directory differ from
// fresh ones.
func compareYAML(t *testing.T, committed, fresh string) {
	t.Helper()
	want, have := readYAML(t, fresh), readYAML(t, committed)
	for name, text := range want {
		if !bytes.Equal(have[name], text) {
			t.Errorf("%s is not what make generate writes", filepath.Join(committed, name))
		}
	}
	for name := range have {
		if _, found := want[name]; !found {
			t.Errorf("make generate removes %s", filepath.Join(committed, name))
		}
	}
}

func readYAML(t *testing.T, directory string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(directory, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files in %s: %v", directory, err)
	}
	files := map[string][]byte{}
	for _, path := range paths {
		if files[filepath.Base(path)], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// Helm must print the CRDs as they are, whatever their descriptions say.
func TestChartPrintsTheCRDs(t *testing.T) {
	sources := readYAML(t, crdDirectory)
	sources["braces.yaml"] = []byte("description: \"a header from {{ .Values.x }} or {{- \\\"x\\\" }} {{{\"\n")
	for name, source := range sources {
		parsed, err := template.New(name).Parse(string(escapeTemplate(source)))
		if err != nil {
			t.Fatal(err)
		}
		var printed bytes.Buffer
		if err := parsed.Execute(&printed, nil); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(printed.Bytes(), source) {
			t.Errorf("%s: the chart prints something else", name)
		}
	}
}
