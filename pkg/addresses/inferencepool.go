package addresses

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"
	inferencev1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"

	"istio.io/istio/pkg/workloadapi"
)

// projectPool makes a pool the service that proxies see in it. Which picker it
// has wakes neither its address nor its pods. Every port is the same on every
// pod: each is an endpoint of its own.
func (s *sources) projectPool(object *inferencev1.InferencePool) *service {
	name := types.NamespacedName{Namespace: object.Namespace, Name: object.Name}
	projected := &service{NamespacedName: name, source: fromPool, hostname: s.poolHostname(name), selector: map[string]string{}}
	for key, value := range object.Spec.Selector.MatchLabels {
		projected.selector[string(key)] = string(value)
	}
	protocol := workloadapi.AppProtocol_HTTP11
	if object.Spec.AppProtocol == inferencev1.AppProtocolH2C {
		protocol = workloadapi.AppProtocol_HTTP2
	}
	for _, port := range object.Spec.TargetPorts {
		number := uint32(port.Number)
		known := slices.ContainsFunc(projected.ports, func(p servicePort) bool { return p.number == number })
		if port.Number > 0 && port.Number <= maxPort && !known {
			projected.ports = append(projected.ports, servicePort{number: number, target: number, tcp: true, appProtocol: protocol})
		}
	}
	return projected
}

// poolHostname is the name by which routes refer to the pool.
func (s *sources) poolHostname(name types.NamespacedName) string {
	return name.Name + "." + name.Namespace + ".inference." + s.settings.ClusterDomain
}
