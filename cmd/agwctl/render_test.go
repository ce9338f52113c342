package main

import (
	"strings"
	"testing"
)

const renderInput = `apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: agentgateway}
spec: {controllerName: agentgateway.dev/controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec:
  gatewayClassName: agentgateway
  listeners: [{name: http, port: 8080, protocol: HTTP}]
  infrastructure: {parametersRef: {group: agentgateway.dev, kind: AgentgatewayParameters, name: own}}
---
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayParameters
metadata: {name: own, namespace: shop}
`

func TestRenderPrintsObjectsInOrder(t *testing.T) {
	t.Setenv("AGW_PROXY_IMAGE_TAG", "from-env")
	code, stdout, stderr := agwctl(renderInput+"spec: {podDisruptionBudget: {}}\n", "render", "-f", "-", "--proxy-image-registry=registry.test")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, standard error %q", code, stderr)
	}
	var kinds []string
	for line := range strings.Lines(stdout) {
		if kind, found := strings.CutPrefix(line, "kind: "); found {
			kinds = append(kinds, strings.TrimSpace(kind))
		}
	}
	if got := strings.Join(kinds, " "); got != "ServiceAccount Secret ConfigMap Service Deployment PodDisruptionBudget" {
		t.Errorf("kinds are %s", got)
	}
	for _, want := range []string{"image: registry.test/agentgateway:from-env\n", "namespace: shop\n"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("output lacks %q", want)
		}
	}
	// Nothing can be owned by a Gateway that is in no cluster.
	if strings.Contains(stdout, "ownerReferences") {
		t.Error("output has owner references without a uid")
	}
}

// TestRenderReadsTheMesh checks that the mesh configuration counts that is in
// the files, under the name that the settings say.
func TestRenderReadsTheMesh(t *testing.T) {
	input := renderInput + `spec: {istio: {}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio-canary, namespace: mesh}
data: {mesh: "trustDomain: corp.test"}
`
	for want, arguments := range map[string][]string{
		"value: corp.test\n":     {"--istio-namespace=mesh", "--istio-revision=canary"},
		"value: cluster.local\n": {"--istio-namespace=mesh"},
	} {
		code, stdout, stderr := agwctl(input, append([]string{"render", "-f", "-"}, arguments...)...)
		if code != 0 || stderr != "" {
			t.Fatalf("%v: exit code %d, standard error %q", arguments, code, stderr)
		}
		if !strings.Contains(stdout, "name: TRUST_DOMAIN\n          "+want) {
			t.Errorf("%v: output lacks the trust domain with %q", arguments, want)
		}
	}
}

func TestRenderFindings(t *testing.T) {
	for name, test := range map[string]struct {
		spec string
		code int
		want string
	}{
		"a mistake":    {"spec: {image: {repository: \"\"}}\n", exitFailed, "Gateway shop/gw: InvalidParameters: AgentgatewayParameters shop/own (of the Gateway): spec.image.repository: must not be empty\n"},
		"a lost field": {"spec: {service: {spec: {unknown: 1}}}\n", 0, "Gateway shop/gw: warning: AgentgatewayParameters shop/own (of the Gateway): spec.service: unknown field \"spec.unknown\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := agwctl(renderInput+test.spec, "render", "-f", "-")
			if code != test.code || stderr != test.want {
				t.Errorf("exit code %d, standard error %q", code, stderr)
			}
		})
	}
}

func TestRenderUsage(t *testing.T) {
	for name, args := range map[string][]string{
		"no input":          {"render"},
		"an argument":       {"render", "gateway.yaml"},
		"malformed setting": {"render", "-f", "-", "--xds-mode=maybe"},
	} {
		t.Run(name, func(t *testing.T) {
			if code, _, stderr := agwctl("", args...); code != exitUsage || stderr == "" {
				t.Errorf("exit code %d, standard error %q", code, stderr)
			}
		})
	}
}
