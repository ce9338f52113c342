package validation

import (
	"context"
	"regexp"
	"slices"
	"strings"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	objectvalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

// Problem is one reason why an object is refused.
type Problem struct {
	// Path is the field, as in spec.rules[0].matches; it is empty where the
	// problem is the object's as a whole.
	Path string
	// Message is what the API server says, without the path.
	Message string
	// Unknown says that the schema has no such field. The API server reports
	// unknown fields first, and other problems only when there are none.
	Unknown bool
	// Unasked says that this isn't a problem of its own: because of others, the
	// rules weren't asked.
	Unasked bool
}

// UnknownField is the message of a problem with a field that doesn't exist.
const UnknownField = "unknown field"

// generatedSuffix stands for what the API server appends to generateName.
const generatedSuffix = "xxxxx"

// Judge reports why the object can't be created; nothing means that it can. It
// changes the object into what would be stored, defaults included, and without
// status. Numbers must be int64 or float64, as the API machinery reads them.
func (k *Kind) Judge(object map[string]any) []Problem {
	problems, decoded := k.decode(object)
	if !decoded {
		return problems
	}
	for _, err := range k.refusals(object) {
		problem := Problem{Path: err.Field, Message: err.ErrorBody()}
		if problem.Path == unnamedPath {
			problem.Path, problem.Unasked = "", err.Detail == rulesNotAsked
		}
		problems = append(problems, problem)
	}
	return problems
}

// unnamedPath is how the API machinery prints the path of no field.
const unnamedPath = "<nil>"

// decode does what the API server does while it reads an object: unknown
// fields, metadata of the wrong types, nulls, defaults. Without success there
// is no object to look at further.
func (k *Kind) decode(object map[string]any) (problems []Problem, success bool) {
	metadata, found, unknown, err := objectmeta.GetObjectMetaWithOptions(object, objectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true})
	if err != nil {
		return []Problem{{Path: malformed(err), Message: err.Error()}}, false
	}
	unknown = append(unknown, pruning.PruneWithOptions(object, k.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})...)
	defaulting.PruneNonNullableNullsWithoutDefaults(object, k.structural)
	refusal, embedded := objectmeta.CoerceWithOptions(nil, object, k.structural, false, objectmeta.CoerceOptions{ReturnUnknownFieldPaths: true})
	unknown = append(unknown, embedded...)
	for _, path := range unknown {
		problems = append(problems, Problem{Path: path, Message: UnknownField, Unknown: true})
	}
	if refusal != nil {
		return append(problems, Problem{Path: refusal.Field, Message: refusal.ErrorBody()}), false
	}
	if found {
		if err := objectmeta.SetObjectMeta(object, metadata); err != nil {
			return append(problems, Problem{Path: "metadata", Message: err.Error()}), false
		}
	}
	defaulting.Default(object, k.structural)
	return problems, true
}

var metadataField = regexp.MustCompile(`ObjectMeta\.(\S+) of type`)

// malformed returns the path of the field of metadata that has the wrong type.
func malformed(err error) string {
	if found := metadataField.FindStringSubmatch(err.Error()); found != nil {
		return "metadata." + found[1]
	}
	return "metadata"
}

// refusals does what the API server does with a decoded object that is to be
// created, in the same order.
func (k *Kind) refusals(object map[string]any) field.ErrorList {
	if k.statusIsApart {
		delete(object, "status")
	}
	accessor := &unstructured.Unstructured{Object: object}
	if accessor.GetName() == "" && accessor.GetGenerateName() != "" {
		accessor.SetName(accessor.GetGenerateName() + generatedSuffix)
	}
	switch {
	case !k.namespaced && accessor.GetNamespace() != "":
		accessor.SetNamespace("")
	case k.namespaced && accessor.GetNamespace() == "":
		accessor.SetNamespace(metav1.NamespaceDefault)
	}
	found := objectvalidation.ValidateObjectMetaAccessor(accessor, k.namespaced, objectvalidation.NameIsDNSSubdomain, field.NewPath("metadata"))
	found = append(found, validation.ValidateCustomResource(nil, object, k.schema)...)
	found = append(found, objectmeta.Validate(nil, object, k.structural, false)...)
	found = append(found, listtype.ValidateListSetsAndMaps(nil, k.structural, object)...)
	if k.rules == nil {
		return found
	}
	if slices.ContainsFunc(found, blocksRules) {
		return append(found, field.Invalid(nil, nil, rulesNotAsked))
	}
	broken, _ := k.rules.Validate(context.Background(), nil, k.structural, object, nil, celconfig.RuntimeCELCostBudget)
	return append(found, broken...)
}

// rulesNotAsked is what the API server says then.
const rulesNotAsked = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation"

// blocking are the kinds of problems after which the API server doesn't ask the
// rules: they could fail on a value of the wrong type, or cost too much.
var blocking = []field.ErrorType{
	field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid,
}

func blocksRules(err *field.Error) bool { return slices.Contains(blocking, err.Type) }

// String is the problem as the API server words it.
func (p Problem) String() string {
	switch {
	case p.Unknown:
		return UnknownField + ` "` + p.Path + `"`
	case p.Path == "":
		return p.Message
	default:
		return strings.Join([]string{p.Path, p.Message}, ": ")
	}
}
