package validation

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// suggest returns what the field at the end of the steps was probably meant to
// be: a name at the same level that is spelled nearly so, else the path of a
// field of exactly this name one level below or anywhere above, which is what
// wrong indentation makes. It is empty if nothing fits.
func (k *Kind) suggest(steps []step) string {
	if len(steps) == 0 {
		return ""
	}
	name := steps[len(steps)-1].key
	above := steps[:len(steps)-1]
	level := k.at(above)
	if level == nil {
		return ""
	}
	if near := nearest(name, slices.Sorted(maps.Keys(level.Properties))); near != "" {
		return near
	}
	for _, child := range slices.Sorted(maps.Keys(level.Properties)) {
		if _, found := level.Properties[child].Properties[name]; found {
			return pathOf(append(slices.Clone(above), step{key: child}, step{key: name}))
		}
	}
	for i := len(above) - 1; i > 0; i-- {
		if level := k.at(above[:i]); level != nil {
			if _, found := level.Properties[name]; found {
				return pathOf(append(slices.Clone(above[:i]), step{key: name}))
			}
		}
	}
	return ""
}

// at returns the schema that the steps lead to, or nil if there is none.
func (k *Kind) at(steps []step) *structuralschema.Structural {
	schema := k.structural
	for i, next := range steps {
		switch {
		case i == 0 && next.key == "metadata":
			schema = metadataSchema
		case next.item:
			schema = schema.Items
		default:
			property, found := schema.Properties[next.key]
			switch {
			case found:
				schema = &property
			case schema.AdditionalProperties != nil:
				schema = schema.AdditionalProperties.Structural
			default:
				return nil
			}
		}
		if schema == nil {
			return nil
		}
	}
	return schema
}

// metadataSchema has the names of metadata's fields, which CRDs leave out.
var metadataSchema = func() *structuralschema.Structural {
	schema := &structuralschema.Structural{Properties: map[string]structuralschema.Structural{}}
	of := reflect.TypeFor[metav1.ObjectMeta]()
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		schema.Properties[name] = structuralschema.Structural{}
	}
	return schema
}()

func pathOf(steps []step) string {
	var path strings.Builder
	for i, next := range steps {
		switch {
		case next.item:
			path.WriteString("[*]")
		case i > 0:
			path.WriteString("." + next.key)
		default:
			path.WriteString(next.key)
		}
	}
	return path.String()
}

// nearest returns the known name that takes the fewest edits to reach, or
// nothing if all are too far. Other case alone is always near, and a shortened
// or lengthened name, such as match for matches, is as near as one edit.
func nearest(name string, known []string) string {
	best, fewest := "", max(1, len(name)/3)+1
	for _, candidate := range known {
		if strings.EqualFold(name, candidate) {
			return candidate
		}
		edits := distance(strings.ToLower(name), strings.ToLower(candidate))
		if len(name) >= shortestPrefix && strings.HasPrefix(candidate, name) || len(candidate) >= shortestPrefix && strings.HasPrefix(name, candidate) {
			edits = 1
		}
		if edits < fewest {
			best, fewest = candidate, edits
		}
	}
	return best
}

// shortestPrefix is the length from which the beginning of a name says which
// name is meant.
const shortestPrefix = 4

// distance counts the insertions, deletions, replacements and swaps of
// neighbours between two names.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replaced := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			rows[i][j] = min(replaced, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
