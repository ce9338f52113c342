package provision

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/apis/v1alpha1"
	"agentgateway.dev/controller/tests/cluster"
)

// patience is how long a test waits for what must happen, before it fails.
const patience = time.Minute

// rig is the controller's provisioning on a real API server. Nothing else
// runs: no pod starts, and nothing is garbage collected.
type rig struct {
	*testing.T
	ctx     context.Context
	client  kube.Client
	reports krt.Collection[Report]
	told    *diary
	desired krt.Collection[Desired]
	leader  *leader
	metrics prometheus.Gatherer
}

// apiServer starts a cluster for a test and returns the configuration of its
// clients.
func apiServer(t *testing.T) *rest.Config {
	t.Helper()
	if testing.Short() {
		t.Skip("needs an API server")
	}
	return cluster.Start(t, cluster.Options{}).RESTConfig
}

// leader is an Applier that runs.
type leader struct {
	applier *Applier
	resign  func()
}

// take runs the Applier, after it has ended if it runs already.
func (l *leader) take(ctx context.Context) {
	if l.resign != nil {
		l.resign()
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		l.applier.Run(ctx)
		close(ended)
	}()
	l.resign = func() {
		cancel()
		<-ended
	}
}

var (
	gatewayKinds = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gateways"}
	classes      = gatewayKinds.GroupVersion().WithResource("gatewayclasses")
	deployments  = apps.WithResource("deployments")
	daemonSets   = apps.WithResource("daemonsets")
	autoscalers  = autoscaling.WithResource("horizontalpodautoscalers")
	services     = coreResource("services")
	secrets      = coreResource("secrets")
	configMaps   = coreResource("configmaps")
)

// newLeader replaces the leader and waits until the new one has looked at every
// Gateway.
func (r *rig) newLeader() {
	r.Helper()
	r.leader.resign()
	r.told.begin()
	r.leader.take(r.ctx)
	r.eventually("the new leader's first round", func() bool { return r.told.through(r.desired.List()) })
}

// writes counts all that was applied and deleted.
func (r *rig) writes() float64 {
	r.Helper()
	families, err := r.metrics.Gather()
	if err != nil {
		r.Fatal(err)
	}
	total := 0.0
	for _, family := range families {
		for _, metric := range family.Metric {
			total += metric.Counter.GetValue()
		}
	}
	return total
}

// gateway creates a Gateway in the namespace default, with parameters if named.
func (r *rig) gateway(name, parameters string) {
	r.Helper()
	infrastructure := "{}"
	if parameters != "" {
		infrastructure = "{parametersRef: {group: agentgateway.dev, kind: AgentgatewayParameters, name: " + parameters + "}}"
	}
	r.create(gatewayKinds, `{metadata: {name: `+name+`, namespace: default}, spec: {gatewayClassName: agentgateway,
		listeners: [{name: http, port: 8080, protocol: HTTP}], infrastructure: `+infrastructure+`}}`)
}

var kindsOf = map[schema.GroupVersionResource]string{
	gatewayKinds: "Gateway", classes: "GatewayClass", v1alpha1.ParametersResource: "AgentgatewayParameters",
	deployments: "Deployment", configMaps: "ConfigMap",
}

func (r *rig) create(resource schema.GroupVersionResource, text string) {
	r.Helper()
	var content map[string]any
	if err := yaml.Unmarshal([]byte(strings.ReplaceAll(text, "\t", " ")), &content); err != nil {
		r.Fatal(err)
	}
	object := &unstructured.Unstructured{Object: content}
	object.SetGroupVersionKind(resource.GroupVersion().WithKind(kindsOf[resource]))
	if _, err := r.client.Dynamic().Resource(resource).Namespace(object.GetNamespace()).Create(r.ctx, object, metav1.CreateOptions{}); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) patch(resource schema.GroupVersionResource, name, text string) {
	r.Helper()
	_, err := r.client.Dynamic().Resource(resource).Namespace("default").Patch(r.ctx, name, types.MergePatchType, []byte(text),
		metav1.PatchOptions{FieldManager: "somebody"})
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) get(resource schema.GroupVersionResource, name string) *unstructured.Unstructured {
	r.Helper()
	object, err := r.client.Dynamic().Resource(resource).Namespace("default").Get(r.ctx, name, metav1.GetOptions{})
	if err != nil {
		r.Fatal(err)
	}
	return object
}

// await watches an object until it is as it should be.
func (r *rig) await(resource schema.GroupVersionResource, name string, right func(*unstructured.Unstructured) bool) {
	r.Helper()
	r.watch(resource, name, func(object *unstructured.Unstructured) bool { return object != nil && right(object) })
}

func (r *rig) awaitGone(resource schema.GroupVersionResource, name string) {
	r.Helper()
	r.watch(resource, name, func(object *unstructured.Unstructured) bool { return object == nil })
}

// watch calls right with every state of an object, nil when it isn't there,
// until it returns true.
func (r *rig) watch(resource schema.GroupVersionResource, name string, right func(*unstructured.Unstructured) bool) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	options := metav1.ListOptions{FieldSelector: "metadata.name=" + name}
	objects := r.client.Dynamic().Resource(resource).Namespace("default")
	list, err := objects.List(ctx, options)
	if err != nil {
		r.Fatal(err)
	}
	if len(list.Items) == 0 && right(nil) || len(list.Items) > 0 && right(&list.Items[0]) {
		return
	}
	options.ResourceVersion = list.GetResourceVersion()
	watcher, err := objects.Watch(ctx, options)
	if err != nil {
		r.Fatal(err)
	}
	defer watcher.Stop()
	for event := range watcher.ResultChan() {
		object, ok := event.Object.(*unstructured.Unstructured)
		if !ok {
			r.Fatalf("watching %s: %v", resource.Resource, event.Object)
		}
		if event.Type == "DELETED" {
			object = nil
		}
		if right(object) {
			return
		}
	}
	r.Fatalf("%s %s did not become as it should be", resource.Resource, name)
}

// awaitReport waits for a Report that is right, or for none if right is nil.
func (r *rig) awaitReport(gateway string, right func(Report) bool) {
	r.Helper()
	states := make(chan *Report)
	ended := make(chan struct{})
	registration := r.reports.Register(func(event krt.Event[Report]) {
		if event.Latest().Name != gateway {
			return
		}
		select {
		case states <- event.New:
		case <-ended:
		}
	})
	defer registration.UnregisterHandler()
	defer close(ended)
	if right == nil && r.reports.GetKey("default/"+gateway) == nil {
		return
	}
	deadline := time.After(patience)
	var last *Report
	for {
		select {
		case last = <-states:
			if last == nil && right == nil || last != nil && right != nil && right(*last) {
				return
			}
		case <-deadline:
			r.Fatalf("the report is %+v", last)
		}
	}
}

// awaitTold waits until the observer was told of a refusal, and checks that it
// was told once.
func (r *rig) awaitTold(gateway, prefix string) {
	r.Helper()
	r.eventually("told of "+prefix, func() bool { return r.told.count(gateway, prefix) > 0 })
	if n := r.told.count(gateway, prefix); n > 1 {
		r.Errorf("%s: told %d times of %q", gateway, n, prefix)
	}
}

// eventually waits until done returns true.
func (r *rig) eventually(what string, done func() bool) {
	r.Helper()
	deadline, tick := time.After(patience), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			r.Fatalf("not in time: %s", what)
		}
	}
}

func annotation(workload *unstructured.Unstructured, name string) string {
	text, _, _ := unstructured.NestedString(workload.Object, "spec", "template", "metadata", "annotations", name)
	return text
}
