package validation

import (
	"testing"

	yamlnode "go.yaml.in/yaml/v3"
)

func TestPosition(t *testing.T) {
	const text = `metadata:
  labels:
    app: a
    app.kubernetes.io/name: b
    "odd[0]": c
spec:
  base: &base
    port: 80
  rules:
  - name: x
    <<: *base
  - *base
`
	var root yamlnode.Node
	if err := yamlnode.Unmarshal([]byte(text), &root); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]struct {
		line     int
		complete bool
	}{
		"":                                       {1, true},
		"metadata.labels.app":                    {3, true},
		"metadata.labels.app.kubernetes.io/name": {4, true},
		"metadata.labels[app.kubernetes.io/name]": {4, true},
		"metadata.labels.odd[0]":                  {5, true},
		"metadata.name":                           {1, false},
		"spec.rules[0].name":                      {10, true},
		"spec.rules[0].port":                      {8, true},
		"spec.rules[1].port":                      {8, true},
		"spec.rules.0.name":                       {10, true},
		"spec.rules[2].name":                      {9, false},
		"spec.rules[-1]":                          {9, false},
		"spec.rules[0].name.more":                 {10, false},
		"status":                                  {1, false},
	} {
		if _, line, complete := position(root.Content[0], path); line != want.line || complete != want.complete {
			t.Errorf("%q: line %d, complete %v; want %d, %v", path, line, complete, want.line, want.complete)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"backendRefs", "filters", "matches", "name", "retry", "timeouts", "tls"}
	for name, want := range map[string]string{
		"match": "matches", "Matches": "matches", "macthes": "matches", "backendref": "backendRefs", "timeout": "timeouts",
		"TLS": "tls", "nam": "name", "filter": "filters", "t": "", "ssl": "", "colour": "", "": "",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
