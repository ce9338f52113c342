package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestSentences(t *testing.T) {
	for _, test := range []struct {
		text  string
		limit int
		want  string
	}{
		{"One. Two. Three.", 100, "One. Two. Three."},
		{"One. Two. Three.", 10, "One. Two."},
		{"One. Two. Three.", 0, "One."},
		{"Version 1.2 of it. More.", 0, "Version 1.2 of it."},
		{"One word without an end", 5, "One word without an end"},
		{"As follows: A list. More.", 0, "As follows"},
	} {
		if got := sentences(test.text, test.limit); got != test.want {
			t.Errorf("sentences(%q, %d) = %q, want %q", test.text, test.limit, got, test.want)
		}
	}
}

func TestShorten(t *testing.T) {
	schema := map[string]any{
		"description": "First line\nsecond line. <gateway:util:excludeFromCRD>\nnotes\n</gateway:util:excludeFromCRD>",
		"items":       map[string]any{"description": "An item."},
	}
	shorten(schema)
	if got, want := schema["description"], "First line second line."; got != want {
		t.Errorf("description %q, want %q", got, want)
	}
	if _, exists := schema["items"].(map[string]any)["description"]; exists {
		t.Error("the item keeps its description")
	}
}

// Descriptions are given up where they stand for the second time, deepest
// first, and nowhere else.
func TestFit(t *testing.T) {
	structure := func() map[string]any {
		properties := map[string]any{}
		for i := range 40 {
			properties[fmt.Sprint("field", i)] = map[string]any{"type": "string", "description": strings.Repeat("Long text. ", 300)}
		}
		return map[string]any{"type": "object", "description": "A structure.", "properties": properties}
	}
	top, deep := structure(), structure()
	schema := map[string]any{"properties": map[string]any{
		"top":   top,
		"outer": map[string]any{"properties": map[string]any{"deep": deep, "other": map[string]any{"description": "Another field."}}},
	}}
	object := map[string]any{"schema": schema}
	if err := fit(object, schema); err != nil {
		t.Fatal(err)
	}
	size, err := appliedSize(object)
	if err != nil || size > appliedBudget {
		t.Errorf("%d bytes (%v), want at most %d", size, err, appliedBudget)
	}
	if top["properties"].(map[string]any)["field0"].(map[string]any)["description"] != strings.Repeat("Long text. ", 300) {
		t.Error("the first occurrence lost text")
	}
	if deep["description"] != "A structure." {
		t.Error("the field that holds the second occurrence lost its description")
	}
	if got := deep["properties"].(map[string]any)["field0"].(map[string]any)["description"]; got != "Long text." {
		t.Errorf("the second occurrence has %q, want one sentence", got)
	}
}
