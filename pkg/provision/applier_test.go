package provision

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/apis/v1alpha1"
	"agentgateway.dev/controller/pkg/graph"
	"agentgateway.dev/controller/pkg/inputs"
)

func TestApplier(t *testing.T) {
	config := apiServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	client, err := kube.NewClient(kube.NewClientConfigForRestConfig(config), "")
	if err != nil {
		t.Fatal(err)
	}
	client = kube.EnableCrdWatcher(client)
	opts := krt.NewOptionsBuilder(ctx.Done(), "", nil)
	in := inputs.FromCluster(client, inputs.Features{}, opts)
	desired := NewDesired(Inputs{
		Gateways: in.Gateways, Classes: in.GatewayClasses, Parameters: in.AgentgatewayParameters, Secrets: in.Secrets,
		Judged:   graph.Build(in, graph.DefaultSettings(), opts).Gateways,
		Defaults: DefaultsOf(settingsOf(t, ""), testVersion),
	}, opts)
	told, registry := newDiary(), prometheus.NewRegistry()
	applier := NewApplier(ApplierInputs{
		Client: client, Desired: desired, Controllers: graph.DefaultSettings().Controllers,
		Logger: zaptest.NewLogger(t, zaptest.Level(zap.InfoLevel)), Registry: registry,
		Observer: told,
	}, opts)
	r := &rig{
		T: t, ctx: ctx, client: client, told: told, desired: desired, leader: &leader{applier: applier}, metrics: registry,
		reports: NewReports(desired, in.Services, applier.Outcomes(), opts),
	}
	client.RunAndWait(ctx.Done())
	r.leader.take(ctx)
	t.Cleanup(func() {
		cancel()
		r.leader.resign()
	})
	r.create(classes, `{metadata: {name: agentgateway}, spec: {controllerName: agentgateway.dev/controller}}`)
	for _, scenario := range []struct {
		name string
		run  func(*rig)
	}{
		{"creates all objects", createsAllObjects},
		{"creates what parameters ask for", createsWhatParametersAskFor},
		{"repairs hand edits", repairsHandEdits},
		{"renews a deleted key", renewsDeletedKey},
		{"prunes its own objects only", prunesItsOwnObjectsOnly},
		{"keeps what runs despite a mistake", keepsWhatRunsDespiteMistake},
		{"reports what the API server refuses", reportsRefusals},
		{"reports addresses", reportsAddresses},
		{"leaves objects of other classes", leavesObjectsOfOtherClasses},
		{"writes nothing as a new leader", writesNothingAsNewLeader},
	} {
		t.Run(scenario.name, func(t *testing.T) {
			scoped := *r
			scoped.T = t
			scenario.run(&scoped)
		})
	}
}

func createsAllObjects(r *rig) {
	r.gateway("created", "")
	r.await(deployments, "created", func(*unstructured.Unstructured) bool { return true })
	secret, err := r.client.Kube().CoreV1().Secrets("default").Get(r.ctx, "created-session-key", metav1.GetOptions{})
	if err != nil {
		r.Fatal(err)
	}
	if !regexp.MustCompile("^[0-9a-f]{64}$").Match(secret.Data["key"]) {
		r.Errorf("the key is %q", secret.Data["key"])
	}
	deployment := r.get(deployments, "created")
	if got := annotation(deployment, "checksum/session-key"); got != checksum(secret.Data["key"]) {
		r.Errorf("checksum of the session key is %q", got)
	}
	for _, resource := range []schema.GroupVersionResource{coreResource("serviceaccounts"), configMaps, services, deployments} {
		object := r.get(resource, "created")
		if ref := metav1.GetControllerOf(object); ref == nil || ref.Name != "created" || ref.Kind != "Gateway" {
			r.Errorf("%s has the owner %v", resource.Resource, ref)
		}
		if manager := object.GetManagedFields()[0].Manager; manager != "agentgateway.dev/controller" {
			r.Errorf("%s is applied by %s", resource.Resource, manager)
		}
	}
}

func createsWhatParametersAskFor(r *rig) {
	r.create(v1alpha1.ParametersResource, `{metadata: {name: full, namespace: default}, spec: {
		logging: {level: debug, format: json}, shutdown: {min: 15, max: 120}, istio: {clusterId: c1, network: n1},
		image: {digest: "sha256:`+testKey+`", pullPolicy: Always}, resources: {limits: {cpu: "2"}},
		modelCatalog: {sources: [{configMap: {name: prices}}]}, env: [{name: MY_FLAG, value: "on"}],
		service: {spec: {ports: [{name: extra, port: 9999}], externalTrafficPolicy: Local}},
		deployment: {spec: {template: {spec: {containers: [{name: sidecar, image: busybox}], volumes: [{name: more, emptyDir: {}}]}}}},
		podDisruptionBudget: {spec: {minAvailable: 1}}, horizontalPodAutoscaler: {spec: {minReplicas: 2, maxReplicas: 10}}}}`)
	r.gateway("full", "full")
	r.await(autoscalers, "full", func(*unstructured.Unstructured) bool { return true })
	for _, resource := range []schema.GroupVersionResource{services, deployments, policy.WithResource("poddisruptionbudgets")} {
		r.get(resource, "full")
	}
	if report := r.reports.GetKey("default/full"); report == nil || report.Failure != "" || report.Problem != nil {
		r.Errorf("the report is %+v", report)
	}
}

