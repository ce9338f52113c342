package golden

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	networkingapi "istio.io/api/networking/v1"
	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
)

// meshed gives some of the objects that random makes what Istio's users put on
// them.
func meshed[T metav1.Object](random func(*rand.Rand) T) func(*rand.Rand) T {
	return func(rng *rand.Rand) T {
		object := random(rng)
		labels := maps.Clone(object.GetLabels())
		if labels == nil {
			labels = map[string]string{}
		}
		// In a fixed order, so that a seed means the same again.
		for _, some := range []struct {
			key    string
			values []string
		}{
			{"istio.io/use-waypoint", []string{"g1", "g1", "g2", "none"}},
			{"istio.io/use-waypoint-namespace", []string{"a", "b"}},
			{"istio.io/ingress-use-waypoint", []string{"true", "false"}},
			{"istio.io/waypoint-for", []string{"service", "workload", "all", "nobody"}},
			{"gateway.networking.k8s.io/gateway-name", []string{"g1", "g2"}},
		} {
			if rng.IntN(5) == 0 {
				labels[some.key] = pick(rng, some.values...)
			}
		}
		object.SetLabels(labels)
		return object
	}
}

func randomMeshNamespace(rng *rand.Rand) *corev1.Namespace {
	if rng.IntN(5) > 0 {
		return meshed(randomNamespace)(rng)
	}
	return &corev1.Namespace{TypeMeta: typed("Namespace"), ObjectMeta: metav1.ObjectMeta{
		Name: "istio-system", Labels: map[string]string{"topology.istio.io/network": pick(rng, "", "net-1", "net-2")},
	}}
}

func randomMeshConfigMap(rng *rand.Rand) *corev1.ConfigMap {
	if rng.IntN(3) > 0 {
		return randomConfigMap(rng)
	}
	return &corev1.ConfigMap{TypeMeta: typed("ConfigMap"), ObjectMeta: metav1.ObjectMeta{Namespace: "istio-system", Name: pick(rng, "istio", "istio", "istio-1-30")},
		Data: map[string]string{"mesh": "trustDomain: " + pick(rng, "corp.test", "cluster.local", "[")}}
}

func randomMeshGateway(rng *rand.Rand) *gwv1.Gateway {
	gateway := meshed(randomGateway)(rng)
	if rng.IntN(2) == 0 {
		return gateway
	}
	allowed := randomAllowedRoutes(rng)
	if allowed != nil {
		allowed.Kinds = nil
	}
	gateway.Spec.Listeners = append(gateway.Spec.Listeners, gwv1.Listener{Name: "mesh", Protocol: "HBONE", Port: 15008, AllowedRoutes: allowed})
	if rng.IntN(3) == 0 {
		gateway.Spec.GatewayClassName = "istio-remote"
		gateway.Labels["topology.istio.io/network"] = pick(rng, "net-1", "net-2")
	}
	gateway.CreationTimestamp = metav1.NewTime(time.Unix(int64(1+rng.IntN(2)), 0))
	gateway.Status.Addresses = some(rng, 2, func(rng *rand.Rand) gwv1.GatewayStatusAddress {
		return gwv1.GatewayStatusAddress{Value: pick(rng, "192.0.2.1", "192.0.2.2")}
	})
	return gateway
}

func randomServiceEntry(rng *rand.Rand) *networkingv1.ServiceEntry {
	entry := &networkingv1.ServiceEntry{TypeMeta: typed("ServiceEntry"), ObjectMeta: named(rng, "x1", "x2", "x3")}
	entry.CreationTimestamp = metav1.NewTime(time.Unix(int64(1+rng.IntN(2)), 0))
	entry.Spec.Hosts = append(some(rng, 2, func(rng *rand.Rand) string {
		return pick(rng, "one.test", "two.test", "s1.a.svc.cluster.local", "s2.b.svc.cluster.local")
	}), pick(rng, "one.test", "three.test"))
	entry.Spec.Resolution = pick(rng, networkingapi.ServiceEntry_STATIC, networkingapi.ServiceEntry_DNS, networkingapi.ServiceEntry_NONE)
	entry.Spec.Ports = []*networkingapi.ServicePort{{Number: pick(rng, uint32(80), 81), Name: pick(rng, "http", "other"), Protocol: "HTTP"}}
	if rng.IntN(2) == 0 {
		entry.Spec.WorkloadSelector = &networkingapi.WorkloadSelector{Labels: pick(rng, nil, map[string]string{"app": "one"}, map[string]string{"app": "two"})}
		return entry
	}
	entry.Spec.Endpoints = some(rng, 3, func(rng *rand.Rand) *networkingapi.WorkloadEntry {
		return randomEndpoint(rng)
	})
	return entry
}

func randomEndpoint(rng *rand.Rand) *networkingapi.WorkloadEntry {
	return &networkingapi.WorkloadEntry{
		Address: pick(rng, "10.3.0.1", "10.3.0.2", "host.test", "", "unix:///x"),
		Network: pick(rng, "", "", "net-1", "net-2"),
		Ports:   pick(rng, nil, map[string]uint32{"http": 9090}),
		Labels:  pick(rng, nil, map[string]string{"app": "one"}, map[string]string{"istio.io/use-waypoint": "g1"}),
	}
}

func randomWorkloadEntry(rng *rand.Rand) *networkingv1.WorkloadEntry {
	entry := &networkingv1.WorkloadEntry{TypeMeta: typed("WorkloadEntry"), ObjectMeta: named(rng, "w1", "w2", "w3")}
	entry.Labels = pick(rng, nil, map[string]string{"app": "one"}, map[string]string{"app": "two"})
	drawn := randomEndpoint(rng)
	entry.Spec.Address, entry.Spec.Network, entry.Spec.Ports, entry.Spec.Labels = drawn.Address, drawn.Network, drawn.Ports, drawn.Labels
	if rng.IntN(4) == 0 {
		entry.Spec.Locality = fmt.Sprint("r", rng.IntN(2))
	}
	return entry
}
