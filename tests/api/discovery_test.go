package api

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
)

// shown is what a user of kubectl sees of a kind.
type shown struct {
	resource, shortName string
	columns             []string
	// status makes the cells, which follow the name's and end before Age.
	status string
	cells  []any
}

var kinds = map[string]shown{
	"AgentgatewayBackend": {
		resource: "agentgatewaybackends", shortName: "agbe", columns: []string{"Name", "Accepted", "Age"},
		status: `{"conditions": [{"type": "Accepted", "status": "True", "reason": "Accepted", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}`,
		cells:  []any{"True"},
	},
	"AgentgatewayModel": {
		resource: "agentgatewaymodels", shortName: "agmodel", columns: []string{"Name", "Model Match", "Age"},
	},
	"AgentgatewayParameters": {
		resource: "agentgatewayparameters", shortName: "agpar", columns: []string{"Name", "Age"},
	},
	"AgentgatewayPolicy": {
		resource: "agentgatewaypolicies", shortName: "agpol", columns: []string{"Name", "Accepted", "Attached", "Age"},
		status: `{"ancestors": [{"ancestorRef": {"name": "edge"}, "controllerName": "agentgateway.dev/controller", "conditions": [
			{"type": "Accepted", "status": "True", "reason": "Accepted", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"},
			{"type": "Attached", "status": "False", "reason": "Pending", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}]}`,
		cells: []any{"True", "False"},
	},
}

func TestDiscovery(t *testing.T) {
	client, err := kubernetes.NewForConfig(shared.RESTConfig)
	if err != nil {
		t.Fatal(err)
	}
	list, err := client.Discovery().ServerResourcesForGroupVersion(ownGroup + "/v1alpha1")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]metav1.APIResource{}
	for _, resource := range list.APIResources {
		found[resource.Name] = resource
	}
	for _, kind := range ownKinds(t) {
		want := kinds[kind]
		got := found[want.resource]
		if got.Kind != kind || !got.Namespaced || !slices.Equal(got.ShortNames, []string{want.shortName}) ||
			!slices.Equal(got.Categories, []string{"agentgateway"}) || !slices.Contains(got.Verbs, "watch") {
			t.Errorf("%s: discovered as %+v", kind, got)
		}
		if status := found[want.resource+"/status"]; !slices.Contains(status.Verbs, "patch") {
			t.Errorf("%s: status can't be patched: %+v", kind, status)
		}
	}
}

func TestPrinterColumns(t *testing.T) {
	client := connect(t, shared)
	for _, manifest := range readManifests(t, acceptedManifests) {
		object := &unstructured.Unstructured{Object: manifest.object}
		want := kinds[object.GetKind()]
		t.Run(manifest.name, func(t *testing.T) {
			resource := clientOf(t, client, manifest.object)
			created, err := resource.Create(t.Context(), object, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := resource.Delete(context.WithoutCancel(t.Context()), object.GetName(), metav1.DeleteOptions{}); err != nil {
					t.Error(err)
				}
			})
			cells := want.cells
			if object.GetKind() == "AgentgatewayModel" {
				// The column shows what the user wrote.
				model, _, _ := unstructured.NestedFieldNoCopy(manifest.object, "spec", "match", "model")
				cells = []any{model}
			}
			if want.status != "" {
				var status map[string]any
				if err := json.Unmarshal([]byte(want.status), &status); err != nil {
					t.Fatal(err)
				}
				created.Object["status"] = status
				if _, err := resource.UpdateStatus(t.Context(), created, metav1.UpdateOptions{FieldValidation: metav1.FieldValidationStrict}); err != nil {
					t.Fatal(err)
				}
			}
			compareTable(t, tableOf(t, want.resource, object.GetName()), object.GetName(), want.columns, cells)
		})
	}
}

func compareTable(t *testing.T, table metav1.Table, name string, wantColumns []string, wantCells []any) {
	t.Helper()
	var columns []string
	for _, column := range table.ColumnDefinitions {
		columns = append(columns, column.Name)
	}
	if !slices.Equal(columns, wantColumns) {
		t.Errorf("columns %q, want %q", columns, wantColumns)
	}
	if len(table.Rows) != 1 {
		t.Fatalf("%d rows, want 1", len(table.Rows))
	}
	cells := table.Rows[0].Cells
	if len(cells) != len(wantColumns) || cells[0] != name || !slices.Equal(cells[1:len(cells)-1], wantCells) {
		t.Errorf("cells %q, want %q and %q before the age", cells, name, wantCells)
	}
}

// tableOf asks for what kubectl get prints.
func tableOf(t *testing.T, resource, name string) metav1.Table {
	t.Helper()
	client, err := kubernetes.NewForConfig(shared.RESTConfig)
	if err != nil {
		t.Fatal(err)
	}
	path := strings.Join([]string{"/apis", ownGroup, "v1alpha1", "namespaces", namespace, resource, name}, "/")
	text, err := client.RESTClient().Get().AbsPath(path).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").Do(t.Context()).Raw()
	if err != nil {
		t.Fatal(err)
	}
	var table metav1.Table
	if err := json.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	return table
}
