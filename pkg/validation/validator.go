package validation

import (
	"fmt"
	"slices"
	"strings"

	yamlnode "go.yaml.in/yaml/v3"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Validator collects findings about manifests. It belongs to one goroutine.
type Validator struct {
	catalog *Catalog

	// Findings are in the order of the files and of the lines in them.
	Findings []Finding
}

// New returns a Validator that has read nothing.
func New(catalog *Catalog) *Validator { return &Validator{catalog: catalog} }

// Failed reports whether anything is wrong enough for an API server to refuse.
func (v *Validator) Failed() bool {
	return slices.ContainsFunc(v.Findings, func(f Finding) bool { return f.Severity == Error })
}

// Read judges the objects of a file: YAML documents or JSON. The error is a
// defect of the catalog, never of the file.
func (v *Validator) Read(file string, content []byte) error {
	first := len(v.Findings)
	for _, document := range documents(content) {
		value, node, err := document.parse()
		if err != nil {
			line, message := asParseError(err, document.line)
			v.Findings = append(v.Findings, Finding{Severity: Error, File: file, Line: line, Message: message})
			continue
		}
		if node == nil {
			continue
		}
		if err := v.object(newManifest(file, document, value, node)); err != nil {
			return err
		}
	}
	slices.SortStableFunc(v.Findings[first:], func(a, b Finding) int { return a.Line - b.Line })
	return nil
}

// manifest is an object of a document: its content, or an item of a List.
type manifest struct {
	document
	file  string
	value any
	node  *yamlnode.Node
	// identity is the beginning of every finding about the object. It is made
	// first, because judging an object fills in what it doesn't say.
	identity Finding
}

func newManifest(file string, of document, value any, node *yamlnode.Node) manifest {
	identity := Finding{File: file}
	object, _ := value.(map[string]any)
	identity.Kind, _ = object["kind"].(string)
	metadata, _ := object["metadata"].(map[string]any)
	identity.Namespace, _ = metadata["namespace"].(string)
	if identity.Name, _ = metadata["name"].(string); identity.Name == "" {
		identity.Name, _ = metadata["generateName"].(string)
	}
	return manifest{document: of, file: file, value: value, node: node, identity: identity}
}

// finding returns a finding about the field of the manifest.
func (m manifest) finding(severity Severity, path, message string) Finding {
	_, line, _ := position(m.node, path)
	finding := m.identity
	finding.Severity, finding.Line, finding.Path, finding.Message = severity, m.lineOf(line), path, message
	return finding
}

func (v *Validator) report(m manifest, severity Severity, path, message string) {
	v.Findings = append(v.Findings, m.finding(severity, path, message))
}

func (v *Validator) object(m manifest) error {
	object, isObject := m.value.(map[string]any)
	if !isObject {
		v.report(m, Error, "", "not a Kubernetes object: a mapping with apiVersion, kind and metadata is expected")
		return nil
	}
	if items, isList := object["items"].([]any); isList && isListKind(object) {
		return v.items(m, items)
	}
	apiVersion, _ := object["apiVersion"].(string)
	kind, _ := object["kind"].(string)
	if apiVersion == "" || kind == "" {
		v.report(m, Error, "", "not a Kubernetes object: apiVersion and kind must be set")
		return nil
	}
	version, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		v.report(m, Error, "apiVersion", err.Error())
		return nil
	}
	crd, err := v.catalog.CRD(schema.GroupKind{Group: version.Group, Kind: kind})
	switch {
	case err != nil:
		return err
	case crd != nil:
		return v.judge(m, crd, version.WithKind(kind))
	case !v.catalog.hasGroup(version.Group):
		v.report(m, Note, "", "not validated: the schemas of "+apiVersion+" are not in this program")
	default:
		v.report(m, Error, "kind", fmt.Sprintf("group %s has no kind %q%s", version.Group, kind, v.nearestKind(version.Group, kind)))
	}
	return nil
}

// isListKind says whether the object is what kubectl get prints for several
// objects.
func isListKind(object map[string]any) bool {
	kind, _ := object["kind"].(string)
	return strings.HasSuffix(kind, "List")
}

func (v *Validator) items(m manifest, items []any) error {
	for i, item := range items {
		if err := v.object(newManifest(m.file, m.document, item, itemNode(m.node, i))); err != nil {
			return err
		}
	}
	return nil
}

// itemNode returns the node of a List's item, or the List's if it isn't found.
func itemNode(list *yamlnode.Node, index int) *yamlnode.Node {
	for key, value := range entries(list) {
		if items := resolve(value); key.Value == "items" && index < len(items.Content) {
			return items.Content[index]
		}
	}
	return list
}

// nearestKind words the kind of the group that was probably meant.
func (v *Validator) nearestKind(group, kind string) string {
	var known []string
	for _, candidate := range v.catalog.GroupKinds() {
		if candidate.Group == group {
			known = append(known, candidate.Kind)
		}
	}
	return didYouMean(nearest(kind, known))
}

func didYouMean(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", name)
}

func (v *Validator) judge(m manifest, crd *apiextensionsv1.CustomResourceDefinition, kind schema.GroupVersionKind) error {
	served := slices.IndexFunc(crd.Spec.Versions, func(version apiextensionsv1.CustomResourceDefinitionVersion) bool {
		return version.Served && version.Name == kind.Version
	})
	if served < 0 {
		v.report(m, Error, "apiVersion", fmt.Sprintf("%s has no version %q; it has %s", kind.GroupKind(), kind.Version, strings.Join(servedVersions(crd), ", ")))
		return nil
	}
	if version := crd.Spec.Versions[served]; version.Deprecated {
		warning := kind.GroupVersion().String() + " " + kind.Kind + " is deprecated"
		if version.DeprecationWarning != nil {
			warning = *version.DeprecationWarning
		}
		v.report(m, Warning, "apiVersion", warning)
	}
	prepared, err := v.catalog.Kind(kind)
	if err != nil {
		return err
	}
	repeated(m.node, "", func(path string, node *yamlnode.Node) {
		finding := m.finding(Error, "", "the field is set twice, and only the last would count")
		finding.Path, finding.Line = path, m.lineOf(node.Line)
		v.Findings = append(v.Findings, finding)
	})
	for _, problem := range prepared.Judge(m.value.(map[string]any)) {
		if problem.Unasked {
			v.report(m, Warning, "", "the rules were not checked, because of the errors; correct those first")
			continue
		}
		finding := m.finding(Error, problem.Path, problem.Message)
		if problem.Unknown {
			if steps, _, complete := position(m.node, problem.Path); complete {
				finding.Message += didYouMean(prepared.suggest(steps))
			}
		}
		v.Findings = append(v.Findings, finding)
	}
	return nil
}
