package v1alpha1_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

func TestCRDMetadata(t *testing.T) {
	direct := map[string]string{"app": "agentgateway", "app.kubernetes.io/name": "agentgateway", "gateway.networking.k8s.io/policy": "Direct"}
	plain := map[string]string{"app": "agentgateway", "app.kubernetes.io/name": "agentgateway"}
	age := apiextensionsv1.CustomResourceColumnDefinition{Name: "Age", Type: "date", JSONPath: ".metadata.creationTimestamp"}
	column := func(name, path string) apiextensionsv1.CustomResourceColumnDefinition {
		return apiextensionsv1.CustomResourceColumnDefinition{Name: name, Type: "string", JSONPath: path}
	}
	for _, test := range []struct {
		plural, singular, kind, short string
		labels                        map[string]string
		columns                       []apiextensionsv1.CustomResourceColumnDefinition
	}{
		{"agentgatewaypolicies", "agentgatewaypolicy", "AgentgatewayPolicy", "agpol", direct, []apiextensionsv1.CustomResourceColumnDefinition{
			column("Accepted", ".status.ancestors[*].conditions[?(@.type=='Accepted')].status"),
			column("Attached", ".status.ancestors[*].conditions[?(@.type=='Attached')].status"),
			age,
		}},
		{"agentgatewaybackends", "agentgatewaybackend", "AgentgatewayBackend", "agbe", plain, []apiextensionsv1.CustomResourceColumnDefinition{
			column("Accepted", ".status.conditions[?(@.type=='Accepted')].status"),
			age,
		}},
		{"agentgatewayparameters", "agentgatewayparameters", "AgentgatewayParameters", "agpar", direct, []apiextensionsv1.CustomResourceColumnDefinition{age}},
		{"agentgatewaymodels", "agentgatewaymodel", "AgentgatewayModel", "agmodel", plain, []apiextensionsv1.CustomResourceColumnDefinition{
			column("Model Match", ".spec.match.model"),
			age,
		}},
	} {
		t.Run(test.plural, func(t *testing.T) {
			crd := generatedCRD(t, test.plural)
			if crd.Name != test.plural+".agentgateway.dev" {
				t.Errorf("name %s", crd.Name)
			}
			if diff := cmp.Diff(test.labels, crd.Labels); diff != "" {
				t.Errorf("labels (-want +got):\n%s", diff)
			}
			version := crd.Spec.Versions[0]
			schema := version.Schema
			version.Schema = nil
			crdSpec := crd.Spec
			crdSpec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{version}
			want := apiextensionsv1.CustomResourceDefinitionSpec{
				Group: "agentgateway.dev",
				Scope: apiextensionsv1.NamespaceScoped,
				Names: apiextensionsv1.CustomResourceDefinitionNames{
					Plural: test.plural, Singular: test.singular, Kind: test.kind, ListKind: test.kind + "List",
					ShortNames: []string{test.short}, Categories: []string{"agentgateway"},
				},
				Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
					Name: "v1alpha1", Served: true, Storage: true,
					Subresources:             &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}},
					AdditionalPrinterColumns: test.columns,
				}},
			}
			if diff := cmp.Diff(want, crdSpec); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
			if schema == nil || schema.OpenAPIV3Schema == nil {
				t.Error("no schema")
			}
		})
	}
}

// annotationLimit is what the API server allows for all annotations of an
// object; kubectl's client-side apply puts the whole object into one.
const annotationLimit = 256 << 10

func TestCRDsFitClientSideApply(t *testing.T) {
	for _, plural := range plurals {
		text, err := crdJSON(plural)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > annotationLimit-2048 {
			t.Errorf("%s: %d bytes, want room for kubectl's annotation in %d", plural, len(text), annotationLimit)
		}
	}
}
