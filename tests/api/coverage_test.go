package api

import (
	"slices"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"agentgateway.dev/controller/tests/api/grafts"
)

// creators is the number of objects that are sent at once.
const creators = 8

// Every field must be settable wherever the schema has it: the manifests that
// the API server takes set all leaves.
func TestEveryLeafIsAccepted(t *testing.T) {
	client := connect(t, shared)
	manifests := slices.Concat(readManifests(t, acceptedManifests), readManifests(t, graftedManifests))
	for kind, crd := range ownCRDs(t) {
		t.Run(kind, func(t *testing.T) {
			schema, err := grafts.NewSchema(crd)
			if err != nil {
				t.Fatal(err)
			}
			var objects, taken []map[string]any
			for _, manifest := range manifests {
				if manifest.object["kind"] == kind {
					objects = append(objects, manifest.object)
				}
			}
			if len(objects) == 0 {
				t.Fatal("no manifests")
			}
			for i, err := range createConcurrently(t, clientOf(t, client, objects[0]), objects) {
				if err != nil {
					t.Errorf("%s refused: %v", (&unstructured.Unstructured{Object: objects[i]}).GetName(), err)
					continue
				}
				taken = append(taken, objects[i])
			}
			for _, leaf := range schema.Missing(taken) {
				t.Errorf("the API server takes no manifest that sets %s", leaf)
			}
			t.Logf("%d manifests set %d leaves", len(taken), len(schema.Leaves())-len(schema.Missing(taken)))
		})
	}
}

// createConcurrently asks the API server whether it would take the objects, and
// returns its answers in their order.
func createConcurrently(t *testing.T, resource dynamic.ResourceInterface, objects []map[string]any) []error {
	t.Helper()
	answers := make([]error, len(objects))
	next := make(chan int)
	var workers sync.WaitGroup
	for range creators {
		workers.Go(func() {
			for i := range next {
				_, answers[i] = resource.Create(t.Context(), &unstructured.Unstructured{Object: objects[i]}, metav1.CreateOptions{
					DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict,
				})
			}
		})
	}
	for i := range objects {
		next <- i
	}
	close(next)
	workers.Wait()
	return answers
}
