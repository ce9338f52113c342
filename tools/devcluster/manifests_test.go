package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestReadManifests(t *testing.T) {
	override := filepath.Join(t.TempDir(), "override.yaml")
	content := "---\n# nothing here\n---\napiVersion: test.example.com/v1\nkind: Widget\nmetadata:\n  name: first\n  namespace: workshop\nspec:\n  size: 9\n"
	if err := os.WriteFile(override, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	objects, err := readManifests([]string{"testdata/manifests", override})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, object := range objects {
		got = append(got, object.GetKind()+" "+object.GetName())
	}
	want := []string{
		"Widget first",
		"Namespace workshop",
		"CustomResourceDefinition widgets.test.example.com",
		"ValidatingAdmissionPolicy no-forbidden-names",
		"ValidatingAdmissionPolicyBinding no-forbidden-names",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	// The last of two equal names counts.
	if spec := objects[0].Object["spec"].(map[string]any); spec["size"] != float64(9) && spec["size"] != int64(9) {
		t.Errorf("the widget is %v", spec)
	}
}
