package validation_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agentgateway.dev/controller/pkg/validation"
)

// lineBreaks are all characters that YAML 1.1 ends a line at.
const lineBreaks = "\n\r\u0085\u2028\u2029"

// Whatever a file holds, reading it ends in findings on lines that it has.
func FuzzRead(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for document := range strings.SplitSeq(string(text), "\n---\n") {
			f.Add(document)
		}
	}
	for _, text := range []string{"a: &a [*a]", "<<: {<<: 1}", "---\n--- #\n...\n{", "{\"apiVersion\":\t\"v1\"}", "? [a]\n: b", "a: !!binary x", "\ufeffkind: x"} {
		f.Add(text)
	}
	embedded, err := catalog()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		validator := validation.New(embedded)
		if err := validator.Read("fuzz.yaml", []byte(text)); err != nil {
			t.Fatal(err)
		}
		lines := 1
		for _, character := range text {
			if strings.ContainsRune(lineBreaks, character) {
				lines++
			}
		}
		for _, finding := range validator.Findings {
			if finding.Line < 1 || finding.Line > lines+1 {
				t.Errorf("a finding on line %d of %d: %s", finding.Line, lines, finding)
			}
			if strings.ContainsAny(finding.String(), "\n\r") {
				t.Errorf("a finding on several lines: %q", finding)
			}
		}
	})
}
