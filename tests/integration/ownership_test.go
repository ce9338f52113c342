package integration

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/util/retry"

	"agentgateway.dev/controller/pkg/resources"
)

// theirController is another controller that has a part in objects of ours.
const theirController = "example.com/theirs"

// sharedStatus is a kind of object in whose status two controllers write.
type sharedStatus struct {
	resource string
	// list is where both have entries, below status: parents or ancestors with a
	// controllerName, or conditions, each of which is somebody's by its type.
	list string
	// change makes the n-th change of the spec, as a merge patch, which our
	// controller answers with a new observedGeneration.
	change func(n int) string
}

var sharedStatuses = []sharedStatus{
	{"httproutes", "parents", func(n int) string { return fmt.Sprintf(`{"spec":{"hostnames":["h%d.test"]}}`, n) }},
	{"grpcroutes", "parents", func(n int) string { return fmt.Sprintf(`{"spec":{"hostnames":["h%d.test"]}}`, n) }},
	{"tlsroutes", "parents", func(n int) string { return fmt.Sprintf(`{"spec":{"hostnames":["h%d.test"]}}`, n) }},
	{"tcproutes", "parents", func(n int) string {
		return fmt.Sprintf(`{"spec":{"rules":[{"backendRefs":[{"name":"web","port":443,"weight":%d}]}]}}`, n)
	}},
	{"backendtlspolicies", "ancestors", func(n int) string { return fmt.Sprintf(`{"spec":{"validation":{"hostname":"h%d.test"}}}`, n) }},
	{"gateways", "conditions", func(n int) string { return fmt.Sprintf(`{"spec":{"infrastructure":{"labels":{"n":"%d"}}}}`, n) }},
	{"listenersets", "conditions", func(n int) string {
		return fmt.Sprintf(`{"spec":{"listeners":[{"name":"more","protocol":"HTTP","port":81,"hostname":"h%d.test"}]}}`, n)
	}},
}

// sharedObjects has one object called gw of each kind in sharedStatuses.
const sharedObjects = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: "{{.Name}}"
  allowedListeners: {namespaces: {from: Same}}
  listeners:
  - {name: http, protocol: HTTP, port: 80}
  - {name: tcp, protocol: TCP, port: 90}
  - {name: tls, protocol: TLS, port: 443, tls: {mode: Passthrough}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: gw}
spec:
  parentRef: {name: gw}
  listeners: [{name: more, protocol: HTTP, port: 81}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: gw}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: web, port: 443}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: gw}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: web, port: 443}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: gw}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: web, port: 443}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: gw}
spec:
  parentRefs: [{name: gw}]
  hostnames: [web.test]
  rules: [{backendRefs: [{name: web, port: 443}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: gw}
spec:
  targetRefs: [{group: "", kind: Service, name: web}]
  validation: {hostname: web.test, wellKnownCACertificates: System}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 443}]}
