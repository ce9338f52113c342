package validation

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	yamlnode "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// document is one YAML document of a file, or a file of JSON.
type document struct {
	text []byte
	// line of the file that the document begins on, from 1.
	line int
}

// documents splits a file at its document markers.
func documents(content []byte) []document {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	var found []document
	current := document{line: 1}
	number := 0
	for line := range bytes.Lines(content) {
		number++
		if isMarker(line) {
			found = append(found, current)
			current = document{line: number + 1}
			continue
		}
		current.text = append(current.text, line...)
	}
	return append(found, current)
}

// isMarker says whether the line ends a document, or begins one, and has no
// content of its own.
func isMarker(line []byte) bool {
	rest, found := bytes.CutPrefix(line, []byte("---"))
	if !found {
		rest, found = bytes.CutPrefix(line, []byte("..."))
	}
	content := bytes.TrimSpace(rest)
	return found && (len(content) == 0 || len(content) < len(rest) && content[0] == '#')
}

// parseError is text that can't be read, and where.
type parseError struct {
	line    int
	message string
}

func (e *parseError) Error() string { return e.message }

// parse returns what the document says, as the API machinery reads it, and its
// nodes, which know their lines. Both are nil if it says nothing. The two are
// read by different parsers: kubectl's understands YAML 1.1 and has no lines.
func (d document) parse() (value any, node *yamlnode.Node, err error) {
	text := d.text
	if trimmed := bytes.TrimSpace(text); bytes.HasPrefix(trimmed, []byte("{")) && json.Unmarshal(trimmed, &value) == nil {
		// JSON may be indented with tabs, which YAML refuses.
		text = bytes.ReplaceAll(text, []byte("\t"), []byte(" "))
	} else {
		converted, err := yaml.YAMLToJSON(text)
		if err != nil {
			return nil, nil, d.locate(err)
		}
		if err := json.Unmarshal(converted, &value); err != nil {
			return nil, nil, d.locate(err)
		}
	}
	if value == nil {
		return nil, nil, nil
	}
	var root yamlnode.Node
	if err := yamlnode.Unmarshal(text, &root); err != nil {
		return nil, nil, d.locate(err)
	}
	if root.Kind != yamlnode.DocumentNode || len(root.Content) == 0 {
		return nil, nil, &parseError{d.line, "not a Kubernetes object"}
	}
	return value, root.Content[0], nil
}

var parserLine = regexp.MustCompile(`^yaml: (?:unmarshal errors:\s+)?line (\d+): (?s:(.*))$`)

// locate turns the line of the document, which the parser names, into the line
// of the file.
func (d document) locate(err error) error {
	message := strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
	found := parserLine.FindStringSubmatch(message)
	if found == nil {
		return &parseError{d.line, message}
	}
	line, err := strconv.Atoi(found[1])
	if err != nil {
		return &parseError{d.line, message}
	}
	return &parseError{d.lineOf(line), "YAML: " + found[2]}
}

// lineOf returns the line of the file for a line of the document.
func (d document) lineOf(line int) int { return d.line + max(line, 1) - 1 }

// repeated calls report for every key that its mapping has twice: kubectl
// would silently take the last, so what is sent isn't what was written.
func repeated(node *yamlnode.Node, path string, report func(path string, node *yamlnode.Node)) {
	switch node.Kind {
	case yamlnode.MappingNode:
		seen := map[string]bool{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i]
			child := strings.TrimPrefix(path+"."+key.Value, ".")
			if seen[key.Value] {
				report(child, key)
			}
			seen[key.Value] = true
			repeated(node.Content[i+1], child, report)
		}
	case yamlnode.SequenceNode:
		for i, item := range node.Content {
			repeated(item, fmt.Sprintf("%s[%d]", path, i), report)
		}
	}
}

// asParseError returns the place and message of an error of parse.
func asParseError(err error, fallback int) (line int, message string) {
	var located *parseError
	if errors.As(err, &located) {
		return located.line, located.message
	}
	return fallback, err.Error()
}
