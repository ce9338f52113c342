package golden

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"agentgateway.dev/controller/pkg/graph"
	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/offline"
)

// sound is a configuration of every kind in which nothing is wrong.
const sound = `
apiVersion: v1
kind: Namespace
metadata: {name: default}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: agentgateway}
spec: {controllerName: agentgateway.dev/controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: default}
spec:
  gatewayClassName: agentgateway
  allowedListeners: {namespaces: {from: Same}}
  listeners:
  - {name: http, protocol: HTTP, port: 80}
  - {name: tcp, protocol: TCP, port: 9000}
  - {name: tls, protocol: TLS, port: 8443, tls: {mode: Passthrough}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: set, namespace: default}
spec:
  parentRef: {name: gw}
  listeners: [{name: more, protocol: HTTP, port: 8080}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: http, namespace: default}
spec:
  parentRefs: [{name: gw, sectionName: http}, {kind: ListenerSet, group: gateway.networking.k8s.io, name: set}]
  rules:
  - backendRefs: [{name: app, port: 80}]
  - matches: [{path: {value: /pool}}]
    backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: pool}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: grpc, namespace: default}
spec:
  parentRefs: [{name: gw, sectionName: http}]
  hostnames: [grpc.example.com]
  rules: [{backendRefs: [{name: app, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: tcp, namespace: default}
spec:
  parentRefs: [{name: gw, sectionName: tcp}]
  rules: [{backendRefs: [{name: app, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: tls, namespace: default}
spec:
  parentRefs: [{name: gw, sectionName: tls}]
  hostnames: [tls.example.com]
  rules: [{backendRefs: [{name: app, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: trust, namespace: default}
spec:
  targetRefs: [{group: "", kind: Service, name: app}]
  validation: {hostname: app.example.com, wellKnownCACertificates: System}
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: pool, namespace: default}
spec:
  selector: {matchLabels: {app: model}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: app, port: {number: 80}}
---
apiVersion: v1
kind: Service
metadata: {name: app, namespace: default}
spec: {clusterIP: 10.0.0.1, ports: [{port: 80}]}
`

// mistakes has one for each kind. None of them is attached to a listener of
// sound, for what attaches counts in the status of its Gateway.
var mistakes = map[string]string{
	"GatewayClass": `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: broken}
spec:
  controllerName: agentgateway.dev/controller
  parametersRef: {group: "", kind: ConfigMap, name: none, namespace: default}
`,
	"Gateway": `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: broken, namespace: default}
spec:
  gatewayClassName: agentgateway
  addresses: [{type: example.com/none, value: none}]
  listeners: [{name: https, protocol: HTTPS, port: 443, tls: {certificateRefs: [{name: none}]}}, {name: udp, protocol: UDP, port: 53}]
`,
	"ListenerSet": `
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: broken, namespace: default}
spec:
  parentRef: {name: gw}
  listeners: [{name: taken, protocol: TCP, port: 80}]
`,
	"HTTPRoute": `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: broken, namespace: default}
spec:
  parentRefs: [{name: gw, sectionName: none}]
  rules: [{backendRefs: [{name: none, port: 80}], filters: [{type: ExtensionRef, extensionRef: {group: example.com, kind: None, name: none}}]}]
`,
	"GRPCRoute": `
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: broken, namespace: default}
spec:
  parentRefs: [{name: gw, sectionName: tcp}]
  rules: [{backendRefs: [{group: example.com, kind: None, name: none}]}]
`,
	"TCPRoute": `
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: broken, namespace: default}
spec:
  parentRefs: [{name: gw, sectionName: http}]
  rules: [{backendRefs: [{name: app, namespace: elsewhere, port: 80}]}]
`,
	"TLSRoute": `
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: broken, namespace: default}
spec:
  parentRefs: [{name: gw, port: 1}]
  hostnames: [tls.example.com]
  rules: [{backendRefs: [{name: none, port: 80}]}]
`,
	"BackendTLSPolicy": `
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: zz-broken, namespace: default}
spec:
  targetRefs: [{group: "", kind: Service, name: app}]
  validation: {hostname: other.example.com, caCertificateRefs: [{group: "", kind: Secret, name: none}]}
`,
	"InferencePool": `
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: broken, namespace: default}
spec:
  selector: {matchLabels: {app: model}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: none}
`,
	"ReferenceGrant": `
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: broken, namespace: default}
spec:
  from: [{group: example.com, kind: None, namespace: none}]
  to: [{group: "", kind: None}]
`,
	"Secret": `
apiVersion: v1
kind: Secret
metadata: {name: broken, namespace: default}
type: kubernetes.io/tls
stringData: {tls.crt: none, tls.key: none}
`,
	"Service": `
apiVersion: v1
kind: Service
metadata: {name: broken, namespace: default}
spec: {clusterIP: none, ports: [{port: 80, targetPort: nowhere}]}
`,
	"EndpointSlice": `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: broken, namespace: default, labels: {kubernetes.io/service-name: none}}
addressType: IPv4
endpoints: [{addresses: [none]}]
ports: [{port: 80}]
`,
}

// TestMistakesCostNobodyElse adds an invalid object of each kind to a sound
// configuration: everything that was there stays as it was.
func TestMistakesCostNobodyElse(t *testing.T) {
	before := entries(t, sound)
	for _, object := range []string{
		"GatewayClass /agentgateway", "Gateway default/gw", "ListenerSet default/set", "HTTPRoute default/http", "GRPCRoute default/grpc",
		"TCPRoute default/tcp", "TLSRoute default/tls", "BackendTLSPolicy default/trust", "InferencePool default/pool",
	} {
		if before["status "+object] == "" {
			t.Errorf("no status of %s", object)
		}
	}
	for name, entry := range before {
		for _, reason := range []string{"Invalid", "NotPermitted", "NotFound", "NotAllowed", "NoMatching", "Conflict", "Unsupported"} {
			if strings.Contains(entry, "reason: "+reason) {
				t.Fatalf("%s isn't sound:\n%s", name, entry)
			}
		}
	}
	for kind, mistake := range mistakes {
		t.Run(kind, func(t *testing.T) {
			after := entries(t, sound+"---"+mistake)
			for name, want := range before {
				if diff := cmp.Diff(want, after[name]); diff != "" {
					t.Errorf("%s (-before +after):\n%s", name, diff)
				}
			}
		})
	}
}

// entries are the parts of what manifests become, by their names.
func entries(t *testing.T, manifests string) map[string]string {
	t.Helper()
	settings := graph.DefaultSettings()
	settings.InferencePools = true
	decoder := inputs.NewDecoder()
	decoder.Features.InferencePools = true
	decoder.Read("manifests", []byte(manifests))
	if decoder.Failed() {
		t.Fatalf("manifests can't be read: %v", decoder.Diagnostics)
	}
	document, err := offline.Translate(decoder.Objects, settings)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	keep := func(name string, value any) {
		text, err := yaml.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		found[name] = string(text)
	}
	for _, resource := range document.Resources {
		keep("resource "+resource.Gateway+" "+resource.Name, resource)
	}
	for _, address := range document.Addresses {
		keep("address "+address.Name, address)
	}
	for _, status := range document.Status {
		keep("status "+status.Kind+" "+status.Metadata.Namespace+"/"+status.Metadata.Name, status)
	}
	return found
}
