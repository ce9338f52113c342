package proxies

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// earlierController is the name that earlier controllers of agentgateway
	// have, as controllerName and as field manager.
	earlierController = "agentgateway.dev/agentgateway"
	earlierKey        = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
)

// What an earlier controller has left is taken over in place: the same objects,
// the same key, and proxies that restart once.
func TestAdoption(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	// No other test has this class.
	const class = "agentgateway"
	e.applyAs(earlierController, `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: `+class+`}
spec: {controllerName: `+earlierController+`, description: Specialized class for agentgateway.}
`)
	t.Cleanup(func() {
		_ = e.gateway.GatewayV1().GatewayClasses().Delete(context.WithoutCancel(e.ctx), class, metav1.DeleteOptions{})
	})
	e.createGateway("gw", "/", 8080)
	e.patch(gateways, "gw", `{"spec": {"gatewayClassName": "`+class+`"}}`)
	gateway := must(e.gateway.GatewayV1().Gateways(e.name).Get(e.ctx, "gw", metav1.GetOptions{}))(t)
	fixture := must(os.ReadFile("testdata/v1.4.1.yaml"))(t)
	e.applyAs(earlierController, strings.ReplaceAll(string(fixture), "UID", string(gateway.UID)))
	before := e.identities("gw")
	e.eventually(func() error {
		if pods := e.pods("gw"); len(pods) != 1 || pods[0].Status.Phase != corev1.PodRunning {
			return fmt.Errorf("the earlier proxy doesn't run: %d pods", len(pods))
		}
		return nil
	})

	e.start(map[string]string{"AGW_CONTROLLER_NAME": "", "AGW_AGENTGATEWAY_CLASS_NAME": class,
		"AGW_GATEWAY_CLASS_PARAMETERS_REFS": fmt.Sprintf(`{%q: {"name": "quick", "namespace": %q}}`, class, e.name)})
	address := e.address("gw")
	deployment := e.rolledOut("gw", func(d *appsv1.Deployment) error {
		if ca := variable(d, "XDS_ROOT_CA"); ca != "" {
			return fmt.Errorf("XDS_ROOT_CA is still %s", ca)
		}
		return nil
	})
	e.answers(address, 8080, "/", http.StatusOK)
	// What a Gateway's applications lead to is there once the next one is.
	e.setListeners("gw", 8080, 8081)
	e.ports("gw", 8080, 8081)

	if after := e.identities("gw"); !maps.Equal(before, after) {
		t.Errorf("the objects were\n%v and are\n%v", before, after)
	}
	if now := e.deployment("gw"); now.Generation != 2 || e.templates("gw") != 2 {
		t.Errorf("the Deployment is in generation %d with %d ReplicaSets: more than one restart", now.Generation, e.templates("gw"))
	}
	secret := must(e.kube.CoreV1().Secrets(e.name).Get(e.ctx, "gw-session-key", metav1.GetOptions{}))(t)
	if string(secret.Data["key"]) != earlierKey {
		t.Error("the session key was changed")
	}
	for _, entry := range deployment.ManagedFields {
		if entry.Operation == metav1.ManagedFieldsOperationApply && entry.Manager != earlierController {
			t.Errorf("the Deployment is applied by %s beside %s", entry.Manager, earlierController)
		}
	}
	if slices.ContainsFunc(deployment.Spec.Template.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == "xds-ca" }) {
		t.Error("a volume that is no longer wanted stayed")
	}
	kept := must(e.gateway.GatewayV1().GatewayClasses().Get(e.ctx, class, metav1.GetOptions{}))(t)
	if kept.Spec.ControllerName != earlierController {
		t.Errorf("the class belongs to %s", kept.Spec.ControllerName)
	}
}

// identities are the uids of what belongs to a Gateway, pods and what else is
// replaced in a restart left out.
func (e *environment) identities(gateway string) map[string]types.UID {
	e.Helper()
	uids := map[string]types.UID{}
	for _, resource := range ours {
		if slices.Contains([]string{"pods", "replicasets", "endpointslices"}, resource.Resource) {
			continue
		}
		list := must(e.dynamic.Resource(resource).Namespace(e.name).List(e.ctx, metav1.ListOptions{LabelSelector: gatewayLabel + "=" + gateway}))(e)
		for _, object := range list.Items {
			uids[resource.Resource+"/"+object.GetName()] = object.GetUID()
		}
	}
	return uids
}
