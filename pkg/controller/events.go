package controller

import (
	"context"
	"strings"
	"sync"
	"unicode/utf8"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"

	corev1 "k8s.io/api/core/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/gateways"
	"agentgateway.dev/controller/pkg/xds"
)

const (
	// rejectionReason is the reason of the Event that a complaint of a proxy
	// becomes.
	rejectionReason = "AgentGatewayNackError"
	// eventBytes bounds the message of an Event, as its newer API does. What is
	// longer stands whole in the status or the log.
	eventBytes = 1024
)

// gatewayEvents makes Events on Gateways, of what users should know and no
// status tells, or tells only while it lasts. The recorder gathers repetitions
// into one Event with a count, gathers similar ones when they get many, and
// drops what exceeds its limit for an object.
type gatewayEvents struct {
	gateways krt.Collection[gateways.Gateway]
	live     krt.Collection[*gwv1.Gateway]

	broadcaster record.EventBroadcaster
	mu          sync.Mutex
	recorders   map[string]record.EventRecorder
}

// newGatewayEvents records events until ctx ends.
func newGatewayEvents(ctx context.Context, client kubernetes.Interface, ours krt.Collection[gateways.Gateway], live krt.Collection[*gwv1.Gateway]) *gatewayEvents {
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	return &gatewayEvents{gateways: ours, live: live, broadcaster: broadcaster, recorders: map[string]record.EventRecorder{}}
}

// reject reports the complaint of a proxy. The complaint itself stays in the
// xDS store.
func (e *gatewayEvents) reject(rejection xds.Rejection) {
	e.warn(rejection.Gateway.String(), rejectionReason, rejection.Text)
}

// warn never blocks: when the recorder is behind, the event is lost. gateway is
// the key "<namespace>/<name>".
func (e *gatewayEvents) warn(gateway, reason, text string) {
	ours, live := e.gateways.GetKey(gateway), e.live.GetKey(gateway)
	if ours == nil || live == nil {
		return
	}
	object := &corev1.ObjectReference{
		APIVersion: gwv1.GroupVersion.String(), Kind: "Gateway",
		Namespace: (*live).Namespace, Name: (*live).Name, UID: (*live).UID, ResourceVersion: (*live).ResourceVersion,
	}
	e.recorder(ours.Controller).Event(object, corev1.EventTypeWarning, reason, shorten(text))
}

// shorten cuts a text to eventBytes, between characters.
func shorten(text string) string {
	const more = "…"
	if len(text) <= eventBytes {
		return text
	}
	cut := eventBytes - len(more)
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return strings.TrimSpace(text[:cut]) + more
}

// recorder returns the recorder of a component; there are as many as
// controllerNames.
func (e *gatewayEvents) recorder(component string) record.EventRecorder {
	e.mu.Lock()
	defer e.mu.Unlock()
	known := e.recorders[component]
	if known == nil {
		known = e.broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: component})
		e.recorders[component] = known
	}
	return known
}
