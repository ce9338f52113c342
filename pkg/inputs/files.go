package inputs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	jsonserializer "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"sigs.k8s.io/yaml"
)

// Severity tells whether a Diagnostic stops the work on its file.
type Severity string

const (
	// Error means that an object could not be read.
	Error Severity = "error"
	// Warning means that a part of what was read has no effect.
	Warning Severity = "warning"
)

// Diagnostic is a finding about a manifest.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	File     string   `json:"file"`
	// Line counts from 1, in the file; it is the first line of the object when
	// nothing more precise is known.
	Line    int    `json:"line"`
	Object  string `json:"object,omitempty"`
	Message string `json:"message"`
}

// String is the form for terminals: file:line: severity: message.
func (d Diagnostic) String() string {
	object := d.Object
	if object != "" {
		object += ": "
	}
	return fmt.Sprintf("%s:%d: %s: %s%s", d.File, d.Line, d.Severity, object, d.Message)
}

// Decoder reads manifests into objects of the watched kinds.
type Decoder struct {
	strict runtime.Serializer
	seen   map[string]bool

	// Features are those that count; it is set before the first Read. Objects of
	// kinds that are off are left out, with a warning.
	Features    Features
	Objects     []runtime.Object
	Diagnostics []Diagnostic
}

// NewDecoder returns a Decoder that has read nothing.
func NewDecoder() *Decoder {
	scheme := Scheme()
	return &Decoder{
		strict: jsonserializer.NewSerializerWithOptions(jsonserializer.DefaultMetaFactory, scheme, scheme, jsonserializer.SerializerOptions{Strict: true}),
		seen:   map[string]bool{},
	}
}

// Failed reports whether anything could not be read.
func (d *Decoder) Failed() bool {
	return slices.ContainsFunc(d.Diagnostics, func(f Diagnostic) bool { return f.Severity == Error })
}

// Read adds the objects of one file: YAML documents or JSON. Objects of kinds
// that are not watched are left out, with a warning where they look like ours.
func (d *Decoder) Read(file string, content []byte) {
	for _, document := range documents(content) {
		text, err := yaml.YAMLToJSONStrict(document.text)
		if err != nil {
			line, message := locate(err, document.line)
			d.report(Diagnostic{Severity: Error, File: file, Line: line, Message: message})
			continue
		}
		if string(text) == "null" {
			continue
		}
		d.object(file, document.line, text)
	}
}

func (d *Decoder) report(diagnostic Diagnostic) { d.Diagnostics = append(d.Diagnostics, diagnostic) }

func (d *Decoder) object(file string, line int, text []byte) {
	var head struct {
		metav1.TypeMeta `json:",inline"`
		Metadata        metav1.ObjectMeta `json:"metadata"`
		Items           []json.RawMessage `json:"items"`
	}
	finding := Diagnostic{Severity: Error, File: file, Line: line}
	if !bytes.HasPrefix(text, []byte("{")) {
		finding.Message = "not a Kubernetes object: a mapping with apiVersion, kind and metadata is expected"
		d.report(finding)
		return
	}
	if err := json.Unmarshal(text, &head); err != nil {
		finding.Message = "not a Kubernetes object: " + err.Error()
		d.report(finding)
		return
	}
	gvk := schema.FromAPIVersionAndKind(head.APIVersion, head.Kind)
	if gvk.Kind == "" || gvk.Version == "" {
		finding.Message = "apiVersion and kind must be set"
		d.report(finding)
		return
	}
	if gvk.Kind == "List" && gvk.Group == "" {
		for _, item := range head.Items {
			d.object(file, line, item)
		}
		return
	}
	finding.Object = gvk.Kind + " " + strings.TrimPrefix(head.Metadata.Namespace+"/"+head.Metadata.Name, "/")
	kind, watched := kindOf(gvk)
	if !watched {
		if ownGroup(gvk.Group) {
			finding.Severity, finding.Message = Warning, fmt.Sprintf("kind %s of %s is not translated by this version", gvk.Kind, gvk.Group)
			d.report(finding)
		}
		return
	}
	if !kind.on(d.Features) {
		finding.Severity, finding.Message = Warning, fmt.Sprintf("kind %s is not enabled, so the object has no effect", gvk.Kind)
		d.report(finding)
		return
	}
	if head.Metadata.Name == "" {
		finding.Message = "metadata.name must be set"
		d.report(finding)
		return
	}
	// All versions of a watched kind share its schema, as a cluster that serves
	// them does.
	object, _, err := d.strict.Decode(withVersion(text, kind.GVK), nil, nil)
	if runtime.IsStrictDecodingError(err) && object != nil {
		finding.Severity, finding.Message = Warning, strings.TrimPrefix(err.Error(), "strict decoding error: ")
		d.report(finding)
	} else if err != nil {
		finding.Message = err.Error()
		d.report(finding)
		return
	}
	d.add(object, kind, finding)
}

