package provision

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/graph"
	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/settings"
)

var update = flag.Bool("update", false, "write the expected outputs anew")

// A scenario is a text file: manifests, a separator, and what is expected.
// Lines of the manifests that begin with "# set " are settings of the
// controller, as environment variables. After expectedLine come all objects;
// after changesLine only how they differ from those of baseScenario.
const (
	expectedLine = "=== expected\n"
	changesLine  = "=== changes from the base\n"
	baseScenario = "testdata/base.txt"

	testKey     = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	testVersion = "v0.1.0"
)

func TestGolden(t *testing.T) {
	base := leaves(t, run(t, manifests(t, baseScenario)))
	for _, path := range scenarios(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			content := read(t, path)
			input, separator, want := split(t, path, content)
			desired := run(t, input)
			got := show(t, desired)
			if separator == changesLine {
				got = changes(base, leaves(t, desired))
			}
			if *update {
				if err := os.WriteFile(path, []byte(input+separator+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("run with -update if this is right (-want +got):\n%s", diff)
			}
		})
	}
}

func scenarios(tb testing.TB) []string {
	tb.Helper()
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		tb.Fatal(err)
	}
	return paths
}

func read(tb testing.TB, path string) string {
	tb.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return string(content)
}

func split(tb testing.TB, path, content string) (input, separator, want string) {
	tb.Helper()
	for _, separator := range []string{expectedLine, changesLine} {
		if input, want, found := strings.Cut(content, separator); found {
			return input, separator, want
		}
	}
	tb.Fatalf("%s: no separator", path)
	return "", "", ""
}

func manifests(tb testing.TB, path string) string {
	tb.Helper()
	input, _, _ := split(tb, path, read(tb, path))
	return input
}

// run renders the Gateways of manifests, sorted by name.
func run(tb testing.TB, input string) []Desired {
	tb.Helper()
	decoder := inputs.NewDecoder()
	decoder.Read("input", []byte(input))
	for _, diagnostic := range decoder.Diagnostics {
		tb.Error(diagnostic)
	}
	stop := make(chan struct{})
	defer close(stop)
	opts := krt.NewOptionsBuilder(stop, "", nil)
	in := inputs.FromObjects(decoder.Objects, opts)
	loaded := settingsOf(tb, input)
	defaults := DefaultsOf(loaded, testVersion)
	defaults.NewSessionKey = func() string { return testKey }
	desired := NewDesired(Inputs{
		Gateways: in.Gateways, Classes: in.GatewayClasses, Parameters: in.AgentgatewayParameters, Secrets: in.Secrets,
		Judged:    graph.Build(in, graph.DefaultSettings(), opts).Gateways,
		Authority: NewAuthority(in.Secrets, loaded.Namespace, opts),
		Defaults:  defaults,
	}, opts)
	if !desired.WaitUntilSynced(stop) {
		tb.Fatal("not synced")
	}
	list := desired.List()
	slices.SortFunc(list, func(a, b Desired) int { return cmp.Compare(a.ResourceName(), b.ResourceName()) })
	return list
}

func settingsOf(tb testing.TB, input string) settings.Settings {
	tb.Helper()
	environment := map[string]string{"AGW_XDS_SERVICE_HOST": "xds.cluster.local"}
	for line := range strings.Lines(input) {
		if setting, found := strings.CutPrefix(line, "# set "); found {
			name, value, _ := strings.Cut(strings.TrimSpace(setting), "=")
			environment[name] = value
		}
	}
	loaded, err := settings.Load(settings.Sources{Lookup: func(name string) (string, bool) {
		value, set := environment[name]
		return value, set
	}})
	if err != nil {
		tb.Fatal(err)
	}
	return loaded
}

// show prints findings as comments and objects as YAML documents.
func show(tb testing.TB, list []Desired) string {
	tb.Helper()
	var out strings.Builder
	for _, desired := range list {
		for _, finding := range findings(desired) {
			fmt.Fprintf(&out, "# %s\n", finding)
		}
		for _, object := range desired.Objects {
			text, err := yaml.JSONToYAML([]byte(object.Body))
			if err != nil {
				tb.Fatal(err)
			}
			fmt.Fprintf(&out, "---\n%s", text)
		}
	}
	return out.String()
}

func findings(desired Desired) []string {
	var list []string
	for _, warning := range desired.Warnings {
		list = append(list, fmt.Sprintf("%s: warning: %s", desired.NamespacedName, warning))
	}
	if desired.Problem != nil {
		list = append(list, fmt.Sprintf("%s: %s: %s", desired.NamespacedName, desired.Problem.Reason, desired.Problem))
	}
	return list
}

// leaves flattens objects into lines "Kind name: path = value". Elements of
// lists go by their name where they have one.
func leaves(tb testing.TB, list []Desired) []string {
	tb.Helper()
	var lines []string
	for _, desired := range list {
		lines = append(lines, findings(desired)...)
		for _, object := range desired.Objects {
			decoder := json.NewDecoder(bytes.NewReader([]byte(object.Body)))
			decoder.UseNumber()
			var content any
			if err := decoder.Decode(&content); err != nil {
				tb.Fatal(err)
			}
			lines = append(lines, flatten(kinds[object.kind].gvk.Kind+" "+object.Name+": ", content)...)
		}
	}
	return lines
}

func flatten(path string, value any) []string {
	var lines []string
	switch typed := value.(type) {
	case map[string]any:
		if len(typed) == 0 {
			return []string{path + " = {}"}
		}
		for key, item := range typed {
			step := "." + key
			if strings.HasSuffix(path, ": ") {
				step = key
			}
			if strings.ContainsAny(key, "./") {
				step = "[" + key + "]"
			}
			lines = append(lines, flatten(path+step, item)...)
		}
		slices.Sort(lines)
	case []any:
		for i, item := range typed {
			step := fmt.Sprintf("[%d]", i)
			if fields, ok := item.(map[string]any); ok && fields["name"] != nil {
				step = fmt.Sprintf("[%v]", fields["name"])
			}
			lines = append(lines, flatten(path+step, item)...)
		}
	default:
		text, err := json.Marshal(typed)
		if err != nil {
			text = []byte(err.Error())
		}
		lines = append(lines, path+" = "+string(text))
	}
	return lines
}

// changes lists the lines that are only in one of both, for objects that are
// gone only their names.
func changes(base, got []string) string {
	var out strings.Builder
	if len(got) == 1 && !strings.Contains(got[0], " = ") {
		return "+ " + got[0] + "\n- all objects\n"
	}
	gone := map[string]bool{}
	for _, line := range base {
		object, _, _ := strings.Cut(line, ": ")
		kept := slices.ContainsFunc(got, func(l string) bool { return strings.HasPrefix(l, object+": ") })
		switch {
		case !kept && !gone[object]:
			fmt.Fprintf(&out, "- %s\n", object)
			gone[object] = true
		case kept && !slices.Contains(got, line):
			fmt.Fprintf(&out, "- %s\n", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(base, line) {
			fmt.Fprintf(&out, "+ %s\n", line)
		}
	}
	return out.String()
}
