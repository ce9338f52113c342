package v1alpha1_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The tables in testdata/crd state what the schemas must be, one row for each
// node, with four tab-separated columns:
//
//	path         a.b is a property, [] an item of an array, {} a value of a map;
//	             a path that starts with # belongs to a shared structure
//	type         OpenAPI type, then the Go type in angle brackets; "-> #Name" puts
//	             the shared structure there
//	constraints  key=JSON, separated by blanks
//	rules        what CEL rules demand, in words, separated by " ; "
type row struct {
	path        string
	kind        string
	goType      string
	reference   string
	constraints map[string]any
	rules       []string
}

// node is a row with references resolved.
type node struct {
	kind        string
	goType      string
	constraints map[string]any
	rules       []string
}

func readTable(t *testing.T, name string) []row {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "crd", name))
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for number, line := range strings.Split(strings.TrimRight(string(text), "\n"), "\n") {
		if number == 0 {
			continue
		}
		parsed, err := parseRow(line)
		if err != nil {
			t.Fatalf("%s:%d: %v", name, number+1, err)
		}
		rows = append(rows, parsed)
	}
	return rows
}

func parseRow(line string) (row, error) {
	columns := strings.Split(line, "\t")
	if len(columns) != 4 {
		return row{}, fmt.Errorf("%d columns instead of 4", len(columns))
	}
	parsed := row{path: columns[0]}
	kind, reference, _ := strings.Cut(columns[1], " -> ")
	parsed.reference = reference
	kind, goType, _ := strings.Cut(kind, " <")
	parsed.kind, parsed.goType = kind, strings.TrimSuffix(goType, ">")
	var err error
	if parsed.constraints, err = parseConstraints(columns[2]); err != nil {
		return row{}, err
	}
	if columns[3] != "" {
		parsed.rules = strings.Split(columns[3], " ; ")
	}
	return parsed, nil
}

// parseConstraints reads "key=JSON key=JSON"; a key alone means true.
func parseConstraints(text string) (map[string]any, error) {
	constraints := map[string]any{}
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		end := strings.IndexAny(text, " =")
		if end < 0 {
			end = len(text)
		}
		key := text[:end]
		text = text[end:]
		if !strings.HasPrefix(text, "=") {
			constraints[key] = true
			continue
		}
		decoder := json.NewDecoder(bytes.NewReader([]byte(text[1:])))
		var value any
		if err := decoder.Decode(&value); err != nil {
			return nil, fmt.Errorf("constraint %s: %w", key, err)
		}
		constraints[key] = value
		text = text[1+decoder.InputOffset():]
	}
	return constraints, nil
}

// expand resolves the references of a table: it returns every node of the
// schema that the table describes, by path.
func expand(table, shared []row) map[string]node {
	structures := map[string][]row{}
	for _, row := range shared {
		name, _ := cutStructure(row.path)
		structures[name] = append(structures[name], row)
	}
	nodes := map[string]node{}
	var place func(path string, from row)
	place = func(path string, from row) {
		placed := node{kind: from.kind, goType: from.goType, constraints: map[string]any{}, rules: from.rules}
		for key, value := range from.constraints {
			placed.constraints[key] = value
		}
		if from.reference != "" {
			for _, inner := range structures[from.reference] {
				_, rest := cutStructure(inner.path)
				place(path+rest, inner)
			}
			structure := nodes[path]
			placed.goType = structure.goType
			placed.rules = append(append([]string{}, structure.rules...), from.rules...)
			for key, value := range structure.constraints {
				placed.constraints[key] = value
			}
		}
		nodes[path] = placed
	}
	for _, row := range table {
		place(row.path, row)
	}
	return nodes
}

// cutStructure splits "#Name.a[].b" into "#Name" and ".a[].b". Names may hold a
// package: "#gwv1.HTTPHeader.name".
func cutStructure(path string) (name, rest string) {
	start := 0
	for _, prefix := range []string{"#gwv1.", "#corev1.", "#metav1."} {
		if strings.HasPrefix(path, prefix) {
			start = len(prefix)
		}
	}
	if end := strings.IndexAny(path[start:], ".[{"); end >= 0 {
		return path[:start+end], path[start+end:]
	}
	return path, ""
}
