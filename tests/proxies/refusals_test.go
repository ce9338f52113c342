package proxies

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What keeps a Gateway from being provisioned is told by its status, an Event
// and the metrics.
func TestRefusalsAreTold(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	r := e.start()
	// A Service can't have this name.
	e.bareGateway("my.gw")
	e.eventually(func() error {
		gateway, err := e.gateway.GatewayV1().Gateways(e.name).Get(e.ctx, "my.gw", metav1.GetOptions{})
		if err != nil {
			return err
		}
		programmed := meta.FindStatusCondition(gateway.Status.Conditions, "Programmed")
		if programmed == nil || programmed.Reason != "DeploymentFailed" || !strings.Contains(programmed.Message, "apply Service "+e.name+"/my.gw: ") {
			return fmt.Errorf("Programmed is %+v", programmed)
		}
		return nil
	})
	e.told("my.gw", "DeploymentFailed", "apply Service "+e.name+"/my.gw: ")

	e.bareGateway("mistaken")
	e.address("mistaken")
	e.patch(gateways, "mistaken", `{"spec": {"infrastructure": {"parametersRef": {"group": "agentgateway.dev", "kind": "AgentgatewayParameters", "name": "absent"}}}}`)
	e.told("mistaken", "InvalidParameters", "AgentgatewayParameters "+e.name+"/absent not found")

	for _, gateway := range []string{"my.gw", "mistaken"} {
		series := fmt.Sprintf(`agentgateway_controller_reconciliations_total{controller="gateway",name=%q,namespace=%q,result="error"} `, gateway, e.name)
		e.eventually(func() error {
			if _, body, err := fetch(http.DefaultClient, "http://"+r.Addresses["metrics"]+"/metrics"); err != nil || !strings.Contains(body, series) {
				return fmt.Errorf("no series %s: %w", series, err)
			}
			return nil
		})
	}
}

// told waits for a warning about a Gateway whose message holds text.
func (e *environment) told(gateway, reason, text string) {
	e.Helper()
	e.eventually(func() error {
		list, err := e.kube.CoreV1().Events(e.name).List(e.ctx, metav1.ListOptions{FieldSelector: "involvedObject.kind=Gateway,involvedObject.name=" + gateway})
		if err != nil {
			return err
		}
		for _, event := range list.Items {
			if event.Type == corev1.EventTypeWarning && event.Reason == reason && event.Source.Component == e.controllerName && strings.Contains(event.Message, text) {
				return nil
			}
		}
		return fmt.Errorf("no event %s with %q among %d", reason, text, len(list.Items))
	})
}
