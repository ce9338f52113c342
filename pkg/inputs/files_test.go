package inputs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

const gatewayManifest = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: gw}\nspec: {gatewayClassName: c}\n"

// TestDecoder reads one file each and compares what was found in it, the
// objects by kind and name, the findings as users see them.
func TestDecoder(t *testing.T) {
	for _, test := range []struct {
		name, file        string
		objects, findings []string
	}{
		{"an empty file", "", nil, nil},
		{"comments only", "# nothing\n---\n# here\n", nil, nil},
		{"one object gets the default namespace", gatewayManifest, []string{"Gateway default/gw"}, nil},
		{"a cluster-scoped kind has no namespace", "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: c, namespace: wrong}\n",
			[]string{"GatewayClass c"}, nil},
		{"several documents", "---\n" + gatewayManifest + "--- # next\napiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: other}\n---\n",
			[]string{"Gateway default/gw", "Service other/s"}, nil},
		{"line ends of Windows", strings.ReplaceAll("---\n"+gatewayManifest+"---\n"+gatewayManifest, "\n", "\r\n"),
			[]string{"Gateway default/gw", "Gateway default/gw"},
			[]string{"f.yaml:7: warning: Gateway gw: the object was read before; the last one counts"}},
		{"a separator inside a value is none", "apiVersion: v1\nkind: Service\nmetadata:\n  name: s\n  annotations:\n    text: |\n      ---\n      more\n",
			[]string{"Service default/s"}, nil},
		{"JSON", `{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}`, []string{"Service default/s"}, nil},
		{"a List", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: a}}\n- {apiVersion: v1, kind: Service, metadata: {name: b}}\n",
			[]string{"Service default/a", "Service default/b"}, nil},
		{"another version of a kind", "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: HTTPRoute\nmetadata: {name: r}\n---\n" +
			"apiVersion: gateway.networking.k8s.io/v1\nkind: ReferenceGrant\nmetadata: {name: g}\nspec: {from: [], to: []}\n",
			[]string{"HTTPRoute default/r", "ReferenceGrant default/g"}, nil},
		{"YAML that is broken in the middle", "# a comment\n\n" + gatewayManifest + "  listners: []\n", nil,
			[]string{"f.yaml:6: error: did not find expected key"}},
		{"an unknown field", "# a comment\n\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: gw}\nspec: {gatewayClassName: c, listners: []}\n",
			[]string{"Gateway default/gw"}, []string{`f.yaml:3: warning: Gateway gw: unknown field "spec.listners"`}},
		{"the same object twice", gatewayManifest + "---\n" + gatewayManifest, []string{"Gateway default/gw", "Gateway default/gw"},
			[]string{"f.yaml:6: warning: Gateway gw: the object was read before; the last one counts"}},
		{"no name", "apiVersion: v1\nkind: Service\nmetadata: {generateName: s-}\n", nil,
			[]string{"f.yaml:1: error: Service : metadata.name must be set"}},
		{"no kind", "metadata: {name: x}\n", nil, []string{"f.yaml:1: error: apiVersion and kind must be set"}},
		{"not an object", gatewayManifest + "---\n- a\n- b\n", []string{"Gateway default/gw"},
			[]string{"f.yaml:6: error: not a Kubernetes object: a mapping with apiVersion, kind and metadata is expected"}},
		{"a wrong type", "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: eighty}]}\n", nil,
			[]string{"f.yaml:1: error: Service s: json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32"}},
		{"broken YAML in a later document", gatewayManifest + "---\n# words\nkind: [\nmetadata:\n", []string{"Gateway default/gw"},
			[]string{"f.yaml:8: error: did not find expected node content"}},
		{"kinds of ours that aren't served are told", "apiVersion: gateway.networking.k8s.io/v1\nkind: UDPRoute\nmetadata: {name: r, namespace: other}\n", nil,
			[]string{"f.yaml:1: warning: UDPRoute other/r: kind UDPRoute of gateway.networking.k8s.io is not translated by this version"}},
		{"kinds of others are left out", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n", nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			decoder := NewDecoder()
			decoder.Read("f.yaml", []byte(test.file))
			var objects, findings []string
			for _, object := range decoder.Objects {
				accessor, err := meta.Accessor(object)
				if err != nil {
					t.Fatal(err)
				}
				objects = append(objects, object.GetObjectKind().GroupVersionKind().Kind+" "+strings.TrimPrefix(accessor.GetNamespace()+"/"+accessor.GetName(), "/"))
			}
			failed := false
			for _, finding := range decoder.Diagnostics {
				findings = append(findings, finding.String())
				failed = failed || finding.Severity == Error
			}
			if diff := cmp.Diff(test.objects, objects); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.findings, findings); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if decoder.Failed() != failed {
				t.Errorf("Failed() is %v", decoder.Failed())
			}
		})
	}
}

// TestDecoderOverFiles checks that an object counts as read before whichever
// file it was in, and that findings name their own file.
func TestDecoderOverFiles(t *testing.T) {
	decoder := NewDecoder()
	decoder.Read("a.yaml", []byte(gatewayManifest))
	decoder.Read("b.yaml", []byte(strings.Replace(gatewayManifest, "gatewayClassName: c", "gatewayClassName: d", 1)))
	want := "b.yaml:1: warning: Gateway gw: the object was read before; the last one counts"
	if len(decoder.Diagnostics) != 1 || decoder.Diagnostics[0].String() != want {
		t.Errorf("findings: got %v, want %s", decoder.Diagnostics, want)
	}
	last, ok := decoder.Objects[len(decoder.Objects)-1].(*gwv1.Gateway)
	if !ok || last.Spec.GatewayClassName != "d" {
		t.Errorf("the last object: %v", decoder.Objects[len(decoder.Objects)-1])
	}
	if gvk := last.GroupVersionKind(); gvk.Version != "v1" {
		t.Errorf("version %s, want that of the watched kind", gvk.Version)
	}
}
