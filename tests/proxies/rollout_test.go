package proxies

import (
	"fmt"
	"net/http"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
)

// Whatever changes in the parameters, the pods are replaced once.
func TestParametersRollOutOnce(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.start()
	e.apply(`
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayParameters
metadata: {name: own}
spec: {}
`)
	e.createGateway("gw", "/", 8080)
	e.patch(gateways, "gw", `{"spec": {"infrastructure": {"parametersRef": {"group": "agentgateway.dev", "kind": "AgentgatewayParameters", "name": "own"}}}}`)
	address := e.address("gw")
	e.rolledOut("gw", nil)
	ports := []int{8080}
	for _, change := range []struct{ spec, what, want string }{
		{`{"image": {"tag": "next"}}`, "image", "cr.agentgateway.dev/agentgateway:next"},
		{`{"env": [{"name": "ADDED", "value": "here"}]}`, "ADDED", "here"},
		{`{"logging": {"level": "debug"}}`, "RUST_LOG", "debug"},
		// It goes into the configuration file, whose checksum goes into the pods.
		{`{"logging": {"format": "json"}}`, "RUST_LOG", "debug"},
	} {
		before, templates := e.deployment("gw"), e.templates("gw")
		e.patch(parameters, "own", `{"spec": `+change.spec+`}`)
		e.rolledOut("gw", func(d *appsv1.Deployment) error {
			got := variable(d, change.what)
			if change.what == "image" {
				got = d.Spec.Template.Spec.Containers[0].Image
			}
			if got != change.want || d.Generation == before.Generation {
				return fmt.Errorf("%s is %q in generation %d", change.what, got, d.Generation)
			}
			return nil
		})
		// A Gateway's changes are applied in their order: once this port is
		// there, whatever the parameters had led to is, too.
		ports = append(ports, ports[len(ports)-1]+1)
		e.setListeners("gw", ports...)
		e.ports("gw", int32s(ports)...)
		if after := e.deployment("gw"); after.Generation != before.Generation+1 {
			t.Errorf("%s: from generation %d to %d", change.spec, before.Generation, after.Generation)
		}
		if now := e.templates("gw"); now != templates+1 {
			t.Errorf("%s: %d ReplicaSets after %d", change.spec, now, templates)
		}
		e.answers(address, ports[len(ports)-1], "/", http.StatusOK)
	}
}

func int32s(ports []int) []int32 {
	var out []int32
	for _, port := range ports {
		out = append(out, int32(port))
	}
	return out
}
