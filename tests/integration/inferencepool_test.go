package integration

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	inferencev1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"
	inferenceclient "sigs.k8s.io/gateway-api-inference-extension/client-go/clientset/versioned"

	"agentgateway.dev/controller/pkg/resources"
	"agentgateway.dev/controller/tests/cluster"
)

// poolRoute is a route to the pool that the tests are about.
const poolRoute = `
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: completions}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: llama}]}]
`

const llamaPool = `
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llama}
spec:
  selector: {matchLabels: {app: llama}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: picker, port: {number: 9002}}
`

var inferenceOn = map[string]string{"AGW_ENABLE_INFER_EXT": "true"}

// TestInferencePools starts without the CRD and ends with a pool that another
// controller has a part in.
func TestInferencePools(t *testing.T) {
	bare := cluster.Start(t, cluster.Options{WithoutProjectCRDs: true})
	e := newEnvironment(t, bare)
	e.gatewayClass()
	e.apply(oneGateway + poolRoute)
	r := e.startReplica(inferenceOn)
	p := r.connect("gw", nil)
	p.holdsRoutes("gw", "completions")
	e.condition("completions", "ResolvedRefs", metav1.ConditionFalse, "BackendNotFound", "llama")

	e.installInferencePools()
	e.eventually(func() error { return e.tryApply(llamaPool) })
	e.condition("completions", "ResolvedRefs", metav1.ConditionTrue, "ResolvedRefs", "")
	e.poolParents(func(parents []inferencev1.ParentStatus) error { return resolvedRefs(e, parents, "InvalidExtensionRef") })
	routing, pickerTLS := "policy/"+e.Namespace+"/llama:inference", "policy/"+e.Namespace+"/llama:inferencetls"
	p.until("the routing without a picker", func() bool { return p.has(routing) && !p.has(pickerTLS) })

	theirs := inferencev1.ParentStatus{
		ParentRef: inferencev1.ParentReference{Name: "theirs"}, ControllerName: "example.com/other",
		Conditions: []metav1.Condition{{Type: "Accepted", Status: metav1.ConditionFalse, Reason: "Theirs", Message: "hands off", LastTransitionTime: metav1.Now()}},
	}
	e.addPoolParent(theirs)
	e.apply(`
apiVersion: v1
kind: Service
metadata: {name: picker}
spec:
  selector: {app: picker}
  ports: [{port: 9002}]
`)
	e.poolParents(func(parents []inferencev1.ParentStatus) error {
		if len(parents) == 0 || parents[0].ControllerName != theirs.ControllerName || parents[0].Conditions[0].Message != "hands off" {
			return fmt.Errorf("the other controller's entry became %+v", parents[0])
		}
		return resolvedRefs(e, parents[1:], "ResolvedRefs")
	})
	p.until("the picker", func() bool { return p.has(routing) && p.has(pickerTLS) })
	address := e.Namespace + "/llama." + e.Namespace + ".inference.cluster.local"
	p.until("the address", func() bool { return slices.Contains(p.names(resources.AddressTypeURL), address) })

	e.remove(httpRoutes, "completions")
	p.holdsRoutes("gw")
	e.poolParents(func(parents []inferencev1.ParentStatus) error {
		if len(parents) != 1 || parents[0].ControllerName != theirs.ControllerName {
			return fmt.Errorf("want the other controller's entry alone: %+v", parents)
		}
		return nil
	})
	e.remove(schema.GroupVersionResource{Group: inferencev1.GroupName, Version: "v1", Resource: "inferencepools"}, "llama")
	p.until("no address", func() bool { return !slices.Contains(p.names(resources.AddressTypeURL), address) })
}

// TestInferencePoolsAreOffByDefault has a pool that would be served.
func TestInferencePoolsAreOffByDefault(t *testing.T) {
	e := newEnvironment(t, shared)
	e.gatewayClass()
	e.installInferencePools()
	e.eventually(func() error { return e.tryApply(llamaPool) })
	e.apply(oneGateway + poolRoute)
	r := e.startReplica()
	p := r.connect("gw", nil)
	p.holdsRoutes("gw", "completions")
	e.condition("completions", "ResolvedRefs", metav1.ConditionFalse, "InvalidKind", "not enabled")
	for _, name := range p.names(resources.AddressTypeURL) {
		if strings.Contains(name, ".inference.") {
			t.Errorf("the proxy has the address %s", name)
		}
	}
	e.poolParents(func(parents []inferencev1.ParentStatus) error {
		if len(parents) != 0 {
			t.Errorf("the pool has a status: %+v", parents)
		}
		return nil
	})
}

func (e *environment) installInferencePools() {
	e.t.Helper()
	file, err := cluster.InferencePoolCRD()
	if err != nil {
		e.t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		e.t.Fatal(err)
	}
	e.apply(string(content))
}

func (e *environment) pools() inferenceclient.Interface {
	e.t.Helper()
	return must(inferenceclient.NewForConfig(e.cluster.RESTConfig))(e.t)
}

// poolParents waits until check returns nil for status.parents of the pool.
func (e *environment) poolParents(check func([]inferencev1.ParentStatus) error) {
	e.t.Helper()
	client := e.pools().InferenceV1().InferencePools(e.Namespace)
	e.eventually(func() error {
		pool, err := client.Get(e.ctx, "llama", metav1.GetOptions{})
		if err != nil {
			return err
		}
		return check(pool.Status.Parents)
	})
}

// addPoolParent puts an entry of another controller before ours, trying again
// as long as somebody else is quicker.
func (e *environment) addPoolParent(theirs inferencev1.ParentStatus) {
	e.t.Helper()
	client := e.pools().InferenceV1().InferencePools(e.Namespace)
	e.eventually(func() error {
		pool, err := client.Get(e.ctx, "llama", metav1.GetOptions{})
		if err != nil {
			return err
		}
		pool.Status.Parents = append([]inferencev1.ParentStatus{theirs}, pool.Status.Parents...)
		_, err = client.UpdateStatus(e.ctx, pool, metav1.UpdateOptions{})
		return err
	})
}

// resolvedRefs demands one entry, ours for the Gateway, with this reason.
func resolvedRefs(e *environment, parents []inferencev1.ParentStatus, reason string) error {
	if len(parents) != 1 || string(parents[0].ControllerName) != e.Controller || parents[0].ParentRef.Name != "gw" {
		return fmt.Errorf("want one entry for gw: %+v", parents)
	}
	condition := meta.FindStatusCondition(parents[0].Conditions, "ResolvedRefs")
	if condition == nil || condition.Reason != reason || !meta.IsStatusConditionTrue(parents[0].Conditions, "Accepted") {
		return fmt.Errorf("want %s: %+v", reason, parents[0].Conditions)
	}
	return nil
}

// has reports whether the proxy holds a resource of its Gateway.
func (p *proxy) has(name string) bool {
	return slices.Contains(p.names(resources.ResourceTypeURL), name)
}
