package names

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
)

// domain is the cluster's.
const domain = "cluster.local"

// Zone knows the names of the cluster.
type Zone struct {
	Services  corelisters.ServiceLister
	Endpoints discoverylisters.EndpointSliceLister
}

// result is what there is to say about a name. A name that exists but has no
// record of the type asked for has no records and no error code.
type result struct {
	code    dnsmessage.RCode
	records []dnsmessage.ResourceBody
	// alias is another name that says it, nil if there is none.
	alias *dnsmessage.Name
}

var unknown = result{code: dnsmessage.RCodeNameError}

// find answers a question, and tells whether it is about the cluster at all.
func (z Zone) find(question dnsmessage.Question) (result, bool) {
	name := strings.ToLower(strings.TrimSuffix(question.Name.String(), "."))
	if name != domain && !strings.HasSuffix(name, "."+domain) {
		return unknown, false
	}
	return z.lookup(strings.TrimSuffix(strings.TrimSuffix(name, domain), "."), question.Type), true
}

// lookup answers for a name, given without the domain.
func (z Zone) lookup(name string, kind dnsmessage.Type) result {
	labels := strings.Split(name, ".")
	// From the right: svc, namespace, Service, and what is before it.
	slices.Reverse(labels)
	switch {
	case len(labels) == 3 && labels[0] == "pod":
		return podByAddress(labels[2], kind)
	case labels[0] == "" || len(labels) < 3 && (labels[0] == "svc" || labels[0] == "pod"):
		return result{}
	case labels[0] != "svc":
		return unknown
	}
	service, err := z.Services.Services(labels[1]).Get(labels[2])
	if err != nil {
		return unknown
	}
	switch len(labels) {
	case 3:
		return z.service(service, kind)
	case 4:
		return z.endpoint(service, labels[3], kind)
	case 5:
		return z.port(service, labels[4], labels[3], kind)
	}
	return unknown
}

// podByAddress answers for names like 198-18-0-2.default.pod.
func podByAddress(label string, kind dnsmessage.Type) result {
	address, err := netip.ParseAddr(strings.ReplaceAll(label, "-", "."))
	if err != nil || !address.Is4() {
		return unknown
	}
	return addresses([]netip.Addr{address}, kind)
}

func (z Zone) service(service *corev1.Service, kind dnsmessage.Type) result {
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		target, err := dnsmessage.NewName(strings.TrimSuffix(service.Spec.ExternalName, ".") + ".")
		if err != nil {
			return unknown
		}
		return result{alias: &target}
	}
	if service.Spec.ClusterIP != corev1.ClusterIPNone {
		address, err := netip.ParseAddr(service.Spec.ClusterIP)
		if err != nil {
			return unknown
		}
		return addresses([]netip.Addr{address}, kind)
	}
	var found []netip.Addr
	z.each(service, func(address netip.Addr, _ discoveryv1.Endpoint, _ *discoveryv1.EndpointSlice) {
		found = append(found, address)
	})
	if len(found) == 0 {
		return unknown
	}
	return addresses(found, kind)
}

// endpoint answers for one pod of a Service, by the pod's host name.
func (z Zone) endpoint(service *corev1.Service, name string, kind dnsmessage.Type) result {
	var found []netip.Addr
	z.each(service, func(address netip.Addr, endpoint discoveryv1.Endpoint, _ *discoveryv1.EndpointSlice) {
		if hostname(address, endpoint) == name {
			found = append(found, address)
		}
	})
	if len(found) == 0 {
		return unknown
	}
	return addresses(found, kind)
}

// port answers for names like _http._tcp.web.default.svc.
func (z Zone) port(service *corev1.Service, name, protocol string, kind dnsmessage.Type) result {
	own := service.Name + "." + service.Namespace + ".svc." + domain + "."
	var found []dnsmessage.ResourceBody
	add := func(port int32, target string) {
		if parsed, err := dnsmessage.NewName(target); err == nil {
			found = append(found, &dnsmessage.SRVResource{Priority: 0, Weight: 100, Port: uint16(port), Target: parsed})
		}
	}
	headless := service.Spec.ClusterIP == corev1.ClusterIPNone
	for _, port := range service.Spec.Ports {
		if "_"+port.Name != name || "_"+strings.ToLower(string(cmp.Or(port.Protocol, corev1.ProtocolTCP))) != protocol {
			continue
		}
		if !headless {
			add(port.Port, own)
			continue
		}
		z.each(service, func(address netip.Addr, endpoint discoveryv1.Endpoint, slice *discoveryv1.EndpointSlice) {
			for _, each := range slice.Ports {
				if each.Name != nil && *each.Name == port.Name && each.Port != nil {
					add(*each.Port, hostname(address, endpoint)+"."+own)
				}
			}
		})
	}
	if len(found) == 0 {
		return unknown
	}
	if kind != dnsmessage.TypeSRV && kind != dnsmessage.TypeALL {
		return result{}
	}
	return result{records: found}
}

// each visits the ready endpoints of a Service, in the order of their
// addresses, each once.
func (z Zone) each(service *corev1.Service, visit func(netip.Addr, discoveryv1.Endpoint, *discoveryv1.EndpointSlice)) {
	type found struct {
		address  netip.Addr
		endpoint discoveryv1.Endpoint
		slice    *discoveryv1.EndpointSlice
	}
	all, err := z.Endpoints.EndpointSlices(service.Namespace).List(labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: service.Name}))
	if err != nil {
		return
	}
	var list []found
	for _, slice := range all {
		for _, endpoint := range slice.Endpoints {
			if endpoint.Conditions.Ready != nil && !*endpoint.Conditions.Ready || len(endpoint.Addresses) == 0 {
				continue
			}
			if address, err := netip.ParseAddr(endpoint.Addresses[0]); err == nil {
				list = append(list, found{address, endpoint, slice})
			}
		}
	}
	slices.SortFunc(list, func(a, b found) int { return a.address.Compare(b.address) })
	list = slices.CompactFunc(list, func(a, b found) bool { return a.address == b.address })
	for _, f := range list {
		visit(f.address, f.endpoint, f.slice)
	}
}

// hostname is an endpoint's own label: the pod's host name or its address.
func hostname(address netip.Addr, endpoint discoveryv1.Endpoint) string {
	if endpoint.Hostname != nil && *endpoint.Hostname != "" {
		return *endpoint.Hostname
	}
	return strings.ReplaceAll(address.String(), ".", "-")
}

func addresses(list []netip.Addr, kind dnsmessage.Type) result {
	if kind != dnsmessage.TypeA && kind != dnsmessage.TypeALL {
		return result{}
	}
	var found result
	for _, address := range list {
		if address.Is4() {
			found.records = append(found.records, &dnsmessage.AResource{A: address.As4()})
		}
	}
	return found
}