func repairsHandEdits(r *rig) {
	r.gateway("edited", "")
	r.await(deployments, "edited", func(*unstructured.Unstructured) bool { return true })
	edit := func() {
		r.patch(deployments, "edited", `{"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}}`)
		r.await(deployments, "edited", func(d *unstructured.Unstructured) bool {
			seconds, _, _ := unstructured.NestedInt64(d.Object, "spec", "template", "spec", "terminationGracePeriodSeconds")
			return seconds == 60
		})
	}
	// Neither status nor fields that we don't set are of any concern.
	r.patch(deployments, "edited", `{"spec": {"replicas": 5}}`)
	if _, err := r.client.Dynamic().Resource(deployments).Namespace("default").Patch(r.ctx, "edited", types.MergePatchType,
		[]byte(`{"status": {"replicas": 5}}`), metav1.PatchOptions{}, "status"); err != nil {
		r.Fatal(err)
	}
	edit()
	if replicas, _, _ := unstructured.NestedInt64(r.get(deployments, "edited").Object, "spec", "replicas"); replicas != 5 {
		r.Errorf("replicas are %d", replicas)
	}
	// Deleted objects come back, and labels and owners.
	if err := r.client.Kube().CoreV1().Services("default").Delete(r.ctx, "edited", metav1.DeleteOptions{}); err != nil {
		r.Fatal(err)
	}
	r.await(services, "edited", func(s *unstructured.Unstructured) bool { return s.GetDeletionTimestamp() == nil })
	r.patch(configMaps, "edited", `{"metadata": {"ownerReferences": null, "labels": null}, "data": {"config.yaml": "x"}}`)
	r.await(configMaps, "edited", func(c *unstructured.Unstructured) bool {
		text, _, _ := unstructured.NestedString(c.Object, "data", "config.yaml")
		return text == emptyConfig && c.GetLabels()[GatewayNameLabel] == "edited" && metav1.GetControllerOf(c) != nil
	})
}

func renewsDeletedKey(r *rig) {
	r.gateway("rekeyed", "")
	var first string
	r.await(deployments, "rekeyed", func(d *unstructured.Unstructured) bool {
		first = annotation(d, "checksum/session-key")
		return first != ""
	})
	if err := r.client.Kube().CoreV1().Secrets("default").Delete(r.ctx, "rekeyed-session-key", metav1.DeleteOptions{}); err != nil {
		r.Fatal(err)
	}
	r.await(deployments, "rekeyed", func(d *unstructured.Unstructured) bool { return annotation(d, "checksum/session-key") != first })
	// A key of the user's stays, and so does what isn't a key.
	r.patch(secrets, "rekeyed-session-key", `{"stringData": {"key": "`+testKey+`"}}`)
	r.await(deployments, "rekeyed", func(d *unstructured.Unstructured) bool {
		return annotation(d, "checksum/session-key") == checksum([]byte(testKey))
	})
	r.patch(secrets, "rekeyed-session-key", `{"stringData": {"key": "zz"}}`)
	r.awaitReport("rekeyed", func(report Report) bool { return report.Problem != nil })
	r.patch(secrets, "rekeyed-session-key", `{"metadata": {"labels": null}}`)
	secret := r.get(secrets, "rekeyed-session-key")
	if key, _, _ := unstructured.NestedString(secret.Object, "data", "key"); key != "eno=" {
		r.Errorf("the key became %q", key)
	}
	r.patch(secrets, "rekeyed-session-key", `{"stringData": {"key": "`+testKey+`"}}`)
	r.awaitReport("rekeyed", func(report Report) bool { return report.Problem == nil })
	r.await(secrets, "rekeyed-session-key", func(s *unstructured.Unstructured) bool { return s.GetLabels()[GatewayNameLabel] == "rekeyed" })
}

