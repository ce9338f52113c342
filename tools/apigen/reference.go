package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

const referenceIntro = `# API reference

<!-- Generated from the CRDs by tools/apigen. Don't edit. -->

The custom resources of group ` + "`agentgateway.dev`, version `v1alpha1`" + `. Every
structure has a table of its own, at the first place where it occurs; other
places link to it. **Bold** fields are required. A list after a table holds what
the API server checks beyond single fields.
`

// reference writes the page. Structures that occur at several places are told
// once.
type reference struct {
	text bytes.Buffer
	// anchors of structures already told or queued, by their shape.
	anchors map[[32]byte]string
	queue   []structure
}

// structure is an object with known fields, and the place where it is told.
type structure struct {
	kind, path string
	schema     *apiextensionsv1.JSONSchemaProps
}

func (s structure) title() string { return s.kind + " " + cmp.Or(s.path, "object") }

func (s structure) anchor() string {
	return strings.Trim(strings.NewReplacer(".", "-", "[]", "", "{}", "", " ", "-").Replace(strings.ToLower(s.kind+" "+s.path)), "-")
}

// writeReference writes one Markdown page for all CRDs.
func writeReference(files []crdFile, out string) error {
	page := &reference{anchors: map[[32]byte]string{}}
	page.text.WriteString(referenceIntro)
	page.text.WriteString("\n| Kind | Short name | Purpose |\n| --- | --- | --- |\n")
	for _, file := range files {
		names := file.crd.Spec.Names
		fmt.Fprintf(&page.text, "| [%s](#%s) | `%s` | %s |\n", names.Kind, strings.ToLower(names.Kind),
			strings.Join(names.ShortNames, "`, `"), cell(file.schema().Description))
	}
	for _, file := range files {
		page.kind(file)
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(out, page.text.Bytes(), 0o644)
}

// kind writes all structures of a CRD, from the root down.
func (r *reference) kind(file crdFile) {
	kind := file.crd.Spec.Names.Kind
	fmt.Fprintf(&r.text, "\n## %s\n\n%s\n", kind, plainText(file.schema().Description))
	for _, section := range []string{"spec", "status"} {
		schema := file.schema().Properties[section]
		r.link(structure{kind, section, &schema})
	}
	for len(r.queue) > 0 {
		next := r.queue[0]
		r.queue = r.queue[1:]
		r.structure(next)
	}
}

// link returns the anchor of a structure, and sees to it that it is told.
func (r *reference) link(of structure) string {
	shape := shapeOf(map[string]any{"properties": of.schema.Properties, "rules": of.schema.XValidations})
	anchor, known := r.anchors[shape]
	if !known {
		anchor = of.anchor()
		r.anchors[shape] = anchor
		r.queue = append(r.queue, of)
	}
	return anchor
}

func (r *reference) structure(of structure) {
	fmt.Fprintf(&r.text, "\n### <a id=\"%s\"></a>%s\n\n", of.anchor(), of.title())
	if len(of.schema.Properties) == 0 {
		r.text.WriteString("No fields.\n")
		return
	}
	r.text.WriteString("| Field | Type | Description |\n| --- | --- | --- |\n")
	for _, name := range fieldOrder(of.schema) {
		field := of.schema.Properties[name]
		label := "`" + name + "`"
		if slices.Contains(of.schema.Required, name) {
			label = "**" + label + "**"
		}
		kind := r.typeName(of.kind, of.path+"."+name, &field)
		fmt.Fprintf(&r.text, "| %s | %s | %s |\n", label, kind, cell(joinTexts(field.Description, bounds(&field))))
	}
	var rules []string
	for _, rule := range of.schema.XValidations {
		rules = append(rules, "- "+escape(rule.Message)+"\n")
	}
	if len(rules) > 0 {
		r.text.WriteString("\n" + strings.Join(rules, ""))
	}
}

// fieldOrder puts required fields first, each part by name.
func fieldOrder(schema *apiextensionsv1.JSONSchemaProps) []string {
	var names []string
	for name := range schema.Properties {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if aRequired := slices.Contains(schema.Required, a); aRequired != slices.Contains(schema.Required, b) {
			if aRequired {
				return -1
			}
			return 1
		}
		return cmp.Compare(a, b)
	})
	return names
}

// typeName writes a type, with a link if it is a structure.
func (r *reference) typeName(kind, path string, schema *apiextensionsv1.JSONSchemaProps) string {
	switch {
	case schema.XIntOrString:
		return "integer or string"
	case schema.Items != nil && schema.Items.Schema != nil:
		return "list of " + r.typeName(kind, path+"[]", schema.Items.Schema)
	case schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil:
		return "map of " + r.typeName(kind, path+"{}", schema.AdditionalProperties.Schema)
	case len(schema.Properties) > 0:
		return "[object](#" + r.link(structure{kind, path, schema}) + ")"
	case schema.Type == "":
		return "any"
	default:
		return schema.Type
	}
}

// bounds tells what the schema demands of a single value.
func bounds(schema *apiextensionsv1.JSONSchemaProps) string {
	var told []string
	tell := func(format string, values ...any) { told = append(told, fmt.Sprintf(format, values...)) }
	if values := enumOf(schema); values != "" {
		tell("One of %s.", values)
	}
	if schema.Default != nil {
		tell("Default: `%s`.", schema.Default.Raw)
	}
	between(tell, schema.Minimum, schema.Maximum, "")
	between(tell, schema.MinLength, schema.MaxLength, " characters")
	between(tell, schema.MinItems, schema.MaxItems, " items")
	between(tell, schema.MinProperties, schema.MaxProperties, " entries")
	if schema.Pattern != "" && len(schema.Pattern) <= 60 {
		tell("Matches `%s`.", schema.Pattern)
	}
	for _, rule := range schema.XValidations {
		if len(schema.Properties) == 0 {
			tell("Rule: %s.", escape(rule.Message))
		}
	}
	if schema.Items != nil && schema.Items.Schema != nil && len(schema.Items.Schema.Properties) == 0 {
		if of := bounds(schema.Items.Schema); of != "" {
			tell("Items: %s", of)
		}
	}
	return strings.Join(told, " ")
}

func enumOf(schema *apiextensionsv1.JSONSchemaProps) string {
	var values []string
	for _, value := range schema.Enum {
		var text string
		if err := json.Unmarshal(value.Raw, &text); err != nil {
			text = string(value.Raw)
		}
		values = append(values, "`"+text+"`")
	}
	return strings.Join(values, ", ")
}

// between tells a range of which either end may be open.
func between[N int64 | float64](tell func(string, ...any), low, high *N, unit string) {
	switch {
	case low != nil && high != nil && *low == *high:
		tell("Exactly %v%s.", int64(*low), unit)
	case low != nil && high != nil:
		tell("%v to %v%s.", int64(*low), int64(*high), unit)
	case low != nil:
		tell("At least %v%s.", int64(*low), unit)
	case high != nil:
		tell("At most %v%s.", int64(*high), unit)
	}
}

// plainText is a description on one line, without what is meant for other
// generators.
func plainText(description string) string {
	description = generatorMarks.ReplaceAllString(description, "")
	return escape(sentences(strings.Join(strings.Fields(description), " "), descriptionLimit))
}

// escape keeps Markdown from taking text for HTML or emphasis.
func escape(text string) string {
	return strings.NewReplacer("<", "&lt;", "*", `\*`, "_", `\_`).Replace(text)
}

// joinTexts puts a description and its bounds together.
func joinTexts(description, bounds string) string {
	return strings.TrimSpace(plainText(description) + " " + bounds)
}

// cell makes text fit a table's cell.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}
