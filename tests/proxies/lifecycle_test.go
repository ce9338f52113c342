package proxies

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestGatewayIsServed(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.start()
	e.createGateway("gw", "/", 8080)
	address := e.address("gw")
	e.rolledOut("gw", nil)
	e.answers(address, 8080, "/hello", http.StatusOK)
	for _, pod := range e.pods("gw") {
		if status := pod.Status.ContainerStatuses[0]; status.RestartCount > 0 || pod.Spec.ServiceAccountName != "gw" {
			t.Errorf("pod %s of account %s was started %d times", pod.Name, pod.Spec.ServiceAccountName, status.RestartCount+1)
		}
	}
}

// Each Gateway has proxies of its own, which are told about it alone.
func TestTwoGateways(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.start()
	e.createGateway("one", "/one", 8080)
	e.createGateway("two", "/two", 8080, 8081)
	one, two := e.address("one"), e.address("two")
	if one == two {
		t.Fatalf("both Gateways have the address %s", one)
	}
	e.answers(one, 8080, "/one", http.StatusOK)
	e.answers(two, 8080, "/two", http.StatusOK)
	e.answers(two, 8081, "/two", http.StatusOK)
	e.answers(one, 8080, "/two", http.StatusNotFound)
	e.answers(two, 8080, "/one", http.StatusNotFound)
	e.refuses(one, 8081)
	keys := map[string]bool{}
	for _, gateway := range []string{"one", "two"} {
		secret := must(e.kube.CoreV1().Secrets(e.name).Get(e.ctx, gateway+"-session-key", metav1.GetOptions{}))(t)
		keys[string(secret.Data["key"])] = true
	}
	if len(keys) != 2 {
		t.Error("two Gateways share a session key")
	}
}

func TestDeletedGatewayLeavesNothing(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.start()
	e.apply(`
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayParameters
metadata: {name: full}
spec:
  podDisruptionBudget: {spec: {maxUnavailable: 1}}
  horizontalPodAutoscaler: {spec: {minReplicas: 1, maxReplicas: 1}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: users, labels: {` + gatewayLabel + `: leaves}}
`)
	e.createGateway("stays", "/", 8080)
	e.createGateway("leaves", "/", 8080)
	e.patch(gateways, "leaves", `{"spec": {"infrastructure": {"parametersRef": {"group": "agentgateway.dev", "kind": "AgentgatewayParameters", "name": "full"}}}}`)
	stays, leaves := e.address("stays"), e.address("leaves")
	e.answers(stays, 8080, "/", http.StatusOK)
	e.answers(leaves, 8080, "/", http.StatusOK)
	e.eventually(func() error {
		// One of each kind, and the ConfigMap of the user.
		if list := e.belongings("leaves"); len(list) != len(ours)+1 {
			return fmt.Errorf("the Gateway has %v", list)
		}
		return nil
	})
	before, runs := e.belongings("stays"), e.runs("stays")

	e.remove(gateways, "leaves")
	e.eventually(func() error {
		if list := e.belongings("leaves"); !slices.Equal(list, []string{"configmaps/users"}) {
			return fmt.Errorf("after the Gateway there are %v", list)
		}
		return nil
	})
	e.refuses(leaves, 8080)
	e.answers(stays, 8080, "/", http.StatusOK)
	if after := e.belongings("stays"); !slices.Equal(before, after) {
		t.Errorf("the other Gateway had %v and has %v", before, after)
	}
	e.unmoved("stays", runs)
}

// What a Gateway of another class has is left alone, and is adopted again when
// the class comes back.
func TestClassSwitchedAwayAndBack(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.start()
	e.apply(`
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: ` + e.name + `-other}
spec: {controllerName: example.com/other}
`)
	e.createGateway("gw", "/", 8080)
	address := e.address("gw")
	e.answers(address, 8080, "/", http.StatusOK)
	e.rolledOut("gw", nil)
	before := e.belongings("gw")

	e.patch(gateways, "gw", `{"spec": {"gatewayClassName": "`+e.name+`-other"}}`)
	// A Gateway that comes later is provisioned later.
	e.createGateway("marker", "/", 8080)
	e.address("marker")
	const label = "somebody-elses"
	e.patch(deployments, "gw", `{"metadata": {"labels": {"app.kubernetes.io/managed-by": "`+label+`"}}}`)
	e.remove(gateways, "marker")
	e.createGateway("marker2", "/", 8080)
	e.address("marker2")
	if after := e.belongings("gw"); !slices.Equal(before, after) {
		t.Errorf("with another class the Gateway has %v, before %v", after, before)
	}
	if d := e.deployment("gw"); d.Labels["app.kubernetes.io/managed-by"] != label {
		t.Errorf("the Deployment of another class was changed: %v", d.Labels)
	}

	e.patch(gateways, "gw", `{"spec": {"gatewayClassName": "`+e.name+`"}}`)
	e.rolledOut("gw", func(d *appsv1.Deployment) error {
		if d.Labels["app.kubernetes.io/managed-by"] != "agentgateway" {
			return fmt.Errorf("not adopted again: %v", d.Labels)
		}
		return nil
	})
	if back := e.address("gw"); back != address {
		t.Errorf("the address was %s and is %s", address, back)
	}
	e.answers(address, 8080, "/", http.StatusOK)
	if templates := e.templates("gw"); templates != 1 {
		t.Errorf("the pods were rolled: %d ReplicaSets", templates)
	}
	for _, pod := range e.pods("gw") {
		if pod.Status.Phase != corev1.PodRunning || pod.Status.ContainerStatuses[0].RestartCount > 0 {
			t.Errorf("pod %s: %+v", pod.Name, pod.Status)
		}
	}
}
