package v1alpha1_test

import (
	"path"
	"reflect"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"agentgateway.dev/controller/apis/v1alpha1"
)

// typeExceptions are the places where the Go type differs from the table's on
// purpose.
var typeExceptions = []struct{ suffix, goType, reason string }{
	{"cache.inMemory.defaultTtl", "UncheckedDuration", "the schema doesn't check its syntax, and metav1.Duration fails to decode what isn't a duration"},
}

func TestGoTypesMatchTables(t *testing.T) {
	shared := readTable(t, "shared.tsv")
	for plural, root := range map[string]reflect.Type{
		"agentgatewaypolicies":   reflect.TypeFor[v1alpha1.AgentgatewayPolicy](),
		"agentgatewaybackends":   reflect.TypeFor[v1alpha1.AgentgatewayBackend](),
		"agentgatewayparameters": reflect.TypeFor[v1alpha1.AgentgatewayParameters](),
		"agentgatewaymodels":     reflect.TypeFor[v1alpha1.AgentgatewayModel](),
	} {
		t.Run(plural, func(t *testing.T) {
			got := map[string]string{}
			goTypes("", root, got)
			for path, node := range expand(readTable(t, tables[plural].file), shared) {
				want := node.goType
				if want == "gwv1.PortNumber" {
					want = "" // an alias of int32, which has no name at run time
				}
				for _, exception := range typeExceptions {
					if strings.HasSuffix(path, exception.suffix) {
						want = exception.goType
					}
				}
				found, exists := got[path]
				if !exists {
					t.Errorf("%s: no Go field", path)
				} else if want != "" && found != want {
					t.Errorf("%s: Go type %s, want %s", path, found, want)
				}
			}
		})
	}
}

// opaque types are written in JSON by methods of their own, so their fields
// aren't properties.
var opaque = map[reflect.Type]bool{
	reflect.TypeFor[metav1.ObjectMeta]():    true,
	reflect.TypeFor[metav1.Time]():          true,
	reflect.TypeFor[metav1.Duration]():      true,
	reflect.TypeFor[resource.Quantity]():    true,
	reflect.TypeFor[apiextensionsv1.JSON](): true,
	reflect.TypeFor[v1alpha1.ByteSize]():    true,
}

// goTypes collects the names of the types below one, by path as in the tables.
func goTypes(path string, of reflect.Type, into map[string]string) {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	into[path] = qualifiedName(of)
	switch {
	case opaque[of]:
	case of.Kind() == reflect.Slice:
		goTypes(path+"[]", of.Elem(), into)
	case of.Kind() == reflect.Map:
		goTypes(path+"{}", of.Elem(), into)
	case of.Kind() == reflect.Struct:
		for i := range of.NumField() {
			field := of.Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			switch {
			case field.Anonymous && name == "":
				kept := into[path]
				goTypes(path, field.Type, into)
				into[path] = kept
			case path == "":
				goTypes(name, field.Type, into)
			default:
				goTypes(path+"."+name, field.Type, into)
			}
		}
	}
}

// qualifiedName names a type as the tables do: without a package for this one.
func qualifiedName(of reflect.Type) string {
	if of.PkgPath() == "" || of.Name() == "" {
		return ""
	}
	switch packagePath := of.PkgPath(); {
	case strings.HasPrefix(packagePath, "agentgateway.dev/"):
		return of.Name()
	case strings.HasPrefix(packagePath, "sigs.k8s.io/gateway-api/"):
		return "gwv1." + of.Name()
	case strings.Contains(packagePath, "/apiextensions/"):
		return "apiextensionsv1." + of.Name()
	case strings.Contains(packagePath, "/meta/"):
		return "metav1." + of.Name()
	case strings.Contains(packagePath, "/core/"):
		return "corev1." + of.Name()
	default:
		return path.Base(packagePath) + "." + of.Name()
	}
}
