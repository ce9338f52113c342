package controller

import (
	"strings"
	"testing"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/gateways"
	"agentgateway.dev/controller/pkg/xds"
)

func TestWarningsBecomeEvents(t *testing.T) {
	client := fake.NewClientset()
	events := make(chan *corev1.Event, 10)
	client.PrependReactor("create", "events", func(action clienttesting.Action) (bool, runtime.Object, error) {
		events <- action.(clienttesting.CreateAction).GetObject().(*corev1.Event)
		return false, nil, nil
	})
	opts := krt.NewOptionsBuilder(t.Context().Done(), "", nil)
	name := types.NamespacedName{Namespace: "ns", Name: "gw"}
	ours := krt.NewStaticCollection(nil, []gateways.Gateway{{NamespacedName: name, Controller: gateways.AliasController}}, opts.WithName("ours")...)
	live := krt.NewStaticCollection(nil, []*gwv1.Gateway{{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "gw", UID: "u"}}}, opts.WithName("live")...)
	warnings := newGatewayEvents(t.Context(), client, ours, live)

	warnings.reject(xds.Rejection{Gateway: types.NamespacedName{Namespace: "ns", Name: "unknown"}, Text: "lost"})
	warnings.reject(xds.Rejection{Gateway: name, Name: "route/r", Severity: xds.SeverityError, Text: "bad regex"})
	got := <-events
	if got.Namespace != "ns" || got.Type != corev1.EventTypeWarning || got.Reason != "AgentGatewayNackError" || got.Message != "bad regex" {
		t.Errorf("event %+v", got)
	}
	warnings.warn("ns/gw", "DeploymentFailed", strings.Repeat("ü", eventBytes))
	if got := <-events; got.Reason != "DeploymentFailed" || len(got.Message) > eventBytes || !utf8.ValidString(got.Message) || !strings.HasSuffix(got.Message, "ü…") {
		t.Errorf("event of a long text: %+v", got)
	}
	if got.Source.Component != gateways.AliasController || got.InvolvedObject.Kind != "Gateway" || got.InvolvedObject.Name != "gw" || got.InvolvedObject.UID != "u" {
		t.Errorf("event about %+v by %+v", got.InvolvedObject, got.Source)
	}
}
