package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"agentgateway.dev/controller/pkg/validation"
)

const (
	validClass = `apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: agentgateway}
spec: {controllerName: agentgateway.dev/controller}
`
	misspeltPolicy = `# a policy
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayPolicy
metadata: {name: slow, namespace: web}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge}]
  traffic:
    timeout: {request: 1s}
    csrf: {}
`
	service = "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\n"
)

func TestValidateTakesWhatIsValid(t *testing.T) {
	for _, path := range []string{"../../manifests/examples", "../../apis/v1alpha1/testdata/accepted"} {
		if code, stdout, stderr := agwctl("", "validate", "-f", path); code != 0 || stdout+stderr != "" {
			t.Errorf("%s: exit code %d, %s%s", path, code, stdout, stderr)
		}
	}
}

func TestValidateNamesFileAndLine(t *testing.T) {
	dir := t.TempDir()
	file(t, dir, "class.yaml", validClass)
	path := file(t, dir, "deeper/policy.yml", misspeltPolicy)
	file(t, dir, "service.json", `{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop"}}`)
	file(t, dir, "README.md", "not: [a manifest")
	want := `:8: error: AgentgatewayPolicy web/slow: spec.traffic.timeout: unknown field; did you mean "timeouts"?` + "\n"
	if code, stdout, stderr := agwctl("", "validate", "-f", dir); code != exitFailed || stdout != path+want || stderr != "" {
		t.Errorf("exit code %d, stdout\n%s\nwant\n%s\nstderr %s", code, stdout, path+want, stderr)
	}
	if code, stdout, _ := agwctl(misspeltPolicy, "validate", "-f", "-"); code != exitFailed || stdout != "<stdin>"+want {
		t.Errorf("standard input: exit code %d, stdout\n%s", code, stdout)
	}
}

func TestValidateNotesOtherKinds(t *testing.T) {
	if code, stdout, _ := agwctl(service, "validate", "-f", "-"); code != 0 || stdout != "" {
		t.Errorf("exit code %d, %s", code, stdout)
	}
	code, stdout, _ := agwctl(service, "validate", "-v", "-f", "-")
	if want := "<stdin>:1: note: Service shop: not validated: the schemas of v1 are not in this program\n"; code != 0 || stdout != want {
		t.Errorf("-v: exit code %d, %q, want %q", code, stdout, want)
	}
}

func TestValidatePrintsJSON(t *testing.T) {
	code, stdout, _ := agwctl(misspeltPolicy, "validate", "-o", "json", "-f", "-")
	var findings []validation.Finding
	if err := json.Unmarshal([]byte(stdout), &findings); err != nil || code != exitFailed || len(findings) != 1 {
		t.Fatalf("exit code %d, %v, %s", code, err, stdout)
	}
	want := validation.Finding{
		Severity: validation.Error, File: "<stdin>", Line: 8, Kind: "AgentgatewayPolicy", Namespace: "web", Name: "slow",
		Path: "spec.traffic.timeout", Message: `unknown field; did you mean "timeouts"?`,
	}
	if findings[0] != want {
		t.Errorf("got %+v, want %+v", findings[0], want)
	}
	if code, stdout, _ := agwctl(validClass, "validate", "-o", "json", "-f", "-"); code != 0 || stdout != "[]\n" {
		t.Errorf("valid: exit code %d, %q", code, stdout)
	}
}

func TestValidateCommandLine(t *testing.T) {
	for name, args := range map[string][]string{
		"no files":       {"validate"},
		"argument":       {"validate", "class.yaml"},
		"unknown flag":   {"validate", "-f", "-", "--nothing"},
		"unknown output": {"validate", "-f", "-", "-o", "xml"},
	} {
		if code, stdout, stderr := agwctl(validClass, args...); code != exitUsage || stdout != "" || !strings.HasPrefix(stderr, "agwctl: ") {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", name, code, stdout, stderr)
		}
	}
	missing := filepath.Join(t.TempDir(), "missing.yaml")
	if code, _, stderr := agwctl("", "validate", "-f", missing); code != exitFailed || !strings.Contains(stderr, missing) {
		t.Errorf("missing file: exit code %d, stderr %q", code, stderr)
	}
}
