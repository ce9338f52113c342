package validation

import (
	"fmt"
	"strings"
)

// Severity says what a finding means for the object.
type Severity string

const (
	// Error means that an API server would refuse the object, or that it can't
	// be read.
	Error Severity = "error"
	// Warning means that the object is accepted, and something about it should
	// be changed.
	Warning Severity = "warning"
	// Note means that the object wasn't judged.
	Note Severity = "note"
)

// Finding is something to say about a manifest.
type Finding struct {
	Severity Severity `json:"severity"`
	File     string   `json:"file"`
	// Line counts from 1. It is that of the field, or of the nearest field
	// around it that the manifest has.
	Line int `json:"line"`
	// Kind, Namespace and Name are as in the manifest; they are empty where it
	// doesn't say.
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	// Path is the field, as in spec.rules[0].matches; it is empty where the
	// finding is about the whole object.
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
}

// String is the form for terminals, on one line:
// file:line: severity: Kind namespace/name: path: message.
func (f Finding) String() string {
	object := strings.TrimSpace(f.Kind + " " + strings.TrimPrefix(f.Namespace+"/"+f.Name, "/"))
	text := fmt.Sprintf("%s:%d: %s: ", f.File, f.Line, f.Severity)
	for _, part := range []string{object, f.Path} {
		if part != "" {
			text += part + ": "
		}
	}
	return text + strings.Join(strings.Fields(f.Message), " ")
}
