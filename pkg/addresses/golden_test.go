package addresses

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/resources"
)

var update = flag.Bool("update", false, "write the expected outputs anew")

// TestGolden translates testdata/<case>.yaml and compares with
// testdata/<case>.expected.yaml, in which addresses are readable.
func TestGolden(t *testing.T) {
	for _, path := range cases(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			got := []byte(show(t, translate(t, decode(t, path), Settings{})))
			expected := strings.TrimSuffix(path, ".yaml") + ".expected.yaml"
			if *update {
				if err := os.WriteFile(expected, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(expected)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("run with -update if this is right (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSettings checks that the facts of the cluster and of the mesh stand where
// proxies look for them, and that the default trust domain is left out.
func TestSettings(t *testing.T) {
	objects := func(trustDomain, network string) []runtime.Object {
		known := append(decode(t, "testdata/selection.yaml"), decode(t, "testdata/endpoint-slices.yaml")...)
		return append(known, newMeshConfig(trustDomain), newIstioNamespace(network))
	}
	custom := show(t, translate(t, objects("trust.test", "net-1"), Settings{ClusterDomain: "corp.test", ClusterID: "east"}))
	for _, want := range []string{
		"name: default/one-label.default.svc.corp.test\n",
		"hostname: one-label.default.svc.corp.test\n",
		"default/one-label.default.svc.corp.test:\n",
		"name: east//Pod/default/front\n",
		"name: east/discovery.k8s.io/EndpointSlice/default/outside-four/203.0.113.1\n",
		"clusterId: east\n",
		"network: net-1\n",
		"trustDomain: trust.test\n",
	} {
		if !strings.Contains(custom, want) {
			t.Errorf("output lacks %q", want)
		}
	}
	explicit := show(t, translate(t, objects("cluster.local", ""), Settings{ClusterDomain: "cluster.local", ClusterID: "Kubernetes"}))
	if diff := cmp.Diff(show(t, translate(t, objects("", ""), Settings{})), explicit); diff != "" {
		t.Errorf("explicit defaults differ from empty settings:\n%s", diff)
	}
}

func cases(tb testing.TB) []string {
	tb.Helper()
	paths, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	return slices.DeleteFunc(paths, func(path string) bool { return strings.HasSuffix(path, ".expected.yaml") })
}

func decode(tb testing.TB, path string) []runtime.Object {
	tb.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(inputs.Scheme()).UniversalDeserializer()
	var objects []runtime.Object
	for document := range bytes.SplitSeq(content, []byte("\n---\n")) {
		object, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			tb.Fatalf("%s: %v\n%s", path, err, document)
		}
		objects = append(objects, object)
	}
	return objects
}

// translate returns what New makes of objects, by name.
func translate(tb testing.TB, objects []runtime.Object, settings Settings) map[string]resources.Resource {
	tb.Helper()
	opts := options(tb)
	in := inputs.FromObjects(objects, opts)
	return contents(tb, New(in, meshOf(in, opts), settings, opts))
}

func options(tb testing.TB) krt.OptionsBuilder {
	stop := make(chan struct{})
	tb.Cleanup(func() { close(stop) })
	return krt.NewOptionsBuilder(stop, "", nil)
}

func contents(tb testing.TB, addresses Addresses) map[string]resources.Resource {
	tb.Helper()
	all := map[string]resources.Resource{}
	for _, collection := range addresses.All() {
		if !collection.WaitUntilSynced(tb.Context().Done()) {
			tb.Fatal("collection did not sync")
		}
		for _, resource := range collection.List() {
			if _, taken := all[resource.Name]; taken {
				tb.Errorf("two resources are named %q", resource.Name)
			}
			all[resource.Name] = resource
		}
	}
	return all
}

// show prints resources ordered by name, as YAML.
func show(tb testing.TB, all map[string]resources.Resource) string {
	tb.Helper()
	type entry struct {
		Name    string `json:"name"`
		Address any    `json:"address"`
	}
	entries := []entry{}
	for name, resource := range all {
		message, err := resource.Message()
		if err != nil {
			tb.Fatal(err)
		}
		encoded, err := protojson.Marshal(message)
		if err != nil {
			tb.Fatal(err)
		}
		var plain any
		if err := json.Unmarshal(encoded, &plain); err != nil {
			tb.Fatal(err)
		}
		entries = append(entries, entry{Name: name, Address: readable(tb, "", plain)})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.Name, b.Name) })
	text, err := yaml.Marshal(entries)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// readable prints the bytes of addresses as IPs.
func readable(tb testing.TB, field string, value any) any {
	tb.Helper()
	switch value := value.(type) {
	case map[string]any:
		for key := range value {
			value[key] = readable(tb, key, value[key])
		}
	case []any:
		for i := range value {
			value[i] = readable(tb, field, value[i])
		}
	case string:
		if field != "address" && field != "addresses" {
			return value
		}
		raw, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			tb.Fatal(err)
		}
		address, ok := netip.AddrFromSlice(raw)
		if !ok {
			tb.Errorf("%s has %d bytes", field, len(raw))
		}
		return address.String()
	}
	return value
}
