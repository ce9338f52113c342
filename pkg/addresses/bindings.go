package addresses

import (
	"net/netip"
	"strconv"

	"istio.io/istio/pkg/workloadapi"
)

// Labels that bind an object, or all objects of a Namespace, to a waypoint.
const (
	useWaypointLabel       = "istio.io/use-waypoint"
	waypointNamespaceLabel = "istio.io/use-waypoint-namespace"
	ingressLabel           = "istio.io/ingress-use-waypoint"
	// noWaypoint as the value of useWaypointLabel overrides the Namespace's.
	noWaypoint = "none"

	gatewayNameLabel = "gateway.networking.k8s.io/gateway-name"
	// managedLabel stands on what istiod runs for Gateways.
	managedLabel = "gateway.istio.io/managed"
)

// managers are those values of managedLabel that mark parts of the mesh
// itself, through which no other part is reached.
var managers = map[string]bool{"istio.io-mesh-controller": true, "istio.io-eastwest-controller": true}

// answer is what somebody says to a question, if anything.
type answer uint8

const (
	unsaid answer = iota
	no
	yes
)

// or returns fallback where nothing is said.
func (a answer) or(fallback answer) answer {
	if a == unsaid {
		return fallback
	}
	return a
}

// bindings are what an object's labels say about waypoints.
type bindings struct {
	// name and namespace are those of the waypoint that is asked for. An empty
	// namespace is the object's own, an empty name means that none is asked
	// for.
	name, namespace string
	// none refuses every waypoint.
	none bool
	// ingress says whether gateways must send traffic to the waypoint too.
	ingress answer
	// gateway is the Gateway that the object is a part of, if it is of one.
	gateway string
}

func bindingsOf(labels map[string]string) bindings {
	bound := bindings{
		name:      labels[useWaypointLabel],
		namespace: labels[waypointNamespaceLabel],
		gateway:   labels[gatewayNameLabel],
		none:      labels[useWaypointLabel] == noWaypoint || managers[labels[managedLabel]],
	}
	if text, said := labels[ingressLabel]; said {
		bound.ingress = no
		if wanted, err := strconv.ParseBool(text); err == nil && wanted {
			bound.ingress = yes
		}
	}
	return bound
}

// gatewayAddress is where a Gateway of the mesh takes tunnels: an IP of a
// network, or a hostname. The zero value is none.
type gatewayAddress struct {
	namespace, hostname string
	network             string
	ip                  netip.Addr
	port                uint32
}

func (g gatewayAddress) none() bool { return g.port == 0 }

// on says which network the IP is of.
func (g gatewayAddress) on(network string) gatewayAddress {
	if g.ip.IsValid() {
		g.network = network
	}
	return g
}

// message returns nil for none.
func (g gatewayAddress) message() *workloadapi.GatewayAddress {
	switch {
	case g.none():
		return nil
	case g.ip.IsValid():
		return &workloadapi.GatewayAddress{
			Destination:   &workloadapi.GatewayAddress_Address{Address: &workloadapi.NetworkAddress{Network: g.network, Address: g.ip.AsSlice()}},
			HboneMtlsPort: g.port,
		}
	default:
		return &workloadapi.GatewayAddress{
			Destination:   &workloadapi.GatewayAddress_Hostname{Hostname: &workloadapi.NamespacedHostname{Namespace: g.namespace, Hostname: g.hostname}},
			HboneMtlsPort: g.port,
		}
	}
}
