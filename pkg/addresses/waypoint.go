package addresses

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"
	"istio.io/istio/pkg/workloadapi"
)

const (
	waypointForLabel = "istio.io/waypoint-for"
	// inboundAnnotation stands on a waypoint, or its class, that takes traffic
	// from its node's proxy in another form than HBONE.
	inboundAnnotation = "ambient.istio.io/waypoint-inbound-binding"

	remoteClass   = "istio-remote"
	eastWestClass = "istio-east-west"

	hboneProtocol = "HBONE"
	// proxyProtocol is the protocol of listeners of a waypoint that has a proxy
	// of the mesh before it.
	proxyProtocol = "istio.io/PROXY"
	hbonePort     = 15008
)

// traffic is what is sent through a waypoint: that to services, or that to
// workloads directly.
type traffic uint8

const (
	forServices traffic = 1 << iota
	forWorkloads
)

// trafficOf reads the label istio.io/waypoint-for. Other values mean none.
var trafficOf = map[string]traffic{
	"service":  forServices,
	"workload": forWorkloads,
	"all":      forServices | forWorkloads,
}

// waypoint is a Gateway that others may have their traffic sent through.
type waypoint struct {
	types.NamespacedName
	address gatewayAddress
	traffic traffic
	// from and selector say the namespaces of those who may; text is the
	// selector's, which can be compared.
	from     gwv1.FromNamespaces
	selector labels.Selector
	text     string
	tunnel   applicationTunnel
}

// applicationTunnel is how the waypoint's own pods take traffic.
type applicationTunnel struct {
	set      bool
	protocol workloadapi.ApplicationTunnel_Protocol
	port     uint32
}

// ResourceName is the key "<namespace>/<name>".
func (w waypoint) ResourceName() string { return w.String() }

// Equals compares everything.
func (w waypoint) Equals(other waypoint) bool {
	return w.NamespacedName == other.NamespacedName && w.address == other.address && w.traffic == other.traffic &&
		w.from == other.from && w.text == other.text && w.tunnel == other.tunnel
}

// waypoint returns nil for a Gateway that is none, or that nobody can reach
// yet. It runs when a Gateway changes, or the class of a waypoint.
func (s *sources) waypoint(ctx krt.HandlerContext, gateway *gwv1.Gateway) *waypoint {
	label, declared := gateway.Labels[waypointForLabel]
	if !declared && !slices.ContainsFunc(gateway.Spec.Listeners, isMeshListener) {
		return nil
	}
	class := gateway.Spec.GatewayClassName
	address := statusAddress(gateway)
	if address.none() || class == remoteClass || class == eastWestClass {
		return nil
	}
	inbound := gateway.Annotations[inboundAnnotation]
	if !declared || inbound == "" {
		if found := krt.FetchOne(ctx, s.classes, krt.FilterKey(string(class))); found != nil {
			if !declared {
				label, declared = (*found).Labels[waypointForLabel]
			}
			if inbound == "" {
				inbound = (*found).Annotations[inboundAnnotation]
			}
		}
	}
	if !declared {
		label = "service"
	}
	projected := &waypoint{
		NamespacedName: types.NamespacedName{Namespace: gateway.Namespace, Name: gateway.Name},
		address:        address,
		traffic:        trafficOf[label],
		tunnel:         parseTunnel(inbound),
	}
	projected.allow(boundListener(gateway, projected.tunnel))
	return projected
}

func isMeshListener(listener gwv1.Listener) bool {
	return listener.Protocol == hboneProtocol || listener.Protocol == proxyProtocol
}

// parseTunnel reads "<protocol>" or "<protocol>/<port>". What is malformed
// counts as not there.
func parseTunnel(text string) applicationTunnel {
	name, number, hasPort := strings.Cut(text, "/")
	protocol, known := workloadapi.ApplicationTunnel_Protocol_value[name]
	if !known {
		return applicationTunnel{}
	}
	tunnel := applicationTunnel{set: true, protocol: workloadapi.ApplicationTunnel_Protocol(protocol)}
	if hasPort {
		port, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			return applicationTunnel{}
		}
		tunnel.port = uint32(port)
	}
	return tunnel
}

func (t applicationTunnel) message() *workloadapi.ApplicationTunnel {
	if !t.set {
		return nil
	}
	return &workloadapi.ApplicationTunnel{Protocol: t.protocol, Port: t.port}
}

