package provision

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// digest stands for fields and their values. What is applied has the same
// digest as what the API server then says that its manager owns.
type digest [sha256.Size]byte

// digestOf is the digest of a body that is applied.
func digestOf(body string) (digest, error) {
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	var content map[string]any
	if err := decoder.Decode(&content); err != nil {
		return digest{}, err
	}
	// What identifies an object is nobody's.
	delete(content, "apiVersion")
	delete(content, "kind")
	if metadata := at(content, "metadata"); metadata != nil {
		delete(metadata, "name")
		delete(metadata, "namespace")
	}
	return sum(content)
}

// ownedDigest is the digest of what a manager owns of an object according to
// its entry. An error means that the entry can't be read.
func ownedDigest(object *unstructured.Unstructured, entry metav1.ManagedFieldsEntry) (digest, error) {
	var owned map[string]any
	if err := json.Unmarshal([]byte(fields(entry)), &owned); err != nil {
		return digest{}, fmt.Errorf("managed fields of %s: %w", entry.Manager, err)
	}
	return sum(pick(object.Object, owned))
}

func sum(content any) (digest, error) {
	dropDefaults(content)
	text, err := json.Marshal(content)
	if err != nil {
		return digest{}, err
	}
	return sha256.Sum256(text), nil
}

// pick returns the parts of value that fields, in the form of FieldsV1, name:
// "f:" and a field's name, "k:" and the keys of a list's item, "v:" and an item
// itself; "." is the thing around them. Without any it is the whole value.
func pick(value any, fields map[string]any) any {
	if len(fields) == 0 {
		return value
	}
	switch typed := value.(type) {
	case map[string]any:
		picked := map[string]any{}
		for name, below := range fields {
			if field, ok := strings.CutPrefix(name, "f:"); ok {
				if child, has := typed[field]; has {
					picked[field] = pick(child, asFields(below))
				}
			}
		}
		return picked
	case []any:
		picked := []any{}
		items := itemsOf(fields)
		for _, item := range typed {
			for _, wanted := range items {
				if wanted.is(item) {
					picked = append(picked, pick(item, wanted.below))
					break
				}
			}
		}
		return picked
	}
	return value
}

// item is what FieldsV1 says of an item of a list.
type item struct {
	// keys are those of a "k:", value that of a "v:".
	keys  map[string]any
	value any
	below map[string]any
}

func itemsOf(fields map[string]any) []item {
	var items []item
	for name, below := range fields {
		kind, text, _ := strings.Cut(name, ":")
		var value any
		decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
		decoder.UseNumber()
		if kind != "k" && kind != "v" || decoder.Decode(&value) != nil {
			continue
		}
		entry := item{value: value, below: asFields(below)}
		if kind == "k" {
			entry.keys, _ = value.(map[string]any)
		}
		items = append(items, entry)
	}
	return items
}

func (i item) is(candidate any) bool {
	if i.keys == nil {
		return same(candidate, i.value)
	}
	typed, ok := candidate.(map[string]any)
	if !ok {
		return false
	}
	for name, value := range i.keys {
		if !same(typed[name], value) {
			return false
		}
	}
	return true
}

// same compares scalars; numbers are the same if they look so.
func same(a, b any) bool {
	return equality.Semantic.DeepEqual(a, b) || a != nil && b != nil && fmt.Sprint(a) == fmt.Sprint(b)
}

func asFields(value any) map[string]any {
	fields, _ := value.(map[string]any)
	return fields
}

// defaults are fields that the API server fills in within objects that belong
// to a manager as a whole, and so would seem to be applied by it.
var defaults = map[string]struct{ field, value string }{
	"fieldRef":            {"apiVersion", "v1"},
	"resourceFieldRef":    {"divisor", "0"},
	"serviceAccountToken": {"expirationSeconds", "3600"},
}

// dropDefaults removes defaults from content in place.
func dropDefaults(content any) {
	switch typed := content.(type) {
	case map[string]any:
		for name, value := range typed {
			dropDefaults(value)
			if fields, ok := value.(map[string]any); ok {
				if known, has := defaults[name]; has && fmt.Sprint(fields[known.field]) == known.value {
					delete(fields, known.field)
				}
			}
		}
	case []any:
		for _, value := range typed {
			dropDefaults(value)
		}
	}
}
