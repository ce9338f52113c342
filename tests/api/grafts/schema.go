package grafts

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

const (
	itemStep  = "[]"
	valueStep = "{}"
)

// node is a place in a kind's schema.
type node struct {
	path   string
	parent *node
	// step leads here from the parent: the name of a property, [] or {}.
	step     string
	required []string
	// shape is equal for nodes that take the same fields and values, rules and
	// requirements apart: whether those hold is judged, not compared.
	shape string
	// children are sorted by step.
	children []*node
}

// Schema knows the fields of a kind, by their paths: spec.tls.sni, with [] for
// the items of a list, and {} for the values of a map. Fields beside spec are
// left out: they are Kubernetes' own, or ignored by creation.
type Schema struct {
	Kind string
	spec *node
}

// NewSchema reads the first version of a CRD.
func NewSchema(crd *apiextensionsv1.CustomResourceDefinition) (*Schema, error) {
	schema := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	spec, err := grow(nil, "spec", &schema)
	if err != nil {
		return nil, fmt.Errorf("CRD %s: %w", crd.Name, err)
	}
	return &Schema{Kind: crd.Spec.Names.Kind, spec: spec}, nil
}

// Leaves returns the paths of the fields that have none below them, sorted.
func (s *Schema) Leaves() []string {
	var paths []string
	s.spec.all(func(n *node) {
		if n.isLeaf() {
			paths = append(paths, n.path)
		}
	})
	slices.Sort(paths)
	return paths
}

// Set returns the paths of the leaves that an object of the kind sets.
func (s *Schema) Set(object map[string]any) map[string]bool { return s.spec.leaves(object["spec"]) }

// Missing returns the paths of the leaves that none of the objects sets, sorted.
// Objects of other kinds count for nothing.
func (s *Schema) Missing(objects []map[string]any) []string {
	set := map[string]bool{}
	for _, object := range objects {
		if object["kind"] == s.Kind {
			maps.Copy(set, s.Set(object))
		}
	}
	return slices.DeleteFunc(s.Leaves(), func(path string) bool { return set[path] })
}

func grow(parent *node, step string, schema *apiextensionsv1.JSONSchemaProps) (*node, error) {
	n := &node{path: step, parent: parent, step: step, required: schema.Required}
	switch {
	case parent == nil:
	case step == itemStep || step == valueStep:
		n.path = parent.path + step
	default:
		n.path = parent.path + "." + step
	}
	add := func(step string, schema *apiextensionsv1.JSONSchemaProps) error {
		child, err := grow(n, step, schema)
		n.children = append(n.children, child)
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		property := schema.Properties[name]
		if err := add(name, &property); err != nil {
			return nil, err
		}
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		if err := add(itemStep, schema.Items.Schema); err != nil {
			return nil, err
		}
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		if err := add(valueStep, schema.AdditionalProperties.Schema); err != nil {
			return nil, err
		}
	}
	var err error
	n.shape, err = shapeOf(schema, n.children)
	return n, err
}

// shapeOf describes the node itself, followed by the shapes of its children.
func shapeOf(schema *apiextensionsv1.JSONSchemaProps, children []*node) (string, error) {
	own := *schema
	own.Description, own.Required, own.XValidations = "", nil, nil
	own.Properties, own.Items, own.AdditionalProperties = nil, nil, nil
	text, err := json.Marshal(own)
	if err != nil {
		return "", err
	}
	var shape strings.Builder
	shape.Write(text)
	for _, child := range children {
		shape.WriteString("(" + child.step + child.shape + ")")
	}
	return shape.String(), nil
}

func (n *node) isLeaf() bool { return len(n.children) == 0 }

func (n *node) child(step string) *node {
	for _, child := range n.children {
		if child.step == step {
			return child
		}
	}
	return nil
}

// chain returns the nodes from spec to this one.
func (n *node) chain() []*node {
	var nodes []*node
	for ; n != nil; n = n.parent {
		nodes = append(nodes, n)
	}
	slices.Reverse(nodes)
	return nodes
}

// all calls visit for the node and every node below it.
func (n *node) all(visit func(*node)) {
	visit(n)
	for _, child := range n.children {
		child.all(visit)
	}
}

// walk calls visit for every node that the value sets, with what it sets there.
func (n *node) walk(value any, visit func(*node, any)) {
	if value == nil {
		return
	}
	visit(n, value)
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if child := n.child(key); child != nil {
				child.walk(value[key], visit)
			} else if child := n.child(valueStep); child != nil {
				child.walk(value[key], visit)
			}
		}
	case []any:
		if child := n.child(itemStep); child != nil {
			for _, item := range value {
				child.walk(item, visit)
			}
		}
	}
}

// leaves returns the paths of the leaves that the value sets.
func (n *node) leaves(value any) map[string]bool {
	set := map[string]bool{}
	n.walk(value, func(at *node, _ any) {
		if at.isLeaf() {
			set[at.path] = true
		}
	})
	return set
}
