package provision

import (
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
)

// refusedLine begins a line of a scenario's manifests that says what the API
// server thinks of an object: "# refused <kind> <name>: <part of its answer>".
const refusedLine = "# refused "

// TestGoldenObjectsAreAccepted asks a real API server about every object of
// every scenario, as kubectl apply --server-side --dry-run=server does.
func TestGoldenObjectsAreAccepted(t *testing.T) {
	config := apiServer(t)
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	core, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range scenarios(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			input := manifests(t, path)
			refused := refusals(input)
			for _, desired := range run(t, input) {
				namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: desired.Namespace}}
				if _, err := core.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
					t.Fatal(err)
				}
				for _, object := range desired.Objects {
					kind := kinds[object.kind]
					answer, err := client.Resource(kind.gvr).Namespace(desired.Namespace).Patch(t.Context(), object.Name, types.ApplyPatchType, []byte(object.Body),
						metav1.PatchOptions{FieldManager: desired.Controller, Force: new(true), DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict})
					name := kind.gvk.Kind + " " + object.Name
					switch expected, isRefused := refused[name]; {
					case !isRefused && err != nil:
						t.Errorf("%s: %v", name, err)
					case isRefused && (err == nil || !strings.Contains(err.Error(), expected)):
						t.Errorf("%s: %v, want a refusal with %q", name, err, expected)
					}
					if err == nil {
						sameDigest(t, name, object.Body, answer, desired.Controller)
					}
					delete(refused, name)
				}
			}
			for name := range refused {
				t.Errorf("%s isn't rendered", name)
			}
		})
	}
}

// sameDigest checks that what is applied is recognized in what the API server
// then has.
func sameDigest(t *testing.T, name, body string, answer *unstructured.Unstructured, manager string) {
	t.Helper()
	wanted, err := digestOf(body)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range answer.GetManagedFields() {
		got, err := ownedDigest(answer, entry)
		if err != nil {
			t.Fatal(err)
		}
		if entry.Manager != manager || got != wanted {
			t.Errorf("%s isn't recognized as applied by %s; %s owns %s", name, manager, entry.Manager, fields(entry))
		}
	}
}

// refusals reads what a scenario says about refused objects, by kind and name.
func refusals(input string) map[string]string {
	refused := map[string]string{}
	for line := range strings.Lines(input) {
		if rest, found := strings.CutPrefix(line, refusedLine); found {
			name, answer, _ := strings.Cut(strings.TrimSpace(rest), ": ")
			refused[name] = answer
		}
	}
	return refused
}

// TestScenariosCoverAllKinds keeps the tests above from missing a kind.
func TestScenariosCoverAllKinds(t *testing.T) {
	seen := map[int]bool{}
	for _, path := range scenarios(t) {
		for _, desired := range run(t, manifests(t, path)) {
			for _, object := range desired.Objects {
				seen[object.kind] = true
			}
		}
	}
	for i, kind := range kinds {
		if !seen[i] {
			t.Errorf("no scenario has a %s", kind.gvk.Kind)
		}
	}
	if seen[-1] {
		t.Error("a scenario has a kind that isn't registered")
	}
}
