// Package golden runs the translator on manifests and compares everything
// that comes out with text files. A scenario is one file in scenarios/: what
// it is about, the manifests, and the document that `agwctl translate` prints.
package golden

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"agentgateway.dev/controller/pkg/graph"
	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/offline"
)

var update = flag.Bool("update", false, "write the expected documents anew; read the difference before you commit it")

// marker stands between the manifests and the expected document.
const marker = "=== expected\n"

// TestScenarios demands the expected document of every scenario, whatever the
// order of its objects, and that no proxy could choke on it.
func TestScenarios(t *testing.T) {
	paths, err := filepath.Glob("scenarios/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			t.Parallel()
			s := read(t, path)
			got := s.document(t, func([]runtime.Object) {})
			if *update {
				s.write(t, got)
			} else if diff := cmp.Diff(s.expected, got); diff != "" {
				t.Errorf("run with -update if this is right (-want +got):\n%s", diff)
			}
			for name, order := range orders {
				if diff := cmp.Diff(got, s.document(t, order)); diff != "" {
					t.Errorf("the result depends on the order of the objects, here %s (-as written +reordered):\n%s", name, diff)
				}
			}
		})
	}
}

// orders are the other orders in which the objects of a scenario arrive.
var orders = map[string]func([]runtime.Object){
	"reversed":         slices.Reverse[[]runtime.Object],
	"shuffled":         shuffle(1),
	"shuffled another": shuffle(2),
}

func shuffle(seed uint64) func([]runtime.Object) {
	return func(objects []runtime.Object) {
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(objects), func(i, j int) { objects[i], objects[j] = objects[j], objects[i] })
	}
}

// inferenceFlag in the opening comment of a scenario turns InferencePools on,
// as it does on the command line.
const inferenceFlag = "--enable-infer-ext"

// scenario is one file, cut at the marker.
type scenario struct {
	path, input, expected string
}

// settings are what the opening comment asks for.
func (s scenario) settings() graph.Settings {
	settings := graph.DefaultSettings()
	comment, _, _ := strings.Cut(s.input, "\napiVersion:")
	settings.InferencePools = strings.Contains(comment, inferenceFlag)
	return settings
}

func read(t *testing.T, path string) scenario {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(content, []byte("# ")) {
		t.Errorf("%s doesn't begin with a comment that says what it shows", path)
	}
	input, expected, found := strings.Cut(string(content), marker)
	if !found && !*update {
		t.Fatalf("%s has no line %q", path, strings.TrimSpace(marker))
	}
	return scenario{path: path, input: strings.TrimRight(input, "\n") + "\n", expected: expected}
}

// write replaces the expected document in the file.
func (s scenario) write(t *testing.T, document string) {
	t.Helper()
	if err := os.WriteFile(s.path, []byte(s.input+marker+document), 0o644); err != nil {
		t.Fatal(err)
	}
}

// document translates the manifests as the command line does, with the
// objects brought into another order before.
func (s scenario) document(t *testing.T, reorder func([]runtime.Object)) string {
	t.Helper()
	settings := s.settings()
	decoder := inputs.NewDecoder()
	decoder.Features.InferencePools = settings.InferencePools
	decoder.Read(filepath.Base(s.path), []byte(s.input))
	if decoder.Failed() {
		t.Fatalf("manifests can't be read: %v", decoder.Diagnostics)
	}
	reorder(decoder.Objects)
	document, err := offline.Translate(decoder.Objects, settings)
	if err != nil {
		t.Fatal(err)
	}
	document.Diagnostics = append(document.Diagnostics, decoder.Diagnostics...)
	for _, violation := range violations(document) {
		t.Error(violation)
	}
	return show(t, document)
}

func show(t *testing.T, document offline.Document) string {
	t.Helper()
	text, err := yaml.Marshal(document)
	if err != nil {
		t.Fatal(fmt.Errorf("print the document: %w", err))
	}
	return string(text)
}
