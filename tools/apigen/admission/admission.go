// Package admission judges custom resources by their CRD as the API server
// does, without one: unknown fields, schema, list types, CEL rules. The tests of
// the agentgateway.dev CRDs use it.
package admission

import (
	"context"
	"fmt"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

// CheckCRD reports why an API server would refuse the CRD: a schema that isn't
// structural, rules that don't compile or may cost too much, invalid defaults.
func CheckCRD(crd *apiextensionsv1.CustomResourceDefinition) []error {
	internal, err := internalCRD(crd)
	if err != nil {
		return []error{err}
	}
	var found []error
	for _, err := range crdvalidation.ValidateCustomResourceDefinition(context.Background(), internal) {
		found = append(found, err)
	}
	return found
}

// Admission judges the objects of one CRD.
type Admission struct {
	structural *schema.Structural
	schema     validation.SchemaValidator
	rules      *cel.Validator
}

// New prepares the judgement of objects of the CRD, by its first version.
func New(crd *apiextensionsv1.CustomResourceDefinition) (*Admission, error) {
	internal, err := internalCRD(crd)
	if err != nil {
		return nil, err
	}
	properties := internal.Spec.Validation.OpenAPIV3Schema
	structural, err := schema.NewStructural(properties)
	if err != nil {
		return nil, err
	}
	validator, _, err := validation.NewSchemaValidator(properties)
	if err != nil {
		return nil, err
	}
	return &Admission{
		structural: structural,
		schema:     validator,
		rules:      cel.NewValidator(structural, true, celconfig.PerCallLimit),
	}, nil
}

// Admit fills in the object's defaults and reports why it is refused.
func (a *Admission) Admit(object map[string]any) []error {
	var found []error
	for _, path := range pruning.PruneWithOptions(object, a.structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}) {
		found = append(found, fmt.Errorf("unknown field %q", path))
	}
	defaulting.Default(object, a.structural)
	refusals := validation.ValidateCustomResource(nil, object, a.schema)
	refusals = append(refusals, listtype.ValidateListSetsAndMaps(nil, a.structural, object)...)
	broken, _ := a.rules.Validate(context.Background(), nil, a.structural, object, nil, celconfig.RuntimeCELCostBudget)
	for _, err := range append(refusals, broken...) {
		found = append(found, err)
	}
	return found
}

// internalCRD returns the CRD as the API server holds it.
func internalCRD(crd *apiextensionsv1.CustomResourceDefinition) (*apiextensions.CustomResourceDefinition, error) {
	crd = crd.DeepCopy()
	apiextensionsv1.SetDefaults_CustomResourceDefinition(crd)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&crd.Spec)
	internal := &apiextensions.CustomResourceDefinition{}
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(crd, internal, nil); err != nil {
		return nil, err
	}
	for _, version := range crd.Spec.Versions {
		internal.Status.StoredVersions = append(internal.Status.StoredVersions, version.Name)
	}
	return internal, nil
}
