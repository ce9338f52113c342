package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// condition waits for a condition of a route's only parent of ours.
func (e *environment) condition(name, conditionType string, status metav1.ConditionStatus, reason, part string) {
	e.t.Helper()
	e.eventually(func() error {
		route, err := e.gateway.GatewayV1().HTTPRoutes(e.Namespace).Get(e.ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, parent := range route.Status.Parents {
			if string(parent.ControllerName) != e.Controller {
				continue
			}
			condition := meta.FindStatusCondition(parent.Conditions, conditionType)
			if condition != nil && condition.Status == status && condition.Reason == reason &&
				strings.Contains(condition.Message, part) && condition.ObservedGeneration == route.Generation {
				return nil
			}
		}
		return fmt.Errorf("route %s: no condition %s=%s %s with %q: %+v", name, conditionType, status, reason, part, route.Status.Parents)
	})
}

func (e *environment) attachedRoutes(gateway string, want int32) {
	e.t.Helper()
	e.eventually(func() error {
		object, err := e.gateway.GatewayV1().Gateways(e.Namespace).Get(e.ctx, gateway, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if len(object.Status.Listeners) != 1 || object.Status.Listeners[0].AttachedRoutes != want {
			return fmt.Errorf("gateway %s: %+v, want %d attached routes", gateway, object.Status.Listeners, want)
		}
		return nil
	})
}

func TestBurstOfRoutesIsAHandfulOfGatewayWrites(t *testing.T) {
	const n = 1000
	e := newEnvironment(t, shared)
	e.gatewayClass()
	e.backend("echo")
	e.apply(oneGateway)
	e.startReplica()
	e.attachedRoutes("gw", 0)
	writes := e.watchGateways()

	began := time.Now()
	names := e.routes(n, "gw")
	e.attachedRoutes("gw", n)
	// Changes that keep coming are written at most every 400 ms, after a few
	// quicker ones; how long the routes take to create is up to the machine.
	most := 10 + int(time.Since(began)/(400*time.Millisecond))
	for _, name := range []string{names[0], names[n-1]} {
		e.condition(name, string(gwv1.RouteConditionAccepted), metav1.ConditionTrue, string(gwv1.RouteReasonAccepted), "")
	}
	if seen := writes(); seen > most {
		t.Errorf("%d routes cost %d writes of the Gateway, want at most %d", n, seen, most)
	}

	// The steady state writes nothing: the next version of any object is ours.
	e.eventually(func() error { return e.allAccepted(names) })
	before := e.latestVersion()
	e.apply(`
apiVersion: v1
kind: ConfigMap
metadata: {name: unrelated}
data: {a: "1"}
`)
	if after := e.latestVersion(); after != before {
		t.Errorf("objects were written in the steady state: version %s became %s", before, after)
	}
}

func (e *environment) allAccepted(names []string) error {
	list, err := e.gateway.GatewayV1().HTTPRoutes(e.Namespace).List(e.ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, route := range list.Items {
		if slices.Contains(names, route.Name) && len(route.Status.Parents) != 1 {
			return fmt.Errorf("route %s has no status yet", route.Name)
		}
	}
	return nil
}

// latestVersion is the highest resource version among the test's routes and
// gateways.
func (e *environment) latestVersion() string {
	e.t.Helper()
	routes, err := e.gateway.GatewayV1().HTTPRoutes(e.Namespace).List(e.ctx, metav1.ListOptions{})
	if err != nil {
		e.t.Fatal(err)
	}
	var versions []string
	for _, route := range routes.Items {
		versions = append(versions, fmt.Sprintf("%012s", route.ResourceVersion))
	}
	gateways, err := e.gateway.GatewayV1().Gateways(e.Namespace).List(e.ctx, metav1.ListOptions{})
	if err != nil {
		e.t.Fatal(err)
	}
	for _, gateway := range gateways.Items {
		versions = append(versions, fmt.Sprintf("%012s", gateway.ResourceVersion))
	}
	return slices.Max(versions)
}

// watchGateways counts changes of Gateways until it is asked.
func (e *environment) watchGateways() func() int {
	e.t.Helper()
	watcher, err := e.gateway.GatewayV1().Gateways(e.Namespace).Watch(e.ctx, metav1.ListOptions{})
	if err != nil {
		e.t.Fatal(err)
	}
	changes := make(chan int, 1)
	go func() {
		seen := 0
		for event := range watcher.ResultChan() {
			if event.Type == watch.Modified {
				seen++
			}
		}
		changes <- seen
	}()
	return func() int {
		watcher.Stop()
		return <-changes
	}
}

func TestForeignParentsAreNeverTouched(t *testing.T) {
	e := newEnvironment(t, shared)
	e.gatewayClass()
	e.backend("echo")
	e.apply(oneGateway + route("shared", "gw", "/shared"))
	routes := e.gateway.GatewayV1().HTTPRoutes(e.Namespace)
	object, err := routes.Get(e.ctx, "shared", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	foreign := gwv1.RouteParentStatus{
		ParentRef: gwv1.ParentReference{Name: "theirs"}, ControllerName: "example.com/other",
		Conditions: []metav1.Condition{{Type: "Accepted", Status: metav1.ConditionFalse, Reason: "Theirs", Message: "hands off",
			LastTransitionTime: metav1.NewTime(time.Unix(1700000000, 0))}},
	}
	object.Status.Parents = []gwv1.RouteParentStatus{foreign}
	if _, err := routes.UpdateStatus(e.ctx, object, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	e.startReplica()
	check := func(ours int) {
		t.Helper()
		e.eventually(func() error {
			object, err := routes.Get(e.ctx, "shared", metav1.GetOptions{})
			if err != nil {
				return err
			}
			parents := object.Status.Parents
			if len(parents) != 1+ours {
				return fmt.Errorf("%d parents, want %d", len(parents), 1+ours)
			}
			if got := parents[0]; got.ControllerName != foreign.ControllerName || len(got.Conditions) != 1 ||
				got.Conditions[0].Message != "hands off" || !got.Conditions[0].LastTransitionTime.Equal(&foreign.Conditions[0].LastTransitionTime) {
				t.Fatalf("the other controller's entry became %+v", got)
			}
			return nil
		})
	}
	check(1)
	// The route leaves our Gateway: only our entry goes.
	e.apply(route("shared", "elsewhere", "/shared"))
	check(0)
	e.apply(route("shared", "gw", "/shared"))
	check(1)
}

func TestMistakesAreReportedAndCostNobodyElse(t *testing.T) {
	e := newEnvironment(t, shared)
	e.gatewayClass()
	e.backend("echo")
	other := e.Namespace + "-other"
	e.namespace(other, nil)
	e.apply(oneGateway + route("good", "gw", "/good"))
	r := e.startReplica()
	p := r.connect("gw", nil)
	p.holdsRoutes("gw", "good")
	before := len(p.History())

	bad := func(name, namespace, backend string) string {
		return fmt.Sprintf(`
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: %s, namespace: %s}
spec:
  parentRefs: [{name: gw, namespace: %s}]
  rules: [{backendRefs: [%s]}]
`, name, namespace, e.Namespace, backend)
	}
	e.apply(bad("missing-backend", e.Namespace, "{name: absent, port: 80}") +
		bad("missing-grant", e.Namespace, "{name: echo, namespace: "+other+", port: 80}") +
		bad("unknown-kind", e.Namespace, "{group: example.com, kind: Thing, name: thing}") +
		bad("wrong-namespace", other, "{name: echo, port: 80}") +
		route("unknown-parent", "absent", "/unknown"))
	e.condition("missing-backend", "ResolvedRefs", metav1.ConditionFalse, "BackendNotFound", "absent")
	e.condition("missing-grant", "ResolvedRefs", metav1.ConditionFalse, "RefNotPermitted", "ReferenceGrant")
	e.condition("unknown-kind", "ResolvedRefs", metav1.ConditionFalse, "InvalidKind", "Thing")
	for _, name := range []string{"missing-backend", "missing-grant", "unknown-kind"} {
		e.condition(name, "Accepted", metav1.ConditionTrue, "Accepted", "")
	}
	e.eventually(func() error {
		object, err := e.gateway.GatewayV1().HTTPRoutes(other).Get(e.ctx, "wrong-namespace", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if len(object.Status.Parents) != 1 || object.Status.Parents[0].Conditions[0].Reason != "NotAllowedByListeners" {
			return fmt.Errorf("%+v", object.Status.Parents)
		}
		return nil
	})
	object, err := e.gateway.GatewayV1().HTTPRoutes(e.Namespace).Get(e.ctx, "unknown-parent", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(object.Status.Parents) != 0 {
		t.Errorf("a route with a parent of nobody got a status: %+v", object.Status.Parents)
	}
	for _, response := range p.History()[before:] {
		for _, resource := range response.Resources {
			if strings.Contains(resource.Name, "/good.") {
				t.Error("the good route was sent again")
			}
		}
	}
}
