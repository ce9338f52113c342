package proxies

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"agentgateway.dev/controller/apis/v1alpha1"
)

var (
	gateways     = schema.GroupVersionResource{Group: gwv1.GroupName, Version: "v1", Resource: "gateways"}
	listenerSets = schema.GroupVersionResource{Group: gwv1.GroupName, Version: "v1", Resource: "listenersets"}
	deployments  = appsv1.SchemeGroupVersion.WithResource("deployments")
	parameters   = v1alpha1.ParametersResource
)

// gatewayLabel is on everything that belongs to a Gateway.
const gatewayLabel = "gateway.networking.k8s.io/gateway-name"

// createGateway makes a Gateway of the test's class with HTTP listeners on
// ports, which also takes in ListenerSets, and a route below path to the echo
// server.
func (e *environment) createGateway(name, path string, ports ...int) {
	e.Helper()
	e.apply(fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: %[1]q}
spec:
  gatewayClassName: %[2]s
  allowedListeners: {namespaces: {from: Same}}
  listeners: %[3]s
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: %[1]q}
spec:
  parentRefs: [{name: %[1]q}]
  rules:
  - matches: [{path: {value: %[4]s}}]
    backendRefs: [{name: echo, port: 80}]
`, name, e.name, listeners(ports...), path))
}

// listeners is a JSON list of HTTP listeners.
func listeners(ports ...int) string {
	var list []string
	for _, port := range ports {
		list = append(list, fmt.Sprintf(`{"name": "http-%d", "port": %d, "protocol": "HTTP"}`, port, port))
	}
	return "[" + strings.Join(list, ", ") + "]"
}

func (e *environment) setListeners(gateway string, ports ...int) {
	e.Helper()
	e.patch(gateways, gateway, `{"spec": {"listeners": `+listeners(ports...)+`}}`)
}

// address waits until a Gateway is programmed and has one address, that of its
// Service, and returns it.
func (e *environment) address(gateway string) string {
	e.Helper()
	var address string
	e.eventually(func() error {
		object, err := e.gateway.GatewayV1().Gateways(e.name).Get(e.ctx, gateway, metav1.GetOptions{})
		if err != nil {
			return err
		}
		programmed := meta.FindStatusCondition(object.Status.Conditions, "Programmed")
		if programmed == nil || programmed.Status != metav1.ConditionTrue || programmed.ObservedGeneration != object.Generation || len(object.Status.Addresses) != 1 {
			return fmt.Errorf("Gateway %s: %+v", gateway, object.Status)
		}
		address = object.Status.Addresses[0].Value
		service, err := e.kube.CoreV1().Services(e.name).Get(e.ctx, gateway, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if ingress := service.Status.LoadBalancer.Ingress; len(ingress) != 1 || ingress[0].IP != address {
			return fmt.Errorf("the Gateway has the address %s and its Service %+v", address, ingress)
		}
		return nil
	})
	return address
}

// answers waits until a request is answered with code. Each one has a
// connection of its own.
func (e *environment) answers(address string, port int, path string, code int) {
	e.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	url := fmt.Sprintf("http://%s:%d%s", address, port, path)
	e.eventually(func() error {
		got, body, err := fetch(client, url)
		if err != nil {
			return err
		}
		if got != code || code == http.StatusOK && !echoes(body, path) {
			return fmt.Errorf("GET %s: %d %s, want %d", url, got, body, code)
		}
		return nil
	})
}

// echoes tells whether body is the echo server's answer to a request for path.
func echoes(body, path string) bool {
	var answer struct{ Path string }
	return json.Unmarshal([]byte(body), &answer) == nil && answer.Path == path
}

// refuses waits until nothing listens.
func (e *environment) refuses(address string, port int) {
	e.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	e.eventually(func() error {
		if code, _, err := fetch(client, fmt.Sprintf("http://%s:%d/", address, port)); err == nil {
			return fmt.Errorf("port %d still answers with %d", port, code)
		}
		return nil
	})
}

// ports waits until the Service of a Gateway has exactly these ports.
func (e *environment) ports(gateway string, want ...int32) {
	e.Helper()
	e.eventually(func() error {
		service, err := e.kube.CoreV1().Services(e.name).Get(e.ctx, gateway, metav1.GetOptions{})
		if err != nil {
			return err
		}
		var got []int32
		for _, port := range service.Spec.Ports {
			got = append(got, port.Port)
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("the Service has the ports %v, want %v", got, want)
		}
		return nil
	})
}

func (e *environment) deployment(gateway string) *appsv1.Deployment {
	e.Helper()
	return must(e.kube.AppsV1().Deployments(e.name).Get(e.ctx, gateway, metav1.GetOptions{}))(e)
}

// rolledOut waits until all pods of a Gateway are those of its Deployment as
// it is now, and ready, and returns the Deployment. right tells whether the
// Deployment is the one that is waited for; nil takes any.
func (e *environment) rolledOut(gateway string, right func(*appsv1.Deployment) error) *appsv1.Deployment {
	e.Helper()
	var found *appsv1.Deployment
	e.eventually(func() error {
		d, err := e.kube.AppsV1().Deployments(e.name).Get(e.ctx, gateway, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if right != nil {
			if err := right(d); err != nil {
				return err
			}
		}
		wanted, s := *d.Spec.Replicas, d.Status
		if s.ObservedGeneration != d.Generation || s.UpdatedReplicas != wanted || s.AvailableReplicas != wanted || s.Replicas != wanted {
			return fmt.Errorf("the Deployment isn't rolled out: %+v", s)
		}
		pods, err := e.kube.CoreV1().Pods(e.name).List(e.ctx, metav1.ListOptions{LabelSelector: gatewayLabel + "=" + gateway})
		if err != nil {
			return err
		}
		if len(pods.Items) != int(wanted) {
			return fmt.Errorf("%d pods, want %d", len(pods.Items), wanted)
		}
		found = d
		return nil
	})
	return found
}

// runs is what a restart of a Gateway's pods would change: their uids, and how
// often their containers were started again.
func (e *environment) runs(gateway string) map[types.UID]int32 {
	e.Helper()
	runs := map[types.UID]int32{}
	for _, pod := range e.pods(gateway) {
		for _, container := range pod.Status.ContainerStatuses {
			runs[pod.UID] += container.RestartCount
		}
	}
	return runs
}

func (e *environment) pods(gateway string) []corev1.Pod {
	e.Helper()
	list := must(e.kube.CoreV1().Pods(e.name).List(e.ctx, metav1.ListOptions{LabelSelector: gatewayLabel + "=" + gateway}))(e)
	return list.Items
}

// unmoved checks that a Gateway's pods are those of before and run since.
func (e *environment) unmoved(gateway string, before map[types.UID]int32) {
	e.Helper()
	if now := e.runs(gateway); len(now) == 0 || !maps.Equal(before, now) {
		e.Errorf("pods and their restarts were %v and are %v", before, now)
	}
}

// templates counts the versions that a Gateway's pods have had.
func (e *environment) templates(gateway string) int {
	e.Helper()
	list := must(e.kube.AppsV1().ReplicaSets(e.name).List(e.ctx, metav1.ListOptions{LabelSelector: gatewayLabel + "=" + gateway}))(e)
	return len(list.Items)
}

// variable returns the value of a variable of the proxy's container.
func variable(d *appsv1.Deployment, name string) string {
	for _, v := range d.Spec.Template.Spec.Containers[0].Env {
		if v.Name == name {
			return v.Value
		}
	}
	return ""
}

// ours lists the kinds of what belongs to a Gateway, what follows from it
// included.
var ours = []schema.GroupVersionResource{
	{Version: "v1", Resource: "serviceaccounts"}, {Version: "v1", Resource: "secrets"}, {Version: "v1", Resource: "configmaps"},
	{Version: "v1", Resource: "services"}, {Version: "v1", Resource: "pods"}, deployments,
	{Group: "apps", Version: "v1", Resource: "replicasets"}, {Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"},
	{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}, {Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"},
}

// belongings lists what bears a Gateway's name, as "<resource>/<name>".
func (e *environment) belongings(gateway string) []string {
	e.Helper()
	var names []string
	for _, resource := range ours {
		list := must(e.dynamic.Resource(resource).Namespace(e.name).List(e.ctx, metav1.ListOptions{LabelSelector: gatewayLabel + "=" + gateway}))(e)
		for _, object := range list.Items {
			names = append(names, resource.Resource+"/"+object.GetName())
		}
	}
	return names
}
