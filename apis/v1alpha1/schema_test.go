package v1alpha1_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// tables names the table of each CRD, and the number of nodes it stands for.
var tables = map[string]struct {
	file  string
	nodes int
}{
	"agentgatewaypolicies":   {"agentgatewaypolicy.tsv", 1258},
	"agentgatewaybackends":   {"agentgatewaybackend.tsv", 1808},
	"agentgatewayparameters": {"agentgatewayparameters.tsv", 110},
	"agentgatewaymodels":     {"agentgatewaymodel.tsv", 623},
}

// schemaExceptions are the places where a schema differs from its table on
// purpose: a suffix of the path, and the constraint that isn't there.
var schemaExceptions = []struct{ suffix, constraint, reason string }{
	{"azure.managedIdentity.clientId", "required", "one id is enough, and none means the system-assigned identity"},
	{"azure.managedIdentity.objectId", "required", "as clientId"},
	{"azure.managedIdentity.resourceId", "required", "as clientId"},
}

func TestSchemasMatchTables(t *testing.T) {
	shared := readTable(t, "shared.tsv")
	for plural, table := range tables {
		t.Run(plural, func(t *testing.T) {
			want := expand(readTable(t, table.file), shared)
			if len(want) != table.nodes {
				t.Errorf("the table stands for %d nodes, want %d", len(want), table.nodes)
			}
			for path, node := range want {
				for _, exception := range schemaExceptions {
					if strings.HasSuffix(path, exception.suffix) {
						delete(node.constraints, exception.constraint)
					}
				}
			}
			got := map[string]node{}
			schema := generatedCRD(t, plural).Spec.Versions[0].Schema.OpenAPIV3Schema
			properties("", schema, false, func(path string, schema *apiextensionsv1.JSONSchemaProps, required bool) {
				if path != "" {
					got[path] = nodeOf(schema, required)
				}
			})
			compareNodes(t, want, got)
		})
	}
}

// compareNodes reports every path that only one side has, and every path whose
// type or constraints differ. Of rules it checks that they are there: what they
// do is shown by the manifests in testdata.
func compareNodes(t *testing.T, want, got map[string]node) {
	t.Helper()
	paths := map[string]bool{}
	for path := range want {
		paths[path] = true
	}
	for path := range got {
		paths[path] = true
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		wanted, known := want[path]
		found, exists := got[path]
		switch {
		case !known:
			t.Errorf("%s: in the schema, not in the table", path)
		case !exists:
			t.Errorf("%s: in the table, not in the schema", path)
		default:
			if wanted.kind != found.kind {
				t.Errorf("%s: type %s, want %s", path, found.kind, wanted.kind)
			}
			if diff := cmp.Diff(wanted.constraints, found.constraints); diff != "" {
				t.Errorf("%s: constraints (-table +schema):\n%s", path, diff)
			}
			if (len(wanted.rules) > 0) != (len(found.rules) > 0) {
				t.Errorf("%s: rules in the table: %q, in the schema: %q", path, wanted.rules, found.rules)
			}
		}
	}
}

// nodeOf describes a schema in the words of the tables.
func nodeOf(schema *apiextensionsv1.JSONSchemaProps, required bool) node {
	described := node{kind: schema.Type, constraints: map[string]any{}}
	put := func(key string, value any, set bool) {
		if set {
			described.constraints[key] = plain(value)
		}
	}
	preserve := schema.XPreserveUnknownFields != nil && *schema.XPreserveUnknownFields
	switch {
	case schema.XIntOrString:
		described.kind = "int-or-string"
	case schema.Type == "" && preserve:
		described.kind = "any"
	}
	put("required", true, required)
	put("enum", schema.Enum, len(schema.Enum) > 0)
	put("default", schema.Default, schema.Default != nil)
	put("minimum", schema.Minimum, schema.Minimum != nil)
	put("maximum", schema.Maximum, schema.Maximum != nil)
	put("minLength", schema.MinLength, schema.MinLength != nil)
	put("maxLength", schema.MaxLength, schema.MaxLength != nil)
	put("minItems", schema.MinItems, schema.MinItems != nil)
	put("maxItems", schema.MaxItems, schema.MaxItems != nil)
	put("minProperties", schema.MinProperties, schema.MinProperties != nil)
	put("maxProperties", schema.MaxProperties, schema.MaxProperties != nil)
	put("pattern", schema.Pattern, schema.Pattern != "")
	put("format", schema.Format, schema.Format != "")
	put("list-type", schema.XListType, schema.XListType != nil)
	put("list-map-keys", schema.XListMapKeys, len(schema.XListMapKeys) > 0)
	put("map-type", schema.XMapType, schema.XMapType != nil)
	put("preserve-unknown-fields", true, preserve)
	put("int-or-string", true, schema.XIntOrString)
	for _, rule := range schema.XValidations {
		described.rules = append(described.rules, rule.Rule)
	}
	return described
}

// plain turns a value into what decoding its JSON gives.
func plain(value any) any {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(err)
	}
	var decoded any
	if err := json.Unmarshal(text, &decoded); err != nil {
		return fmt.Sprint(err)
	}
	return decoded
}
