package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// Finding is one complaint about one resource. Exactly one of Warn and Error is
// set: a warning leaves the resource applied, an error leaves its previous
// version in place.
type Finding struct {
	// Key is the xDS name of the resource.
	Key   string `json:"key"`
	Warn  string `json:"warn,omitempty"`
	Error string `json:"error,omitempty"`
}

// HasErrors tells whether any finding rejected its resource.
func HasErrors(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Error != "" })
}

// NackMessage returns the compact JSON list that the proxy puts in the message
// of its error_detail.
func NackMessage(findings []Finding) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(findings); err != nil {
		// Three strings can always be encoded.
		return "[]"
	}
	return string(bytes.TrimSpace(out.Bytes()))
}

// review collects the findings about one resource while it is examined.
type review struct {
	errors, warnings []string
}

func (r *review) errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func (r *review) warnf(format string, args ...any) {
	r.warnings = append(r.warnings, fmt.Sprintf(format, args...))
}

func (r *review) ok() bool { return len(r.errors) == 0 }

// findings reports the first error alone, as the proxy stops there, or else
// every warning.
func (r *review) findings(name string) []Finding {
	if !r.ok() {
		return []Finding{{Key: name, Error: r.errors[0]}}
	}
	var out []Finding
	for _, warning := range r.warnings {
		out = append(out, Finding{Key: name, Warn: warning})
	}
	return out
}
