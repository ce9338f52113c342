package validation

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
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

// Kind judges the objects of one version of one CRD as the API server judges
// their creation. Preparing it compiles all rules, which takes up to a second;
// afterwards it may be used by several goroutines.
//
// The scale subresource isn't looked at: none of the CRDs here has one.
type Kind struct {
	namespaced bool
	// statusIsApart says that creation ignores status, because it has an
	// endpoint of its own.
	statusIsApart bool
	structural    *schema.Structural
	schema        validation.SchemaValidator
	// rules is nil if the CRD has none.
	rules *cel.Validator
}

// NewKind prepares the judgement of a CRD's objects of the version, which must
// be served.
func NewKind(crd *apiextensionsv1.CustomResourceDefinition, version string) (*Kind, error) {
	if !slices.Contains(servedVersions(crd), version) {
		return nil, fmt.Errorf("CRD %s doesn't serve version %s", crd.Name, version)
	}
	internal, err := internalCRD(crd)
	if err != nil {
		return nil, err
	}
	properties, err := apiextensions.GetSchemaForVersion(internal, version)
	if err != nil {
		return nil, err
	}
	if properties == nil || properties.OpenAPIV3Schema == nil {
		return nil, fmt.Errorf("CRD %s has no schema for version %s", crd.Name, version)
	}
	subresources, err := apiextensions.GetSubresourcesForVersion(internal, version)
	if err != nil {
		return nil, err
	}
	structural, err := schema.NewStructural(properties.OpenAPIV3Schema)
	if err != nil {
		return nil, fmt.Errorf("CRD %s: %w", crd.Name, err)
	}
	validator, _, err := validation.NewSchemaValidator(properties.OpenAPIV3Schema)
	if err != nil {
		return nil, fmt.Errorf("CRD %s: %w", crd.Name, err)
	}
	return &Kind{
		namespaced:    internal.Spec.Scope == apiextensions.NamespaceScoped,
		statusIsApart: subresources != nil && subresources.Status != nil,
		structural:    structural,
		schema:        validator,
		rules:         cel.NewValidator(structural, true, celconfig.PerCallLimit),
	}, nil
}

// servedVersions returns the versions that objects can have.
func servedVersions(crd *apiextensionsv1.CustomResourceDefinition) []string {
	var names []string
	for _, version := range crd.Spec.Versions {
		if version.Served {
			names = append(names, version.Name)
		}
	}
	return names
}

// internalCRD returns the CRD as the API server holds it.
func internalCRD(crd *apiextensionsv1.CustomResourceDefinition) (*apiextensions.CustomResourceDefinition, error) {
	crd = crd.DeepCopy()
	apiextensionsv1.SetDefaults_CustomResourceDefinition(crd)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&crd.Spec)
	internal := &apiextensions.CustomResourceDefinition{}
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(crd, internal, nil); err != nil {
		return nil, fmt.Errorf("CRD %s: %w", crd.Name, err)
	}
	for _, version := range crd.Spec.Versions {
		internal.Status.StoredVersions = append(internal.Status.StoredVersions, version.Name)
	}
	return internal, nil
}
