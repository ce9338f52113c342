package proxies

import (
	"net/http"
	"testing"
)

// Ports open and close in running proxies: only the Service changes.
func TestPortsFollowListeners(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.start()
	e.createGateway("gw", "/", 8080)
	address := e.address("gw")
	e.answers(address, 8080, "/", http.StatusOK)
	before := e.rolledOut("gw", nil)
	runs := e.runs("gw")

	e.setListeners("gw", 8080, 8081)
	e.ports("gw", 8080, 8081)
	e.answers(address, 8081, "/", http.StatusOK)

	e.apply(`
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: more}
spec:
  parentRef: {name: gw}
  listeners: [{name: http, port: 9090, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: more}
spec:
  parentRefs: [{kind: ListenerSet, group: gateway.networking.k8s.io, name: more}]
  rules: [{backendRefs: [{name: echo, port: 80}]}]
`)
	e.ports("gw", 8080, 8081, 9090)
	e.answers(address, 9090, "/", http.StatusOK)
	e.remove(listenerSets, "more")
	e.ports("gw", 8080, 8081)
	e.refuses(address, 9090)

	e.setListeners("gw", 8081)
	e.ports("gw", 8081)
	e.refuses(address, 8080)
	e.answers(address, 8081, "/", http.StatusOK)
	if after := e.deployment("gw"); after.Generation != before.Generation {
		t.Errorf("the Deployment changed from generation %d to %d", before.Generation, after.Generation)
	}
	e.unmoved("gw", runs)
}

// A port that the Gateway calls internal is exposed when a ListenerSet uses it
// as any other.
func TestInternalPortsAndListenerSets(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.start()
	e.createGateway("gw", "/", 8000, 8080)
	e.patch(gateways, "gw", `{"metadata": {"annotations": {"agentgateway.dev/internal-ports": "8080"}}}`)
	address := e.address("gw")
	e.ports("gw", 8000)
	e.answers(address, 8000, "/", http.StatusOK)
	e.refuses(address, 8080)
	runs := e.runs("gw")

	e.apply(`
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: normal}
spec:
  parentRef: {name: gw}
  listeners: [{name: http, port: 8080, protocol: HTTP, hostname: normal.example}]
`)
	e.ports("gw", 8000, 8080)
	e.answers(address, 8080, "/", http.StatusOK)
	e.remove(listenerSets, "normal")
	e.ports("gw", 8000)
	e.refuses(address, 8080)
	e.answers(address, 8000, "/", http.StatusOK)
	e.unmoved("gw", runs)
}