`

// entry is an entry of another controller that says n.
func (s sharedStatus) entry(controller string, n int) map[string]any {
	condition := map[string]any{
		"type": "example.com/Counted", "status": "True", "reason": "Counted", "message": strconv.Itoa(n),
		"lastTransitionTime": "2024-01-01T00:00:00Z", "observedGeneration": int64(1),
	}
	switch s.list {
	case "parents":
		return map[string]any{"controllerName": controller, "parentRef": map[string]any{"name": "gw"}, "conditions": []any{condition}}
	case "ancestors":
		return map[string]any{"controllerName": controller, "ancestorRef": map[string]any{"name": "gw"}, "conditions": []any{condition}}
	default:
		return condition
	}
}

// owner says whose an entry is.
func (s sharedStatus) owner(entry any) string {
	fields, _ := entry.(map[string]any)
	name, _ := fields["controllerName"].(string)
	if s.list == "conditions" && fields["type"] == "example.com/Counted" {
		return theirController
	}
	return name
}

func (s sharedStatus) entries(object *unstructured.Unstructured) []any {
	list, _, _ := unstructured.NestedSlice(object.Object, "status", s.list)
	return list
}

// counted returns what the entry of the other controller says, -1 if there is
// none.
func (s sharedStatus) counted(object *unstructured.Unstructured) int {
	for _, entry := range s.entries(object) {
		if s.owner(entry) != theirController {
			continue
		}
		fields, _ := entry.(map[string]any)
		if conditions, _, _ := unstructured.NestedSlice(fields, "conditions"); len(conditions) == 1 {
			fields, _ = conditions[0].(map[string]any)
		}
		text, _ := fields["message"].(string)
		if n, err := strconv.Atoi(text); err == nil {
			return n
		}
	}
	return -1
}

// current tells that our controller has reported on the present spec.
func (s sharedStatus) current(e *environment, object *unstructured.Unstructured) error {
	conditions := s.entries(object)
	if s.list != "conditions" {
		ours := slices.DeleteFunc(slices.Clone(conditions), func(entry any) bool { return s.owner(entry) != e.Controller })
		if len(ours) != 1 {
			return fmt.Errorf("%s: %d entries of ours: %v", s.resource, len(ours), conditions)
		}
		fields, _ := ours[0].(map[string]any)
		conditions, _, _ = unstructured.NestedSlice(fields, "conditions")
	}
	for _, condition := range conditions {
		fields, _ := condition.(map[string]any)
		if fields["type"] == "Accepted" && fields["status"] == "True" && fields["observedGeneration"] == object.GetGeneration() {
			return nil
		}
	}
	return fmt.Errorf("%s of generation %d: not Accepted yet: %v", s.resource, object.GetGeneration(), conditions)
}

func (e *environment) shared(s sharedStatus) dynamic.ResourceInterface {
	return e.dynamic.Resource(schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: s.resource}).Namespace(e.Namespace)
}

// count makes the other controller say n, as a careful controller does: it
// reads, puts its entry in, and starts again if somebody was quicker.
func (e *environment) count(s sharedStatus, n int) error {
	client := e.shared(s)
	// The context ends it, should it never succeed.
	again := func(err error) bool { return apierrors.IsConflict(err) && e.ctx.Err() == nil }
	return retry.OnError(wait.Backoff{Steps: math.MaxInt32}, again, func() error {
		object, err := client.Get(e.ctx, "gw", metav1.GetOptions{})
		if err != nil {
			return err
		}
		list := slices.DeleteFunc(s.entries(object), func(entry any) bool { return s.owner(entry) == theirController })
		if err := unstructured.SetNestedSlice(object.Object, append(list, s.entry(theirController, n)), "status", s.list); err != nil {
			return err
		}
		_, err = client.UpdateStatus(e.ctx, object, metav1.UpdateOptions{})
		return err
	})
}

// witness watches an object until the other controller's entry says last, and
// complains about every version in which that entry is gone or older than it
// was.
func (e *environment) witness(s sharedStatus, last int) (complaints func() []string) {
	e.t.Helper()
	watcher, err := e.shared(s).Watch(e.ctx, metav1.ListOptions{FieldSelector: "metadata.name=gw"})
	if err != nil {
		e.t.Fatal(err)
	}
	done := make(chan []string, 1)
	go func() {
		defer watcher.Stop()
		var found []string
		seen := -1
		for seen < last {
			event, open := <-watcher.ResultChan()
			object, ok := event.Object.(*unstructured.Unstructured)
			if !open || !ok || event.Type == watch.Error {
				found = append(found, fmt.Sprintf("%s: the watch failed: %v", s.resource, event.Object))
				break
			}
			n := s.counted(object)
			if n < seen {
				found = append(found, fmt.Sprintf("%s version %s: the other controller's entry went from %d to %d", s.resource, object.GetResourceVersion(), seen, n))
			}
			seen = max(seen, n)
		}
		done <- found
	}()
	return func() []string { return <-done }
}

// TestTwoControllersShareEveryStatus lets another controller write its entry
// while ours has a new generation to report, again and again, on every kind of
// object at the same time.
func TestTwoControllersShareEveryStatus(t *testing.T) {
	const changes = 25
	e := newEnvironment(t, shared)
	e.gatewayClass()
	e.apply(sharedObjects)
	e.startReplica()
	var witnesses []func() []string
	for _, s := range sharedStatuses {
		witnesses = append(witnesses, e.witness(s, changes-1))
	}
	var work sync.WaitGroup
	failures := make(chan error, 2*len(sharedStatuses))
	for _, s := range sharedStatuses {
		work.Go(func() {
			for n := range changes {
				if err := e.count(s, n); err != nil {
					failures <- fmt.Errorf("%s: count %d: %w", s.resource, n, err)
					return
				}
			}
		})
		work.Go(func() {
			for n := range changes {
				if _, err := e.shared(s).Patch(e.ctx, "gw", types.MergePatchType, []byte(s.change(n)), metav1.PatchOptions{}); err != nil {
					failures <- fmt.Errorf("%s: change %d: %w", s.resource, n, err)
					return
				}
			}
		})
	}
	work.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
	for i, s := range sharedStatuses {
		e.eventually(func() error {
			object, err := e.shared(s).Get(e.ctx, "gw", metav1.GetOptions{})
			if err != nil {
				return err
			}
			if n := s.counted(object); n != changes-1 {
				return fmt.Errorf("%s: the other controller's entry says %d: %v", s.resource, n, s.entries(object))
			}
			return s.current(e, object)
		})
		for _, complaint := range witnesses[i]() {
			t.Error(complaint)
		}
	}
}

// TestEntriesUnderTheOldNameAreTakenOver starts from what an installation under
// the product's other controllerName left behind.
func TestEntriesUnderTheOldNameAreTakenOver(t *testing.T) {
	const alias = "agentgateway.dev/agentgateway"
	e := newEnvironment(t, shared)
	e.Controller = "agentgateway.dev/controller"
	e.gatewayClass()
	e.apply(sharedObjects)
	lists := slices.DeleteFunc(slices.Clone(sharedStatuses), func(s sharedStatus) bool { return s.list == "conditions" })
	for _, s := range lists {
		gone := s.entry(alias, 1)
		for _, ref := range []string{"parentRef", "ancestorRef"} {
			if gone[ref] != nil {
				gone[ref] = map[string]any{"name": "gone"}
			}
		}
		e.setStatus(s, s.entry(alias, 1), s.entry(theirController, 7), gone)
	}
	// Both names are its own unless it is told one.
	e.startReplica(map[string]string{"AGW_CONTROLLER_NAME": ""})
	for _, s := range lists {
		e.eventually(func() error {
			object, err := e.shared(s).Get(e.ctx, "gw", metav1.GetOptions{})
			if err != nil {
				return err
			}
			entries := s.entries(object)
			if len(entries) != 2 || s.owner(entries[0]) != theirController || s.counted(object) != 7 {
				return fmt.Errorf("%s: want the other controller's entry, then ours: %v", s.resource, entries)
			}
			return s.current(e, object)
		})
	}
}

// setStatus replaces the list of a status.
func (e *environment) setStatus(s sharedStatus, entries ...any) {
	e.t.Helper()
	object, err := e.shared(s).Get(e.ctx, "gw", metav1.GetOptions{})
	if err != nil {
		e.t.Fatal(err)
	}
	if err := unstructured.SetNestedSlice(object.Object, entries, "status", s.list); err != nil {
		e.t.Fatal(err)
	}
	if _, err := e.shared(s).UpdateStatus(e.ctx, object, metav1.UpdateOptions{}); err != nil {
		e.t.Fatal(err)
	}
}

// TestGatewayOfAnotherClassIsLeftAlone gives a Gateway to another controller:
// what ours reported on its account goes, what is the other's stays, and the
// Gateway itself is not ours to write any more.
func TestGatewayOfAnotherClassIsLeftAlone(t *testing.T) {
	e := newEnvironment(t, shared)
	e.gatewayClass()
	e.apply(strings.ReplaceAll(`
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: "{{.Name}}-theirs"}
spec: {controllerName: THEIRS}
---
`, "THEIRS", theirController) + sharedObjects + oneGatewayNamed("own") + route("own", "own", "/own"))
	r := e.startReplica()
	p := r.connect("gw", nil)
	for _, s := range sharedStatuses {
		if err := e.count(s, 1); err != nil {
			t.Fatal(err)
		}
		e.eventually(func() error {
			object, err := e.shared(s).Get(e.ctx, "gw", metav1.GetOptions{})
			if err != nil {
				return err
			}
			return s.current(e, object)
		})
	}
	p.until("something", func() bool { return len(p.names(resources.ResourceTypeURL)) > 0 })

	e.patchGateway("gw", fmt.Sprintf(`{"spec":{"gatewayClassName":%q}}`, e.Name+"-theirs"))
	p.holds()
	for _, s := range sharedStatuses {
		if s.list == "conditions" {
			continue
		}
		e.eventually(func() error {
			object, err := e.shared(s).Get(e.ctx, "gw", metav1.GetOptions{})
			if err != nil {
				return err
			}
			if entries := s.entries(object); len(entries) != 1 || s.counted(object) != 1 {
				return fmt.Errorf("%s: want the other controller's entry alone: %v", s.resource, entries)
			}
			return nil
		})
	}
	versions := e.versions("gateways", "listenersets")
	// A change of the spec and a new route would be reported.
	e.patchGateway("gw", `{"spec":{"infrastructure":{"labels":{"n":"1"}}}}`)
	after := e.versions("gateways", "listenersets")
	e.apply(route("late", "gw", "/late") + route("late-own", "own", "/late"))
	e.condition("late-own", "Accepted", metav1.ConditionTrue, "Accepted", "")
	if got := e.versions("gateways", "listenersets"); !slices.Equal(got, after) || got[1] != versions[1] {
		t.Errorf("versions %v became %v: somebody wrote to what isn't ours", after, got)
	}
}

// versions returns the resource versions of the objects called gw.
func (e *environment) versions(kinds ...string) []string {
	e.t.Helper()
	var versions []string
	for _, kind := range kinds {
		object, err := e.shared(sharedStatus{resource: kind}).Get(e.ctx, "gw", metav1.GetOptions{})
		if err != nil {
			e.t.Fatal(err)
		}
		versions = append(versions, object.GetResourceVersion())
	}
	return versions
}

// oneGatewayNamed is oneGateway by another name.
func oneGatewayNamed(name string) string {
	return strings.ReplaceAll(oneGateway, "name: gw", "name: "+name)
}
