package integration

import (
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// deployment waits for the Deployment of a Gateway to satisfy check.
func (e *environment) deployment(gateway string, check func(*appsv1.Deployment) error) {
	e.t.Helper()
	e.eventually(func() error {
		object, err := e.kube.AppsV1().Deployments(e.Namespace).Get(e.ctx, gateway, metav1.GetOptions{})
		if err != nil {
			return err
		}
		return check(object)
	})
}

func TestGatewayIsProvisionedAndReported(t *testing.T) {
	e := newEnvironment(t, shared)
	e.gatewayClass()
	e.startReplica()
	e.apply(oneGateway)
	e.deployment("gw", func(d *appsv1.Deployment) error {
		owner := metav1.GetControllerOf(d)
		if owner == nil || owner.Kind != "Gateway" || owner.Name != "gw" {
			return fmt.Errorf("owner %+v", owner)
		}
		return nil
	})

	// The load balancer's address becomes that of the Gateway.
	var service *corev1.Service
	e.eventually(func() (err error) {
		service, err = e.kube.CoreV1().Services(e.Namespace).Get(e.ctx, "gw", metav1.GetOptions{})
		return err
	})
	service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.7"}}
	if _, err := e.kube.CoreV1().Services(e.Namespace).UpdateStatus(e.ctx, service, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	e.gatewayStatus("gw", func(status gwv1.GatewayStatus) error {
		if len(status.Addresses) != 1 || status.Addresses[0].Value != "192.0.2.7" || !meta.IsStatusConditionTrue(status.Conditions, "Programmed") {
			return fmt.Errorf("%+v", status)
		}
		return nil
	})

	// Parameters that don't exist are the user's mistake; what runs stays.
	e.patchGateway("gw", `{"spec":{"infrastructure":{"parametersRef":{"group":"agentgateway.dev","kind":"AgentgatewayParameters","name":"absent"}}}}`)
	e.gatewayStatus("gw", func(status gwv1.GatewayStatus) error {
		accepted := meta.FindStatusCondition(status.Conditions, "Accepted")
		if accepted == nil || accepted.Reason != "InvalidParameters" || accepted.Status != metav1.ConditionFalse {
			return fmt.Errorf("%+v", accepted)
		}
		return nil
	})
	e.deployment("gw", func(*appsv1.Deployment) error { return nil })

	e.apply(`
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayParameters
metadata: {name: absent}
spec: {logging: {level: debug}, image: {tag: test}}
`)
	e.deployment("gw", func(d *appsv1.Deployment) error {
		container := d.Spec.Template.Spec.Containers[0]
		if container.Image != "cr.agentgateway.dev/agentgateway:test" {
			return fmt.Errorf("image %s", container.Image)
		}
		for _, variable := range container.Env {
			if variable.Name == "RUST_LOG" && variable.Value == "debug" {
				return nil
			}
		}
		return fmt.Errorf("%+v", container.Env)
	})
	e.gatewayStatus("gw", func(status gwv1.GatewayStatus) error {
		if !meta.IsStatusConditionTrue(status.Conditions, "Accepted") {
			return fmt.Errorf("%+v", status.Conditions)
		}
		return nil
	})
}

func (e *environment) patchGateway(name, patch string) {
	e.t.Helper()
	_, err := e.gateway.GatewayV1().Gateways(e.Namespace).Patch(e.ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		e.t.Fatal(err)
	}
}

func (e *environment) gatewayStatus(name string, check func(gwv1.GatewayStatus) error) {
	e.t.Helper()
	e.eventually(func() error {
		object, err := e.gateway.GatewayV1().Gateways(e.Namespace).Get(e.ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		return check(object.Status)
	})
}
