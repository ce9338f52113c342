package api

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"

	"agentgateway.dev/controller/pkg/validation"
	"agentgateway.dev/controller/tests/cluster"
)

// create asks the API server whether it would take the object, as kubectl does.
func create(t *testing.T, client dynamic.Interface, object map[string]any) error {
	t.Helper()
	_, err := clientOf(t, client, object).Create(t.Context(), &unstructured.Unstructured{Object: object}, metav1.CreateOptions{
		DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict,
	})
	return err
}

func TestAcceptedManifests(t *testing.T) {
	client := connect(t, shared)
	for _, manifest := range readManifests(t, acceptedManifests) {
		t.Run(manifest.name, func(t *testing.T) {
			if err := create(t, client, manifest.object); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRefusedManifests(t *testing.T) {
	client := connect(t, shared)
	for _, manifest := range readManifests(t, refusedManifests) {
		t.Run(manifest.name, func(t *testing.T) {
			if manifest.expect == "" {
				t.Fatalf("no %q comment", expectMark)
			}
			err := create(t, client, manifest.object)
			if err == nil || !strings.Contains(err.Error(), manifest.expect) {
				t.Errorf("got %v, want a refusal with %q", err, manifest.expect)
			}
		})
	}
}

// What pkg/validation says must be what the API server says: of this project's
// manifests, and of Gateway API's valid and invalid examples.
func TestSameVerdict(t *testing.T) {
	client := connect(t, shared)
	crds, err := cluster.StandardChannel.Manifests()
	if err != nil {
		t.Fatal(err)
	}
	gatewayAPI := filepath.Join(crds[0], "..", "..", "..")
	directories := map[string]string{
		"accepted": acceptedManifests,
		"refused":  refusedManifests,
		"findings": findingManifests,
		"examples": filepath.Join(gatewayAPI, "examples", "standard"),
		"invalid":  filepath.Join(gatewayAPI, "hack", "invalid-examples", "standard"),
	}
	for name, directory := range directories {
		t.Run(name, func(t *testing.T) {
			for _, manifest := range readManifests(t, directory) {
				t.Run(manifest.name, func(t *testing.T) { compareVerdicts(t, client, manifest) })
			}
		})
	}
}

func compareVerdicts(t *testing.T, client dynamic.Interface, manifest manifest) {
	served := serverProblems(create(t, client, runtime.DeepCopyJSON(manifest.object)))
	// A version that isn't served has no judgement; the validator tells.
	if kind, err := catalog(t).Kind((&unstructured.Unstructured{Object: manifest.object}).GroupVersionKind()); err == nil {
		offline := offlineProblems(kind.Judge(runtime.DeepCopyJSON(manifest.object)))
		if !slices.Equal(served, offline) {
			t.Errorf("the API server says\n  %s\nand pkg/validation\n  %s", strings.Join(served, "\n  "), strings.Join(offline, "\n  "))
		}
	}
	validator := validation.New(catalog(t))
	if err := validator.Read("manifest", manifest.text); err != nil {
		t.Fatal(err)
	}
	// A field that is set twice is an error only for the validator: kubectl
	// doesn't send the first.
	twice := slices.ContainsFunc(validator.Findings, func(f validation.Finding) bool { return strings.Contains(f.Message, "set twice") })
	if refused := len(served) > 0; refused != validator.Failed() && !twice {
		t.Errorf("refused %v by the API server, and %v by the validator: %v", refused, validator.Failed(), validator.Findings)
	}
}

// malformedMetadata begins what is said of metadata of the wrong types.
const malformedMetadata = "json: "

// serverProblems are the problems in an API server's answer, sorted. It names
// unknown fields in a message of another form.
func serverProblems(err error) []string {
	if err == nil {
		return nil
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return []string{err.Error()}
	}
	var problems []string
	if details := status.Status().Details; details != nil {
		for _, cause := range details.Causes {
			problems = append(problems, fmt.Sprintf("%s: %s", cause.Field, cause.Message))
		}
	}
	if _, unknown, found := strings.Cut(status.Status().Message, "strict decoding error: "); found {
		problems = append(problems, strings.Split(unknown, ", ")...)
	}
	if _, malformed, found := strings.Cut(status.Status().Message, malformedMetadata); found {
		problems = append(problems, malformedMetadata+malformed)
	}
	if len(problems) == 0 {
		problems = append(problems, status.Status().Message)
	}
	slices.Sort(problems)
	return slices.Compact(problems)
}

// offlineProblems are the problems that the API server would report at once,
// sorted, as it words them.
func offlineProblems(found []validation.Problem) []string {
	var unknown, other []string
	for _, problem := range found {
		switch {
		case problem.Unknown:
			unknown = append(unknown, problem.String())
		case strings.HasPrefix(problem.Message, malformedMetadata):
			// The API server names the field only inside of the message.
			other = append(other, problem.Message)
		case problem.Path == "":
			other = append(other, "<nil>: "+problem.Message)
		default:
			other = append(other, problem.String())
		}
	}
	if len(unknown) > 0 {
		other = unknown
	}
	slices.Sort(other)
	return slices.Compact(other)
}
