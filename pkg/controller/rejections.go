package controller

import (
	"context"
	"sync"

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

// rejectionReason is the reason of the Event that a complaint of a proxy
// becomes.
const rejectionReason = "AgentGatewayNackError"

// rejectionEvents turns complaints of proxies into Events on their Gateway.
// The recorder gathers repetitions into one Event with a count, gathers similar
// ones when they get many, and drops what exceeds its limit for an object.
type rejectionEvents struct {
	gateways krt.Collection[gateways.Gateway]
	live     krt.Collection[*gwv1.Gateway]

	broadcaster record.EventBroadcaster
	mu          sync.Mutex
	recorders   map[string]record.EventRecorder
}

// newRejectionEvents records events until ctx ends.
func newRejectionEvents(ctx context.Context, client kubernetes.Interface, ours krt.Collection[gateways.Gateway], live krt.Collection[*gwv1.Gateway]) *rejectionEvents {
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	return &rejectionEvents{gateways: ours, live: live, broadcaster: broadcaster, recorders: map[string]record.EventRecorder{}}
}

// report never blocks: when the recorder is behind, the event is lost. The
// complaint itself stays in the xDS store.
func (e *rejectionEvents) report(rejection xds.Rejection) {
	key := rejection.Gateway.String()
	ours, live := e.gateways.GetKey(key), e.live.GetKey(key)
	if ours == nil || live == nil {
		return
	}
	object := &corev1.ObjectReference{
		APIVersion: gwv1.GroupVersion.String(), Kind: "Gateway",
		Namespace: (*live).Namespace, Name: (*live).Name, UID: (*live).UID, ResourceVersion: (*live).ResourceVersion,
	}
	e.recorder(ours.Controller).Event(object, corev1.EventTypeWarning, rejectionReason, rejection.Text)
}

// recorder returns the recorder of a component; there are as many as
// controllerNames.
func (e *rejectionEvents) recorder(component string) record.EventRecorder {
	e.mu.Lock()
	defer e.mu.Unlock()
	known := e.recorders[component]
	if known == nil {
		known = e.broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: component})
		e.recorders[component] = known
	}
	return known
}
