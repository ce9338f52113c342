package validation

import (
	"strconv"
	"strings"

	yamlnode "go.yaml.in/yaml/v3"
)

// step is one element of a field's path: a key of a mapping, or an index.
type step struct {
	key   string
	index int
	item  bool
}

// position follows a field's path through a document and returns the steps it
// could follow, and the line of the last of them: that of the field's own key
// or item if it is there, else of the nearest above it. Keys may contain dots
// and brackets, so the nodes decide where a key ends. Lines are those of the
// document.
func position(root *yamlnode.Node, path string) (steps []step, line int, complete bool) {
	node, line := resolve(root), root.Line
	for path != "" {
		next, rest, at, found := follow(node, path)
		if !found {
			return steps, line, false
		}
		child := at.child
		steps, path, line = append(steps, next), rest, at.line
		node = resolve(child)
	}
	return steps, line, true
}

// place is where a step leads.
type place struct {
	child *yamlnode.Node
	line  int
}

// follow takes the first step of the path.
func follow(node *yamlnode.Node, path string) (taken step, rest string, at place, found bool) {
	path = strings.TrimPrefix(path, ".")
	switch node.Kind {
	case yamlnode.MappingNode:
		var best string
		for key, value := range entries(node) {
			rest, matches := cutKey(path, key.Value)
			if !matches || found && len(key.Value) < len(taken.key) {
				continue
			}
			taken, best, at, found = step{key: key.Value}, rest, place{value, key.Line}, true
		}
		return taken, best, at, found
	case yamlnode.SequenceNode:
		index, rest, isIndex := cutIndex(path)
		if !isIndex || index >= len(node.Content) {
			return taken, path, at, false
		}
		item := node.Content[index]
		return step{index: index, item: true}, rest, place{item, item.Line}, true
	}
	return taken, path, at, false
}

// cutKey returns what follows the key in a path that begins with it, written
// key or [key].
func cutKey(path, key string) (rest string, found bool) {
	if rest, found := strings.CutPrefix(path, "["+key+"]"); found {
		return rest, true
	}
	rest, found = strings.CutPrefix(path, key)
	if !found || key == "" || rest != "" && rest[0] != '.' && rest[0] != '[' {
		return "", false
	}
	return rest, true
}

// cutIndex returns the index that a path begins with, written [0] or 0.
func cutIndex(path string) (index int, rest string, found bool) {
	digits, rest, bracketed := strings.Cut(strings.TrimPrefix(path, "["), "]")
	if !strings.HasPrefix(path, "[") || !bracketed {
		digits, rest, _ = strings.Cut(path, ".")
	}
	index, err := strconv.Atoi(digits)
	return index, rest, err == nil && index >= 0
}

// entries yields the keys and values of a mapping, those of merged mappings
// ("<<") included.
func entries(node *yamlnode.Node) func(yield func(key, value *yamlnode.Node) bool) {
	return func(yield func(key, value *yamlnode.Node) bool) { visitEntries(node, yield) }
}

func visitEntries(node *yamlnode.Node, yield func(key, value *yamlnode.Node) bool) bool {
	node = resolve(node)
	if node.Kind == yamlnode.SequenceNode {
		for _, merged := range node.Content {
			if !visitEntries(merged, yield) {
				return false
			}
		}
		return true
	}
	for i := 0; node.Kind == yamlnode.MappingNode && i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Tag == "!!merge" {
			if !visitEntries(value, yield) {
				return false
			}
			continue
		}
		if !yield(key, value) {
			return false
		}
	}
	return true
}

// resolve returns the node that an alias stands for.
func resolve(node *yamlnode.Node) *yamlnode.Node {
	for node.Kind == yamlnode.AliasNode {
		node = node.Alias
	}
	return node
}
