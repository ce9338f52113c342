// Package architecture holds the rules about who may import whom.
package architecture

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "agentgateway.dev/controller/"

// ground are the packages that everybody may import.
var ground = map[string]bool{
	"apis/v1alpha1":             true,
	"apis/xds":                  true,
	"pkg/conditions":            true,
	"pkg/krtx":                  true,
	"pkg/resources":             true,
	"pkg/settings":              true,
	"pkg/validation/gatewayapi": true,
	"pkg/validation/inference":  true,
}

// flow is the order in which data moves: a package imports only packages of a
// lower number. Packages of one number don't know each other.
var flow = map[string]int{
	"pkg/inputs":     1,
	"pkg/mesh":       2,
	"pkg/references": 2,
	"pkg/addresses":  3,
	"pkg/gateways":   3,
	"pkg/routes":     4,
	"pkg/backends":   5,
	"pkg/policies":   5,
	"pkg/graph":      6,
	"pkg/jwks":       7,
	"pkg/offline":    7,
	"pkg/provision":  7,
	"pkg/status":     7,
	"pkg/validation": 7,
	"pkg/xds":        7,
	"pkg/admin":      8,
	"pkg/controller": 9,
}

func TestImportsRunWithTheFlow(t *testing.T) {
	for importer, imports := range list(t, "{{.ImportPath}} {{join .Imports \" \"}}", module+"pkg/...") {
		own, known := flow[importer]
		if !known && !ground[importer] {
			t.Errorf("%s has no place in the flow: add it to this test, and to the design if it is new", importer)
			continue
		}
		for _, imported := range imports {
			if !strings.HasPrefix(imported, "pkg/") || ground[imported] {
				if strings.HasPrefix(imported, "cmd/") || strings.HasPrefix(imported, "tests/") || strings.HasPrefix(imported, "tools/") {
					t.Errorf("%s imports %s: packages know neither commands nor tests nor tools", importer, imported)
				}
				continue
			}
			if flow[imported] >= own {
				t.Errorf("%s imports %s, which stands to its right or beside it", importer, imported)
			}
		}
	}
}

// tolerated are packages below a forbidden path that a library brings along.
var tolerated = map[string]bool{
	// Generates names; istio's client needs it.
	"k8s.io/apiserver/pkg/storage/names": true,
}

// forbidden in the controller: what would double its size or belongs to tests.
var forbidden = []string{
	"helm.sh/", "k8s.io/kubernetes/", "k8s.io/apiserver/", "sigs.k8s.io/controller-runtime/", "go.etcd.io/",
	module + "tests/", module + "tools/", "testing",
}

func TestControllerContainsNothingForeign(t *testing.T) {
	for dependency := range list(t, "{{.ImportPath}}", "-deps", module+"cmd/agentgateway-controller") {
		full := dependency
		for _, prefix := range []string{"pkg/", "cmd/", "tests/", "tools/", "apis/"} {
			if strings.HasPrefix(dependency, prefix) {
				full = module + dependency
			}
		}
		for _, bad := range forbidden {
			if tolerated[full] {
				continue
			}
			if full == bad || strings.HasSuffix(bad, "/") && strings.HasPrefix(full, bad) {
				t.Errorf("the controller's binary contains %s", full)
			}
		}
	}
}

// list runs go list and returns, for every package, the rest of its line. The
// module's own paths come without the module.
func list(t *testing.T, format string, args ...string) map[string][]string {
	t.Helper()
	command := exec.Command("go", append([]string{"list", "-f", format}, args...)...)
	var problems strings.Builder
	command.Stderr = &problems
	output, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, problems.String())
	}
	packages := map[string][]string{}
	for line := range strings.Lines(string(output)) {
		fields := strings.Fields(line)
		for i := range fields {
			fields[i] = strings.TrimPrefix(fields[i], module)
		}
		packages[fields[0]] = fields[1:]
	}
	return packages
}
