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

// service is what addresses depend on in a Service. A change of anything else
// wakes neither the Service's own address nor the pods behind it.
type service struct {
	types.NamespacedName
	// selector is empty when the endpoints are somebody else's EndpointSlices.
	selector   map[string]string
	ports      []servicePort
	clusterIPs []string
	ipFamilies []corev1.IPFamily
	// nodeLocal keeps traffic on the proxy's own node, or drops it.
	nodeLocal bool
	// preference comes from the Service itself, not from its Namespace.
	preference preference
	// publishNotReady lets traffic reach endpoints that are not ready.
	publishNotReady bool
}

// projectService returns nil for an ExternalName Service: it has no endpoints
// that a proxy could be sent.
func projectService(object *corev1.Service) *service {
	spec := &object.Spec
	if spec.Type == corev1.ServiceTypeExternalName {
		return nil
	}
	projected := &service{
		NamespacedName:  types.NamespacedName{Namespace: object.Namespace, Name: object.Name},
		selector:        spec.Selector,
		clusterIPs:      spec.ClusterIPs,
		ipFamilies:      spec.IPFamilies,
		nodeLocal:       spec.InternalTrafficPolicy != nil && *spec.InternalTrafficPolicy == corev1.ServiceInternalTrafficPolicyLocal,
		preference:      preferenceOfService(object),
		publishNotReady: spec.PublishNotReadyAddresses,
	}
	if len(projected.clusterIPs) == 0 && spec.ClusterIP != "" {
		projected.clusterIPs = []string{spec.ClusterIP}
	}
	for i := range spec.Ports {
		projected.ports = append(projected.ports, projectPort(&spec.Ports[i]))
	}
	return projected
}

// ResourceName is the key "<namespace>/<name>".
func (s service) ResourceName() string { return s.String() }

// Equals compares everything.
func (s service) Equals(other service) bool {
	return s.NamespacedName == other.NamespacedName &&
		s.nodeLocal == other.nodeLocal &&
		s.preference == other.preference &&
		s.publishNotReady == other.publishNotReady &&
		maps.Equal(s.selector, other.selector) &&
		slices.Equal(s.ports, other.ports) &&
		slices.Equal(s.clusterIPs, other.clusterIPs) &&
		slices.Equal(s.ipFamilies, other.ipFamilies)
}

// GetLabelSelector lets krt judge whether a change of a Service concerns a pod.
func (s service) GetLabelSelector() map[string]string { return s.selector }

// selectorKeys files a Service under one pair of its selector, the smallest:
// a pod that the Service selects carries every pair, so it finds the Service
// under this one.
func (s service) selectorKeys() []string {
	if len(s.selector) == 0 {
		return nil
	}
	smallest := slices.Min(slices.Collect(maps.Keys(s.selector)))
	return []string{labelKey(s.Namespace, smallest, s.selector[smallest])}
}

// labelKey is unambiguous: neither a namespace nor a label's key can hold the
// separator that follows it.
func labelKey(namespace, key, value string) string { return namespace + ":" + key + "=" + value }

// hostname is the name by which routes refer to the Service.
func (s *sources) hostname(name types.NamespacedName) string {
	return name.Name + "." + name.Namespace + ".svc." + s.settings.ClusterDomain
}

// endpointKey is how a workload names a Service that it is an endpoint of.
func (s *sources) endpointKey(name types.NamespacedName) string {
	return name.Namespace + "/" + s.hostname(name)
}

// serviceAddress translates one Service. It runs when the Service's projection
// changes, or the preference of the Namespace that it inherits from.
func (s *sources) serviceAddress(ctx krt.HandlerContext, from service) *resources.Resource {
	address := &workloadapi.Service{
		Name:          from.Name,
		Namespace:     from.Namespace,
		Hostname:      s.hostname(from.NamespacedName),
		LoadBalancing: s.loadBalancing(ctx, from),
		IpFamilies:    ipFamilies(from.ipFamilies),
		// No other source of this hostname may outrank the cluster's own.
		Canonical: true,
	}
	for _, ip := range from.clusterIPs {
		// A headless Service's is "None", which is no address.
		if parsed, err := netip.ParseAddr(ip); err == nil {
			address.Addresses = append(address.Addresses, &workloadapi.NetworkAddress{Network: s.settings.Network, Address: parsed.AsSlice()})
		}
	}
	for _, port := range from.ports {
		address.Ports = append(address.Ports, &workloadapi.Port{ServicePort: port.number, TargetPort: port.target, AppProtocol: port.appProtocol})
	}
	resource := resources.ForAddress(&workloadapi.Address{Type: &workloadapi.Address_Service{Service: address}})
	return &resource
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
