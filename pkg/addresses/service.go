package addresses

import (
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"istio.io/istio/pkg/kube/krt"
	"istio.io/istio/pkg/workloadapi"

	"agentgateway.dev/controller/pkg/resources"
)

// source is the kind of object that a service comes from.
type source uint8

const (
	fromService source = iota
	fromPool
	fromEntry
)

// service is what addresses depend on in a Service, an InferencePool or one
// host of a ServiceEntry. A change of anything else wakes neither the service's
// own address nor the workloads behind it.
type service struct {
	// NamespacedName is the object's.
	types.NamespacedName
	source source
	// hostname is the name by which routes refer to it.
	hostname string
	// canonical is set for the one service that a hostname means where no
	// namespace is known.
	canonical bool
	// selector is empty when the endpoints are somebody else's: EndpointSlices,
	// or the endpoints in a ServiceEntry.
	selector map[string]string
	ports    []servicePort
	// addresses are single IPs for Services, and may be ranges otherwise.
	addresses  []netip.Prefix
	ipFamilies workloadapi.IPFamilies
	// nodeLocal keeps traffic on the proxy's own node, or drops it.
	nodeLocal bool
	// passthrough sends traffic where it was going to.
	passthrough bool
	// preference comes from the object itself, not from its Namespace.
	preference preference
	// publishNotReady lets traffic reach endpoints that are not ready.
	publishNotReady bool
	// subjectAltNames are identities that endpoints may have beside their own.
	subjectAltNames []string
	bindings        bindings
}

// projectService returns nil for an ExternalName Service: it has no endpoints
// that a proxy could be sent.
func (s *sources) projectService(object *corev1.Service) *service {
	spec := &object.Spec
	if spec.Type == corev1.ServiceTypeExternalName {
		return nil
	}
	name := types.NamespacedName{Namespace: object.Namespace, Name: object.Name}
	projected := &service{
		NamespacedName: name,
		hostname:       s.hostname(name),
		// No other source of this hostname may outrank the cluster's own.
		canonical:       true,
		selector:        spec.Selector,
		ipFamilies:      ipFamilies(spec.IPFamilies),
		nodeLocal:       spec.InternalTrafficPolicy != nil && *spec.InternalTrafficPolicy == corev1.ServiceInternalTrafficPolicyLocal,
		preference:      preferenceOfService(object),
		publishNotReady: spec.PublishNotReadyAddresses,
		bindings:        bindingsOf(object.Labels),
	}
	ips := spec.ClusterIPs
	if len(ips) == 0 {
		ips = []string{spec.ClusterIP}
	}
	for _, ip := range ips {
		// A headless Service's is "None", which is no address.
		if parsed, err := netip.ParseAddr(ip); err == nil {
			projected.addresses = append(projected.addresses, netip.PrefixFrom(parsed, parsed.BitLen()))
		}
	}
	for i := range spec.Ports {
		projected.ports = append(projected.ports, projectPort(&spec.Ports[i]))
	}
	return projected
}

// ResourceName is "<namespace>/<name>" for a Service; the others have their
// kind before that. A host of a ServiceEntry has its own name instead of the
// object's, as that becomes the name of the address: another ServiceEntry that
// takes the host over is an update.
func (s service) ResourceName() string {
	switch s.source {
	case fromPool:
		return "InferencePool/" + s.String()
	case fromEntry:
		return "ServiceEntry/" + s.endpointKey()
	default:
		return s.String()
	}
}

// Equals compares everything.
func (s service) Equals(other service) bool {
	return s.NamespacedName == other.NamespacedName &&
		s.source == other.source &&
		s.hostname == other.hostname &&
		s.canonical == other.canonical &&
		s.ipFamilies == other.ipFamilies &&
		s.nodeLocal == other.nodeLocal &&
		s.passthrough == other.passthrough &&
		s.preference == other.preference &&
		s.publishNotReady == other.publishNotReady &&
		s.bindings == other.bindings &&
		maps.Equal(s.selector, other.selector) &&
		slices.Equal(s.ports, other.ports) &&
		slices.Equal(s.addresses, other.addresses) &&
		slices.Equal(s.subjectAltNames, other.subjectAltNames)
}

// GetLabelSelector lets krt judge whether a change of a service concerns a
// workload.
func (s service) GetLabelSelector() map[string]string { return s.selector }

// selectorKeys files a service under one pair of its selector, the smallest: a
// pod that the service selects carries every pair, so it finds the service
// under this one.
func (s service) selectorKeys() []string {
	if len(s.selector) == 0 {
		return nil
	}
	smallest := slices.Min(slices.Collect(maps.Keys(s.selector)))
	return []string{labelKey(s.Namespace, smallest, s.selector[smallest])}
}

// objectKeys files a service under the object that it comes from.
func (s service) objectKeys() []string { return []string{s.String()} }

// labelKey is unambiguous: neither a namespace nor a label's key can hold the
// separator that follows it.
func labelKey(namespace, key, value string) string { return namespace + ":" + key + "=" + value }

// endpointKey is how a workload names a service that it is an endpoint of.
func (s service) endpointKey() string { return endpointKey(s.Namespace, s.hostname) }

func endpointKey(namespace, hostname string) string { return namespace + "/" + hostname }

// hostname is that of a Service.
func (s *sources) hostname(name types.NamespacedName) string {
	return name.Name + "." + name.Namespace + ".svc." + s.settings.ClusterDomain
}

// serviceAddress translates one service. It runs when its projection changes,
// what it inherits from its Namespace, the network, or a waypoint that it asks
// for.
func (s *sources) serviceAddress(ctx krt.HandlerContext, from service) *resources.Resource {
	inherited := s.defaultsFor(ctx, from.Namespace)
	address := &workloadapi.Service{
		Name:            from.Name,
		Namespace:       from.Namespace,
		Hostname:        from.hostname,
		LoadBalancing:   loadBalancing(from, inherited.preference),
		IpFamilies:      from.ipFamilies,
		SubjectAltNames: from.subjectAltNames,
		Canonical:       from.canonical,
	}
	for _, prefix := range from.addresses {
		address.Addresses = append(address.Addresses, networkAddress(inherited.network, prefix))
	}
	for _, port := range from.ports {
		address.Ports = append(address.Ports, &workloadapi.Port{ServicePort: port.number, TargetPort: port.target, AppProtocol: port.appProtocol})
	}
	if from.source != fromPool {
		address.Waypoint = s.waypointOf(ctx, from.Namespace, from.bindings, forServices, inherited.network, inherited.waypoint).message()
		if address.Waypoint != nil {
			address.IngressUseWaypoint = from.bindings.ingress.or(inherited.ingress) == yes
		}
	}
	resource := resources.ForAddress(&workloadapi.Address{Type: &workloadapi.Address_Service{Service: address}})
	return &resource
}

// networkAddress has a length only where it is a range.
func networkAddress(network string, prefix netip.Prefix) *workloadapi.NetworkAddress {
	address := &workloadapi.NetworkAddress{Network: network, Address: prefix.Addr().AsSlice()}
	if !prefix.IsSingleIP() {
		address.Length = new(uint32(prefix.Bits()))
	}
	return address
}

func ipFamilies(families []corev1.IPFamily) workloadapi.IPFamilies {
	switch {
	case len(families) > 1:
		return workloadapi.IPFamilies_DUAL
	case len(families) == 0:
		return workloadapi.IPFamilies_AUTOMATIC
	case families[0] == corev1.IPv6Protocol:
		return workloadapi.IPFamilies_IPV6_ONLY
	default:
		return workloadapi.IPFamilies_IPV4_ONLY
	}
}
