package addresses

import (
	"fmt"
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	networkingapi "istio.io/api/networking/v1"
	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
)

func newMeshConfig(trustDomain string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: meta("istio-system", "istio"), Data: map[string]string{"mesh": "trustDomain: " + trustDomain}}
}

func newIstioNamespace(network string) *corev1.Namespace {
	namespace := &corev1.Namespace{ObjectMeta: meta("", "istio-system")}
	namespace.Labels = map[string]string{networkLabel: network}
	return namespace
}

// newServiceEntry is resolved by DNS where it has neither a selector nor
// endpoints.
func newServiceEntry(namespace, name string, selector map[string]string, hosts []string, endpoints ...*networkingapi.WorkloadEntry) *networkingv1.ServiceEntry {
	entry := &networkingv1.ServiceEntry{ObjectMeta: meta(namespace, name)}
	entry.Spec.Hosts = hosts
	entry.Spec.Ports = []*networkingapi.ServicePort{{Number: 80, Name: "http", Protocol: "HTTP"}}
	entry.Spec.Resolution = networkingapi.ServiceEntry_STATIC
	entry.Spec.Endpoints = endpoints
	switch {
	case selector != nil:
		entry.Spec.WorkloadSelector = &networkingapi.WorkloadSelector{Labels: selector}
	case len(endpoints) == 0:
		entry.Spec.Resolution = networkingapi.ServiceEntry_DNS
	}
	return entry
}

func newWorkloadEntry(namespace, name, address, network string, labels map[string]string) *networkingv1.WorkloadEntry {
	entry := &networkingv1.WorkloadEntry{ObjectMeta: meta(namespace, name)}
	entry.Labels = labels
	entry.Spec.Address, entry.Spec.Network = address, network
	return entry
}

// newWaypoint takes the traffic of what its label says, from namespaces of its
// own unless from says otherwise.
func newWaypoint(namespace, name, takes, ip string, from gwv1.FromNamespaces) *gwv1.Gateway {
	gateway := &gwv1.Gateway{ObjectMeta: meta(namespace, name)}
	gateway.Labels = map[string]string{waypointForLabel: takes}
	gateway.Spec.GatewayClassName = "agentgateway"
	gateway.Spec.Listeners = []gwv1.Listener{{Name: "mesh", Protocol: hboneProtocol, Port: hbonePort}}
	if from != "" {
		gateway.Spec.Listeners[0].AllowedRoutes = &gwv1.AllowedRoutes{Namespaces: &gwv1.RouteNamespaces{From: &from}}
	}
	if ip != "" {
		gateway.Status.Addresses = []gwv1.GatewayStatusAddress{{Value: ip}}
	}
	return gateway
}

func newRemoteGateway(namespace, name, network string, addresses ...string) *gwv1.Gateway {
	gateway := &gwv1.Gateway{ObjectMeta: meta(namespace, name)}
	gateway.Labels = map[string]string{networkLabel: network}
	gateway.Spec.GatewayClassName = remoteClass
	gateway.Spec.Listeners = []gwv1.Listener{{Name: "cross", Protocol: hboneProtocol, Port: hbonePort}}
	for _, address := range addresses {
		gateway.Status.Addresses = append(gateway.Status.Addresses, gwv1.GatewayStatusAddress{Value: address})
	}
	return gateway
}

// randomIstioObject has the names of randomObject's objects, so that they meet.
func randomIstioObject(random *rand.Rand) runtime.Object {
	pick := func(values ...string) string { return values[random.IntN(len(values))] }
	namespace := pick("a", "b")
	network := func() string { return pick("", "net-1", "net-2") }
	name := func(prefix string) string { return fmt.Sprint(prefix, random.IntN(3)) }
	labels := map[string]string{"app": pick("x", "y")}
	if random.IntN(3) == 0 {
		labels[useWaypointLabel] = pick("gateway-0", "gateway-1", noWaypoint)
	}
	created := metav1.NewTime(time.Unix(int64(random.IntN(2)), 0))
	switch random.IntN(10) {
	case 0:
		return newMeshConfig(pick("", "corp.test", "["))
	case 1:
		return newIstioNamespace(network())
	case 2:
		bound := newNamespace(namespace, pick("", "PreferClose"))
		bound.Labels = labels
		return bound
	case 3:
		waypoint := newWaypoint(namespace, name("gateway-"), pick("service", "workload", "all"), pick("", "192.0.2.1", "192.0.2.2"), gwv1.FromNamespaces(pick("", "All")))
		return waypoint
	case 4:
		remote := newRemoteGateway(namespace, name("gateway-"), pick("net-1", "net-2"), pick("192.0.2.1", "192.0.2.2"))
		remote.CreationTimestamp = created
		return remote
	case 5, 6:
		return newWorkloadEntry(namespace, name("machine-"), pick("192.0.2.3", "host.test"), network(), labels)
	case 7:
		service := newService(namespace, name("service-"), map[string]string{"app": "x"}, 8080)
		service.Labels = labels
		return service
	default:
		var selector map[string]string
		var endpoints []*networkingapi.WorkloadEntry
		switch random.IntN(3) {
		case 0:
			selector = map[string]string{"app": pick("x", "y")}
		case 1:
			endpoints = append(endpoints, &networkingapi.WorkloadEntry{Address: pick("192.0.2.5", ""), Network: network(), Labels: labels})
		}
		entry := newServiceEntry(namespace, name("entry-"), selector, []string{pick("one.test", "two.test", "service-1.a.svc.cluster.local"), "two.test"}, endpoints...)
		entry.CreationTimestamp = created
		return entry
	}
}
