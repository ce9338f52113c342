package integration

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

type discoveryResponse = discovery.DeltaDiscoveryResponse

// writers is how many requests to the API server a bulk change has under way.
const writers = 8

// routes creates n routes on a Gateway, in the order of their names, and
// returns the names.
func (e *environment) routes(n int, gateway string) []string {
	e.t.Helper()
	names := make([]string, n)
	work := make(chan string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%04d", gateway, i)
		work <- names[i]
	}
	close(work)
	var failures sync.Map
	var running sync.WaitGroup
	for range writers {
		running.Go(func() {
			for name := range work {
				if _, err := e.gateway.GatewayV1().HTTPRoutes(e.Namespace).Create(e.ctx, simpleRoute(name, gateway), metav1.CreateOptions{}); err != nil {
					failures.Store(name, err)
				}
			}
		})
	}
	running.Wait()
	failures.Range(func(name, err any) bool {
		e.t.Fatalf("create route %s: %v", name, err)
		return false
	})
	return names
}

func simpleRoute(name, gateway string) *gwv1.HTTPRoute {
	port := gwv1.PortNumber(80)
	path := "/" + name
	prefix := gwv1.PathMatchPathPrefix
	return &gwv1.HTTPRoute{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: gwv1.HTTPRouteSpec{
			CommonRouteSpec: gwv1.CommonRouteSpec{ParentRefs: []gwv1.ParentReference{{Name: gwv1.ObjectName(gateway)}}},
			Rules: []gwv1.HTTPRouteRule{{
				Matches:     []gwv1.HTTPRouteMatch{{Path: &gwv1.HTTPPathMatch{Type: &prefix, Value: &path}}},
				BackendRefs: []gwv1.HTTPBackendRef{{BackendRef: gwv1.BackendRef{BackendObjectReference: gwv1.BackendObjectReference{Name: "echo", Port: &port}}}},
			}},
		},
	}
}

// hasEvent returns nil if there is an Event with this reason on the Gateway.
func (e *environment) hasEvent(reason, gateway string) error {
	events, err := e.kube.CoreV1().Events(e.Namespace).List(e.ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var seen []string
	for _, event := range events.Items {
		if event.Reason == reason && event.InvolvedObject.Name == gateway && event.InvolvedObject.Kind == "Gateway" {
			return nil
		}
		seen = append(seen, event.Reason)
	}
	return errors.New("no event " + reason + ", only " + strings.Join(seen, ", "))
}
