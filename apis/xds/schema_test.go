package api

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// The two tables list every field and every enum value that the proxy decodes.
// They are kept apart from the .proto file so that an edit of it cannot change
// the wire unnoticed.
var (
	//go:embed testdata/wire.tsv
	wireFields []byte
	//go:embed testdata/wire-enums.tsv
	wireEnums []byte
)

// TestSchemaMatchesTheWire compares the compiled schema with the tables in both
// directions: nothing may be missing, changed, or added.
func TestSchemaMatchesTheWire(t *testing.T) {
	compiled := schema{}
	compiled.addEnums(File_resource_proto.Enums())
	compiled.addMessages(File_resource_proto.Messages())

	for _, table := range []struct {
		name string
		want []byte
		got  []string
	}{
		{name: "fields", want: wireFields, got: compiled.fields},
		{name: "enum values", want: wireEnums, got: compiled.values},
	} {
		t.Run(table.name, func(t *testing.T) {
			want := readTable(t, table.want)
			got := slices.Sorted(slices.Values(table.got))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("compiled schema differs from the table (-table +schema):\n%s", diff)
			}
		})
	}
}

// readTable returns the sorted rows without the heading, columns joined by one
// space.
func readTable(t *testing.T, table []byte) []string {
	t.Helper()
	reader := csv.NewReader(bytes.NewReader(table))
	reader.Comma = '\t'
	reader.LazyQuotes = true
	records, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, record := range records[1:] {
		rows = append(rows, row(record...))
	}
	slices.Sort(rows)
	return rows
}

func row(columns ...string) string { return fmt.Sprintf("%q", columns) }

// schema collects the rows of a compiled file in the form of the tables.
type schema struct {
	fields, values []string
}

func (s *schema) addMessages(messages protoreflect.MessageDescriptors) {
	for i := range messages.Len() {
		message := messages.Get(i)
		if message.IsMapEntry() {
			continue
		}
		for j := range message.Fields().Len() {
			field := message.Fields().Get(j)
			s.fields = append(s.fields, row(string(message.FullName()), string(field.Name()),
				fmt.Sprint(field.Number()), typeOf(field), labelOf(field)))
		}
		s.addEnums(message.Enums())
		s.addMessages(message.Messages())
	}
}

func (s *schema) addEnums(enums protoreflect.EnumDescriptors) {
	for i := range enums.Len() {
		enum := enums.Get(i)
		for j := range enum.Values().Len() {
			value := enum.Values().Get(j)
			s.values = append(s.values, row(string(enum.FullName()), string(value.Name()), fmt.Sprint(value.Number())))
		}
	}
}

func typeOf(field protoreflect.FieldDescriptor) string {
	switch {
	case field.IsMap():
		return fmt.Sprintf("map<%s, %s>", typeOf(field.MapKey()), typeOf(field.MapValue()))
	case field.Message() != nil:
		return "message " + string(field.Message().FullName())
	case field.Enum() != nil:
		return "enum " + string(field.Enum().FullName())
	default:
		return field.Kind().String()
	}
}

func labelOf(field protoreflect.FieldDescriptor) string {
	oneof := field.ContainingOneof()
	switch {
	case field.IsMap():
		return "map"
	case field.IsList():
		return "repeated"
	case oneof != nil && !oneof.IsSynthetic():
		return "oneof:" + string(oneof.Name())
	case field.HasOptionalKeyword():
		return "optional"
	default:
		return "singular"
	}
}