// boundListener returns the listener through which traffic comes in, whose
// allowedRoutes say who may send it; nil if there is none.
func boundListener(gateway *gwv1.Gateway, tunnel applicationTunnel) *gwv1.Listener {
	find := func(match func(gwv1.Listener) bool) *gwv1.Listener {
		if i := slices.IndexFunc(gateway.Spec.Listeners, match); i >= 0 {
			return &gateway.Spec.Listeners[i]
		}
		return nil
	}
	var found *gwv1.Listener
	switch {
	case tunnel.port != 0:
		found = find(func(l gwv1.Listener) bool { return uint32(l.Port) == tunnel.port })
	case tunnel.protocol == workloadapi.ApplicationTunnel_PROXY:
		found = find(func(l gwv1.Listener) bool { return l.Protocol == proxyProtocol })
	}
	if found == nil {
		found = find(func(l gwv1.Listener) bool { return l.Protocol == hboneProtocol && l.Port == hbonePort })
	}
	return found
}

func (w *waypoint) allow(listener *gwv1.Listener) {
	w.from = gwv1.NamespacesFromSame
	if listener == nil || listener.AllowedRoutes == nil || listener.AllowedRoutes.Namespaces == nil {
		return
	}
	allowed := listener.AllowedRoutes.Namespaces
	if allowed.From != nil {
		w.from = *allowed.From
	}
	selector, err := metav1.LabelSelectorAsSelector(allowed.Selector)
	if err != nil {
		selector = labels.Nothing()
	}
	w.selector, w.text = selector, selector.String()
}

// allows says whether the objects of a namespace may use the waypoint.
func (s *sources) allows(ctx krt.HandlerContext, w *waypoint, namespace string) bool {
	switch w.from {
	case gwv1.NamespacesFromAll:
		return true
	case gwv1.NamespacesFromSelector:
		found := krt.FetchOne[*corev1.Namespace](ctx, s.namespaces, krt.FilterKey(namespace))
		return found != nil && w.selector.Matches(labels.Set((*found).Labels))
	case gwv1.NamespacesFromNone:
		return false
	default:
		return w.Namespace == namespace
	}
}

// waypointOf returns where the traffic to an object of namespace goes first,
// which is none for most. What the object says comes before what it inherits;
// a waypoint that can't be used is not replaced by another one.
func (s *sources) waypointOf(ctx krt.HandlerContext, namespace string, bound bindings, what traffic, network string, inherited gatewayAddress) gatewayAddress {
	if s.instanceOf(ctx, namespace, bound) != nil || bound.none {
		return gatewayAddress{}
	}
	if bound.name == "" {
		return inherited
	}
	key := types.NamespacedName{Namespace: bound.namespace, Name: bound.name}
	if key.Namespace == "" {
		key.Namespace = namespace
	}
	found := krt.FetchOne(ctx, s.waypoints, krt.FilterKey(key.String()))
	if found == nil || found.traffic&what == 0 || !s.allows(ctx, found, namespace) {
		return gatewayAddress{}
	}
	return found.address.on(network)
}

// instanceOf returns the waypoint that the object is a part of, nil for most.
func (s *sources) instanceOf(ctx krt.HandlerContext, namespace string, bound bindings) *waypoint {
	if bound.gateway == "" {
		return nil
	}
	return krt.FetchOne(ctx, s.waypoints, krt.FilterKey(namespace+"/"+bound.gateway))
}

// statusAddress is where a Gateway can be reached, by name if possible: names
// outlive IPs. It is none while that isn't known.
func statusAddress(gateway *gwv1.Gateway) gatewayAddress {
	var byIP gatewayAddress
	for _, address := range gateway.Status.Addresses {
		switch {
		case address.Type != nil && *address.Type == gwv1.HostnameAddressType:
			if address.Value != "" {
				return gatewayAddress{namespace: gateway.Namespace, hostname: address.Value, port: hbonePort}
			}
		case address.Type == nil || *address.Type == gwv1.IPAddressType:
			if ip, err := netip.ParseAddr(address.Value); err == nil && byIP.none() {
				byIP = gatewayAddress{ip: ip, port: hbonePort}
			}
		}
	}
	return byIP
}
