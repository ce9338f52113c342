package main

import (
	"crypto/sha256"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

const (
	// appliedBudget is what a CRD may have as kubectl's annotation. The API
	// server allows 256 KiB for all annotations together; the rest is room for
	// those that others add.
	appliedBudget = 258_000

	// descriptionLimit is the length in bytes from which a description loses its
	// last sentences. Comments of this API are shorter; those of the types it
	// takes from Kubernetes and the Gateway API can be pages.
	descriptionLimit = 320
)

// trimAll shortens the descriptions of all CRDs and writes the files again.
func trimAll(files []crdFile) error {
	for _, file := range files {
		schema, err := file.schemaNode()
		if err != nil {
			return err
		}
		shorten(schema)
		if err := fit(file.object, schema); err != nil {
			return err
		}
		text, err := yaml.Marshal(file.object)
		if err != nil {
			return err
		}
		if err := os.WriteFile(file.path, append([]byte("---\n"), text...), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generatorMarks are instructions to the Gateway API's own generator, which
// stand in its comments.
var generatorMarks = regexp.MustCompile(`(?s)<gateway:util:excludeFromCRD>.*?</gateway:util:excludeFromCRD>|</?gateway:[^>]*>`)

// shorten puts every description on one line and cuts long ones after a
// sentence. Items of lists and values of maps lose theirs: the field's own
// stands right above.
func shorten(node map[string]any) {
	if description, ok := node["description"].(string); ok {
		description = generatorMarks.ReplaceAllString(description, "")
		node["description"] = sentences(strings.Join(strings.Fields(description), " "), descriptionLimit)
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if element, ok := node[key].(map[string]any); ok {
			delete(element, "description")
		}
	}
	for _, child := range children(node) {
		shorten(child)
	}
}

var sentenceEnd = regexp.MustCompile(`[.:!?] +[A-Z"{<*]`)

// sentences returns the first sentences of text that together have at most
// limit bytes, but at least one.
func sentences(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	end := 0
	for _, match := range sentenceEnd.FindAllStringIndex(text, -1) {
		if end > 0 && match[0]+1 > limit {
			break
		}
		end = match[0] + 1
	}
	if end == 0 {
		return text
	}
	return strings.TrimSuffix(text[:end], ":")
}

// fit makes the object fit kubectl's annotation at the cost of structures that
// occur before at a shallower place, where `kubectl explain` still tells all:
// their descriptions are cut to one sentence, then removed, the deepest first.
func fit(object, schema map[string]any) error {
	size, err := appliedSize(object)
	if err != nil || size <= appliedBudget {
		return err
	}
	levels := repeated(schema)
	for _, replacement := range []func(string) string{firstSentence, nothing} {
		for _, level := range slices.Backward(levels) {
			for _, node := range level {
				if size <= appliedBudget {
					return nil
				}
				size -= replaceDescription(node, replacement)
			}
		}
	}
	return nil
}

func firstSentence(text string) string { return sentences(text, 0) }

func nothing(string) string { return "" }

// replaceDescription puts another description, or none, into a node. It returns
// by how many bytes the object's JSON shrinks.
func replaceDescription(node map[string]any, replacement func(string) string) int {
	description, ok := node["description"].(string)
	if !ok {
		return 0
	}
	shorter := replacement(description)
	if shorter == "" {
		delete(node, "description")
		return len(jsonText(description)) + len(`"description":,`)
	}
	node["description"] = shorter
	return len(jsonText(description)) - len(jsonText(shorter))
}

// jsonText returns a value as JSON. Values come from YAML, so they have one.
func jsonText(value any) []byte {
	text, _ := json.Marshal(value)
	return text
}

// repeated returns the nodes inside structures that occur before, by depth. The
// walk is breadth-first, so the shallowest occurrence counts as the first.
func repeated(schema map[string]any) [][]map[string]any {
	type place struct {
		node   map[string]any
		repeat bool
	}
	seen := map[[sha256.Size]byte]bool{}
	var levels [][]map[string]any
	for level := []place{{node: schema}}; len(level) > 0; {
		var repeats []map[string]any
		var below []place
		for _, at := range level {
			if at.repeat {
				repeats = append(repeats, at.node)
			}
			inside := at.repeat
			if properties, ok := at.node["properties"].(map[string]any); ok && !inside {
				shape := shapeOf(properties)
				inside = seen[shape]
				seen[shape] = true
			}
			for _, child := range children(at.node) {
				below = append(below, place{child, inside})
			}
		}
		levels = append(levels, repeats)
		level = below
	}
	return levels
}

// shapeOf identifies a structure by all that is in it, descriptions included.
func shapeOf(structure map[string]any) [sha256.Size]byte {
	return sha256.Sum256(jsonText(structure))
}