func prunesItsOwnObjectsOnly(r *rig) {
	r.create(v1alpha1.ParametersResource, `{metadata: {name: pruned, namespace: default}, spec: {
		horizontalPodAutoscaler: {spec: {maxReplicas: 3}}, podDisruptionBudget: {spec: {minAvailable: 1}}}}`)
	r.gateway("pruned", "pruned")
	r.await(autoscalers, "pruned", func(*unstructured.Unstructured) bool { return true })
	r.create(deployments, `{metadata: {name: mine, namespace: default, labels: {gateway.networking.k8s.io/gateway-name: pruned}}, spec: {
		selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: b}]}}}}`)
	r.patch(v1alpha1.ParametersResource, "pruned", `{"spec": {"workload": {"kind": "DaemonSet"}, "horizontalPodAutoscaler": null}}`)
	r.await(daemonSets, "pruned", func(*unstructured.Unstructured) bool { return true })
	r.awaitGone(deployments, "pruned")
	r.awaitGone(autoscalers, "pruned")
	r.get(deployments, "mine")
	r.get(policy.WithResource("poddisruptionbudgets"), "pruned")
}

func keepsWhatRunsDespiteMistake(r *rig) {
	r.create(v1alpha1.ParametersResource, `{metadata: {name: wrong, namespace: default}, spec: {}}`)
	r.gateway("wrong", "wrong")
	r.await(deployments, "wrong", func(*unstructured.Unstructured) bool { return true })
	r.patch(v1alpha1.ParametersResource, "wrong", `{"spec": {"image": {"repository": ""}, "logging": {"level": "debug"}}}`)
	r.awaitReport("wrong", func(report Report) bool {
		return report.Problem != nil && report.Problem.Reason == ReasonInvalidParameters
	})
	r.get(deployments, "wrong")
	r.awaitTold("wrong", "InvalidParameters: AgentgatewayParameters default/wrong")
	r.patch(v1alpha1.ParametersResource, "wrong", `{"spec": {"image": null}}`)
	r.awaitReport("wrong", func(report Report) bool { return report.Problem == nil })
	r.await(deployments, "wrong", func(d *unstructured.Unstructured) bool {
		text, err := json.Marshal(d.Object)
		return err == nil && strings.Contains(string(text), `{"name":"RUST_LOG","value":"debug"}`)
	})
}

func reportsRefusals(r *rig) {
	r.create(configMaps, `{metadata: {name: refused, namespace: default, ownerReferences: [
		{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, name: other, uid: x, controller: true}]}}`)
	r.gateway("refused", "")
	r.awaitReport("refused", func(report Report) bool { return strings.Contains(report.Failure, "apply ConfigMap default/refused: ") })
	r.awaitTold("refused", "DeploymentFailed: apply ConfigMap default/refused: ")
	if err := r.client.Kube().CoreV1().ConfigMaps("default").Delete(r.ctx, "refused", metav1.DeleteOptions{}); err != nil {
		r.Fatal(err)
	}
	r.awaitReport("refused", func(report Report) bool { return report.Failure == "" })
	r.get(deployments, "refused")
}

func reportsAddresses(r *rig) {
	r.gateway("addressed", "")
	r.await(services, "addressed", func(*unstructured.Unstructured) bool { return true })
	if _, err := r.client.Kube().CoreV1().Services("default").Patch(r.ctx, "addressed", types.MergePatchType,
		[]byte(`{"status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.9"}]}}}`), metav1.PatchOptions{}, "status"); err != nil {
		r.Fatal(err)
	}
	r.awaitReport("addressed", func(report Report) bool {
		return len(report.Addresses) == 1 && report.Addresses[0].Value == "203.0.113.9"
	})
}

func leavesObjectsOfOtherClasses(r *rig) {
	r.create(classes, `{metadata: {name: theirs}, spec: {controllerName: example.com/controller}}`)
	r.gateway("left", "")
	r.await(deployments, "left", func(*unstructured.Unstructured) bool { return true })
	r.patch(gatewayKinds, "left", `{"spec": {"gatewayClassName": "theirs"}}`)
	r.awaitReport("left", nil)
	r.get(deployments, "left")
}

func writesNothingAsNewLeader(r *rig) {
	// What the scenarios before didn't wait for is done now.
	r.newLeader()
	before := r.writes()
	r.newLeader()
	if after := r.writes(); after != before {
		r.Errorf("%v writes of a new leader", after-before)
	}
	// What happened while nobody led is seen.
	r.leader.resign()
	r.patch(deployments, "created", `{"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}}`)
	r.patch(configMaps, "edited", `{"data": {"more": "by somebody else"}}`)
	if err := r.client.Kube().CoreV1().Services("default").Delete(r.ctx, "created", metav1.DeleteOptions{}); err != nil {
		r.Fatal(err)
	}
	r.newLeader()
	r.await(services, "created", func(s *unstructured.Unstructured) bool { return s.GetDeletionTimestamp() == nil })
	r.await(deployments, "created", func(d *unstructured.Unstructured) bool {
		seconds, _, _ := unstructured.NestedInt64(d.Object, "spec", "template", "spec", "terminationGracePeriodSeconds")
		return seconds == 60
	})
	if after := r.writes(); after != before+2 {
		r.Errorf("%v writes to repair two objects", after-before)
	}
}
