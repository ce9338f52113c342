package addresses

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	networkingapi "istio.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
	"istio.io/istio/pkg/kube/krt"
	"istio.io/istio/pkg/workloadapi"
)

// assignLabel set to "false" refuses the addresses that istiod assigns.
const assignLabel = "networking.istio.io/enable-autoallocate-ip"

// candidate is one host of a ServiceEntry, before it is known who else has it.
type candidate struct {
	service
	// created is that of the ServiceEntry, in seconds since 1970.
	created int64
}

// ResourceName is the key "<namespace>/<name>/<host>".
func (c candidate) ResourceName() string { return c.String() + "/" + c.hostname }

// Equals compares everything.
func (c candidate) Equals(other candidate) bool {
	return c.created == other.created && c.service.Equals(other.service)
}

func (c candidate) hostKeys() []string { return []string{c.hostname} }

// projectServiceEntry returns one candidate for each host.
func projectServiceEntry(object *networkingv1.ServiceEntry) []candidate {
	spec := &object.Spec
	shared := service{
		NamespacedName:  types.NamespacedName{Namespace: object.Namespace, Name: object.Name},
		source:          fromEntry,
		selector:        spec.GetWorkloadSelector().GetLabels(),
		passthrough:     spec.GetResolution() == networkingapi.ServiceEntry_NONE,
		preference:      preferenceOfAnnotation(object.Annotations),
		subjectAltNames: spec.GetSubjectAltNames(),
		bindings:        bindingsOf(object.Labels),
	}
	for _, port := range spec.GetPorts() {
		if projected, ok := projectEntryPort(port); ok {
			shared.ports = append(shared.ports, projected)
		}
	}
	for _, text := range spec.GetAddresses() {
		if prefix, ok := parsePrefix(text); ok {
			shared.addresses = append(shared.addresses, prefix)
		}
	}
	var candidates []candidate
	for i, host := range spec.GetHosts() {
		// With a slash in it, the name of the service would be that of a
		// workload, or of a service of another namespace.
		if host == "" || strings.Contains(host, "/") || slices.Contains(spec.GetHosts()[:i], host) {
			continue
		}
		own := candidate{service: shared, created: object.CreationTimestamp.Unix()}
		own.hostname = host
		if len(spec.GetAddresses()) == 0 {
			own.addresses = assignedAddresses(object, host)
		}
		candidates = append(candidates, own)
	}
	return candidates
}

// projectEntryPort returns false for a port that no proxy could use.
func projectEntryPort(port *networkingapi.ServicePort) (servicePort, bool) {
	number := port.GetNumber()
	if number == 0 || number > maxPort {
		return servicePort{}, false
	}
	word := strings.ToLower(port.GetProtocol())
	return servicePort{
		name:        port.GetName(),
		number:      number,
		target:      cmp.Or(port.GetTargetPort(), number),
		tcp:         word != "udp",
		appProtocol: protocolWords[word],
	}, true
}

// parsePrefix reads an IP or a range of them.
func parsePrefix(text string) (netip.Prefix, bool) {
	if strings.Contains(text, "/") {
		prefix, err := netip.ParsePrefix(text)
		return prefix.Masked(), err == nil
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(ip, ip.BitLen()), true
}

// assignedAddresses are those that istiod has picked for a host whose
// ServiceEntry lists none.
func assignedAddresses(object *networkingv1.ServiceEntry, host string) []netip.Prefix {
	resolution := object.Spec.GetResolution()
	wildcard := strings.HasPrefix(host, "*")
	if resolution == networkingapi.ServiceEntry_NONE || strings.EqualFold(object.Labels[assignLabel], "false") ||
		wildcard && resolution != networkingapi.ServiceEntry_DYNAMIC_DNS {
		return nil
	}
	var assigned []netip.Prefix
	for _, address := range object.Status.GetAddresses() {
		if address.GetHost() != host {
			continue
		}
		if ip, err := netip.ParseAddr(address.GetValue()); err == nil {
			assigned = append(assigned, netip.PrefixFrom(ip, ip.BitLen()))
		}
	}
	return assigned
}

// chosenEntries settles who has a host: in each namespace the Service of that
// name, else the oldest ServiceEntry. One of all is canonical: the Service, in
// whichever namespace it is, else the oldest. It runs when a ServiceEntry with
// the host changes, or the Service.
func (s *sources) chosenEntries(ctx krt.HandlerContext, group krt.IndexObject[string, candidate]) []service {
	existing := s.serviceNamed(ctx, group.Key)
	ordered := slices.SortedFunc(slices.Values(group.Objects), func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.created, b.created), cmp.Compare(a.String(), b.String()))
	})
	var chosen []service
	taken := map[string]bool{}
	if existing != nil {
		taken[existing.Namespace] = true
	}
	for _, next := range ordered {
		if taken[next.Namespace] {
			continue
		}
		taken[next.Namespace] = true
		winner := next.service
		winner.canonical = existing == nil && len(chosen) == 0
		chosen = append(chosen, winner)
	}
	return chosen
}

// serviceNamed returns the Service with a hostname, nil if there is none or the
// hostname can't be one's.
func (s *sources) serviceNamed(ctx krt.HandlerContext, hostname string) *service {
	prefix, ok := strings.CutSuffix(hostname, ".svc."+s.settings.ClusterDomain)
	if !ok {
		return nil
	}
	name, namespace, ok := strings.Cut(prefix, ".")
	if !ok || strings.Contains(namespace, ".") {
		return nil
	}
	return krt.FetchOne(ctx, s.services, krt.FilterKey(namespace+"/"+name))
}

// resolves says whether proxies look the hosts up themselves, so that an entry
// without endpoints has its hosts as such.
func resolves(object *networkingv1.ServiceEntry) bool {
	switch object.Spec.GetResolution() {
	case networkingapi.ServiceEntry_DNS, networkingapi.ServiceEntry_DNS_ROUND_ROBIN, networkingapi.ServiceEntry_DYNAMIC_DNS:
		return object.Spec.GetWorkloadSelector() == nil
	default:
		return false
	}
}

// servedBy maps services to the ports of an endpoint.
func servedBy(services []service, numbers map[string]uint32) map[string]*workloadapi.PortList {
	served := map[string]*workloadapi.PortList{}
	for _, each := range services {
		served[each.endpointKey()] = entryPorts(numbers, each.ports)
	}
	return served
}