func (d *Decoder) add(object runtime.Object, kind Kind, finding Diagnostic) {
	accessor, ok := object.(metav1.Object)
	if !ok {
		return
	}
	switch {
	case kind.ClusterScoped:
		accessor.SetNamespace("")
	case accessor.GetNamespace() == "":
		accessor.SetNamespace(metav1.NamespaceDefault)
	}
	key := kind.GVK.Kind + " " + accessor.GetNamespace() + "/" + accessor.GetName()
	if d.seen[key] {
		finding.Severity, finding.Message = Warning, "the object was read before; the last one counts"
		d.report(finding)
	}
	d.seen[key] = true
	if secret, isSecret := object.(*corev1.Secret); isSecret {
		mergeStringData(secret)
	}
	object.GetObjectKind().SetGroupVersionKind(kind.GVK)
	d.Objects = append(d.Objects, object)
}

func kindOf(gvk schema.GroupVersionKind) (Kind, bool) {
	i := slices.IndexFunc(Kinds, func(k Kind) bool { return k.GVK.GroupKind() == gvk.GroupKind() })
	if i < 0 {
		return Kind{}, false
	}
	return Kinds[i], true
}

func ownGroup(group string) bool {
	return group == "gateway.networking.k8s.io" || group == "agentgateway.dev"
}

func withVersion(text []byte, gvk schema.GroupVersionKind) []byte {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil {
		return text
	}
	version, err := json.Marshal(gvk.GroupVersion().String())
	if err != nil {
		return text
	}
	object["apiVersion"] = version
	out, err := json.Marshal(object)
	if err != nil {
		return text
	}
	return out
}

// document is one YAML document and the line of the file that it begins on.
type document struct {
	text []byte
	line int
}

func documents(content []byte) []document {
	var out []document
	current := document{line: 1}
	for i, line := range bytes.SplitAfter(content, []byte("\n")) {
		if separator(line) {
			out = append(out, current)
			current = document{line: i + 2}
			continue
		}
		current.text = append(current.text, line...)
	}
	out = append(out, current)
	for i := range out {
		out[i].skipBlank()
	}
	return out
}

func separator(line []byte) bool {
	rest, found := bytes.CutPrefix(line, []byte("---"))
	rest = bytes.TrimSpace(rest)
	return found && (len(rest) == 0 || rest[0] == '#')
}

// skipBlank moves the beginning to the first line that says something.
func (d *document) skipBlank() {
	for {
		line, rest, found := bytes.Cut(d.text, []byte("\n"))
		trimmed := bytes.TrimSpace(line)
		if !found || (len(trimmed) > 0 && trimmed[0] != '#') {
			return
		}
		d.text, d.line = rest, d.line+1
	}
}

var yamlLine = regexp.MustCompile(`line (\d+): (.*)`)

// locate turns the line within a document, which the parser names, into the
// line of the file.
func locate(err error, first int) (line int, message string) {
	message = strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
	found := yamlLine.FindStringSubmatch(message)
	if found == nil {
		return first, message
	}
	number, convertErr := strconv.Atoi(found[1])
	if convertErr != nil {
		return first, message
	}
	return first + number - 1, found[2]
}

// mergeStringData does what an API server does with the text form of a
// Secret's data.
func mergeStringData(secret *corev1.Secret) {
	for key, value := range secret.StringData {
		if secret.Data == nil {
			secret.Data = map[string][]byte{}
		}
		secret.Data[key] = []byte(value)
	}
	secret.StringData = nil
}
