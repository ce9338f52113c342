package provision

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// proxyPorts are taken by the proxy itself: administration, metrics, readiness.
var proxyPorts = []int32{15000, metricsPort, readinessPort}

// servicePorts returns the distinct ports that are reached from outside,
// ascending. A Gateway without listeners has a dummy, which keeps a load
// balancer and its address alive.
func servicePorts(listeners []Port, dummy uint16) ([]int32, *Problem) {
	var ports []int32
	if len(listeners) == 0 && dummy != 0 {
		ports = []int32{int32(dummy)}
	}
	for _, port := range listeners {
		served := port.Number >= 1 && port.Number <= 65535 && !slices.Contains(proxyPorts, port.Number)
		if served && !port.Internal && !slices.Contains(ports, port.Number) {
			ports = append(ports, port.Number)
		}
	}
	if len(ports) == 0 {
		return nil, &Problem{Reason: ReasonNoPorts, Field: "spec.listeners", Message: "no listener has a port that can be served from outside"}
	}
	slices.Sort(ports)
	return ports, nil
}

// loadBalancerIP returns the one IP address that the Gateway asks for, "" if it
// takes any.
func loadBalancerIP(addresses []gwv1.GatewaySpecAddress) (string, *Problem) {
	var values []string
	field := "spec.addresses"
	for i, address := range addresses {
		if address.Type == nil || *address.Type == gwv1.IPAddressType {
			values = append(values, address.Value)
			field = fmt.Sprintf("spec.addresses[%d].value", i)
		}
	}
	switch {
	case len(addresses) == 0:
		return "", nil
	case len(values) == 0:
		return "", invalid("", "spec.addresses", "only addresses of type IPAddress can be asked for")
	case len(values) > 1:
		return "", invalid("", "spec.addresses", "only one address of type IPAddress is supported")
	case values[0] == "":
		return "", nil
	}
	if _, err := netip.ParseAddr(values[0]); err != nil {
		return "", invalid("", field, fmt.Sprintf("%q is not an IP address", values[0]))
	}
	return values[0], nil
}

func (i identity) service(ports []int32, ip string) *corev1.Service {
	service := &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: serviceKind},
		ObjectMeta: i.meta(i.name, i.labels(), i.infrastructureAnnotations()),
		Spec: corev1.ServiceSpec{
			Type:           corev1.ServiceTypeLoadBalancer,
			LoadBalancerIP: ip,
			Selector:       i.selector(),
		},
	}
	for _, port := range ports {
		service.Spec.Ports = append(service.Spec.Ports, corev1.ServicePort{
			Name:       fmt.Sprintf("listener-%d", port),
			Port:       port,
			TargetPort: intstr.FromInt32(port),
			Protocol:   corev1.ProtocolTCP,
		})
	}
	return service
}
