package golden

import (
	"fmt"
	"math/rand/v2"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	gwv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	"agentgateway.dev/controller/pkg/inputs"
)

// The worlds of the rig are small, so that objects meet: two namespaces and a
// few names of each kind, that refer to each other by chance.

func pick[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

// often returns the usual value three times out of four, else one of the
// others: worlds in which hardly anything fits together show little.
func often[T any](rng *rand.Rand, usual T, others ...T) T {
	if rng.IntN(4) > 0 {
		return usual
	}
	return pick(rng, others...)
}

// some returns up to n values.
func some[T any](rng *rand.Rand, n int, make func(*rand.Rand) T) []T {
	var out []T
	for range rng.IntN(n + 1) {
		out = append(out, make(rng))
	}
	return out
}

// maybe returns nil, or one of the values.
func maybe[T any](rng *rand.Rand, from ...T) *T {
	if rng.IntN(2) == 0 {
		return nil
	}
	return new(pick(rng, from...))
}

func typed(kind string) metav1.TypeMeta {
	for _, k := range inputs.Kinds {
		if k.GVK.Kind == kind {
			return metav1.TypeMeta{APIVersion: k.GVK.GroupVersion().String(), Kind: kind}
		}
	}
	panic("no such kind: " + kind)
}

func named(rng *rand.Rand, names ...string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: randomNamespaceName(rng), Name: pick(rng, names...)}
}

func randomNamespaceName(rng *rand.Rand) string { return pick(rng, "a", "b") }

func randomNamespace(rng *rand.Rand) *corev1.Namespace {
	namespace := &corev1.Namespace{TypeMeta: typed("Namespace"), ObjectMeta: metav1.ObjectMeta{Name: randomNamespaceName(rng)}}
	namespace.Labels = pick(rng, map[string]string{"team": "red"}, map[string]string{"team": "blue"})
	namespace.Annotations = pick(rng, nil, map[string]string{"networking.istio.io/traffic-distribution": "PreferClose"})
	return namespace
}

func randomNode(rng *rand.Rand) *corev1.Node {
	return &corev1.Node{TypeMeta: typed("Node"), ObjectMeta: metav1.ObjectMeta{
		Name:   pick(rng, "n1", "n2"),
		Labels: pick(rng, nil, map[string]string{"topology.kubernetes.io/region": pick(rng, "r1", "r2")}),
	}}
}

func randomPod(rng *rand.Rand) *corev1.Pod {
	pod := &corev1.Pod{TypeMeta: typed("Pod"), ObjectMeta: named(rng, "p1", "p2", "p3")}
	pod.Labels = pick(rng, nil, map[string]string{"app": "one"}, map[string]string{"app": "two", "extra": "x"})
	pod.Spec = corev1.PodSpec{NodeName: pick(rng, "", "n1", "n2"), Containers: []corev1.Container{{
		Name: "c", Ports: []corev1.ContainerPort{{Name: pick(rng, "http", "other"), ContainerPort: pick(rng, int32(8080), 8081)}},
	}}}
	pod.Status = corev1.PodStatus{Phase: pick(rng, corev1.PodRunning, corev1.PodRunning, corev1.PodSucceeded)}
	if rng.IntN(4) > 0 {
		pod.Status.PodIP = pick(rng, "10.1.0.1", "10.1.0.2")
		pod.Status.PodIPs = []corev1.PodIP{{IP: pod.Status.PodIP}}
	}
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: pick(rng, corev1.ConditionTrue, corev1.ConditionFalse)}}
	return pod
}

func randomService(rng *rand.Rand) *corev1.Service {
	service := &corev1.Service{TypeMeta: typed("Service"), ObjectMeta: named(rng, "s1", "s2", "s3")}
	service.Spec = corev1.ServiceSpec{
		Type:      often(rng, corev1.ServiceTypeClusterIP, corev1.ServiceTypeExternalName),
		ClusterIP: "10.0.0.1", ClusterIPs: []string{"10.0.0.1"},
		Selector: pick(rng, nil, map[string]string{"app": "one"}, map[string]string{"app": "two"}),
		Ports: []corev1.ServicePort{
			{Name: "p", Port: 80, TargetPort: pick(rng, intstr.FromInt32(8080), intstr.FromString("http"))},
			{Name: "agent", Port: 9090, AppProtocol: new(often(rng, "agentgateway.dev/a2a", "kubernetes.io/h2c"))},
		},
		PublishNotReadyAddresses: rng.IntN(4) == 0,
	}
	return service
}

func randomEndpointSlice(rng *rand.Rand) *discoveryv1.EndpointSlice {
	slice := &discoveryv1.EndpointSlice{TypeMeta: typed("EndpointSlice"), ObjectMeta: named(rng, "e1", "e2"), AddressType: discoveryv1.AddressTypeIPv4}
	slice.Labels = map[string]string{discoveryv1.LabelServiceName: pick(rng, "s1", "s2", "s3")}
	slice.Ports = []discoveryv1.EndpointPort{{Name: new("p"), Port: new(pick(rng, int32(8080), 8081)), Protocol: new(corev1.ProtocolTCP)}}
	for _, ip := range []string{"10.2.0.1", "10.2.0.2"} {
		endpoint := discoveryv1.Endpoint{Addresses: []string{ip}, Conditions: discoveryv1.EndpointConditions{Ready: maybe(rng, true, false)}}
		if rng.IntN(2) == 0 {
			endpoint.TargetRef = &corev1.ObjectReference{Kind: "Pod", Namespace: slice.Namespace, Name: pick(rng, "p1", "p2", "p3")}
		}
		if rng.IntN(3) > 0 {
			slice.Endpoints = append(slice.Endpoints, endpoint)
		}
	}
	return slice
}

func randomGatewayClass(rng *rand.Rand) *gwv1.GatewayClass {
	return &gwv1.GatewayClass{
		TypeMeta:   typed("GatewayClass"),
		ObjectMeta: metav1.ObjectMeta{Name: often(rng, "c1", "c2")},
		Spec: gwv1.GatewayClassSpec{ControllerName: often[gwv1.GatewayController](rng,
			"agentgateway.dev/controller", "agentgateway.dev/agentgateway", "agentgateway.dev/agentgateway", "example.com/other")},
	}
}

func randomGateway(rng *rand.Rand) *gwv1.Gateway {
	gateway := &gwv1.Gateway{TypeMeta: typed("Gateway"), ObjectMeta: named(rng, "g1", "g2")}
	gateway.Annotations = pick(rng, nil, nil, map[string]string{"agentgateway.dev/internal-ports": pick(rng, "80", "81", "9999")})
	gateway.Spec.GatewayClassName = often[gwv1.ObjectName](rng, "c1", "c2", "absent")
	for i := range 1 + rng.IntN(4) {
		listener := randomListener(rng)
		listener.Name = gwv1.SectionName(fmt.Sprintf("l%d", (3-i+rng.IntN(2)*2)%4))
		gateway.Spec.Listeners = append(gateway.Spec.Listeners, listener)
	}
	gateway.Spec.Listeners = distinctNames(gateway.Spec.Listeners)
	gateway.Spec.AllowedListeners = randomAllowedListeners(rng)
	if rng.IntN(2) == 0 {
		gateway.Spec.TLS = randomGatewayTLS(rng)
	}
	if rng.IntN(8) == 0 {
		gateway.Spec.Addresses = []gwv1.GatewaySpecAddress{{Value: "10.0.0.1"}, {Type: maybe(rng, gwv1.HostnameAddressType, "test/fake"), Value: "there"}}
	}
	return gateway
}

// distinctNames keeps the first listener of each name, as the API demands.
func distinctNames(listeners []gwv1.Listener) []gwv1.Listener {
	seen := map[gwv1.SectionName]bool{}
	var kept []gwv1.Listener
	for _, listener := range listeners {
		if !seen[listener.Name] {
			kept = append(kept, listener)
		}
		seen[listener.Name] = true
	}
	return kept
}

func randomAllowedRoutes(rng *rand.Rand) *gwv1.AllowedRoutes {
	if rng.IntN(3) == 0 {
		return nil
	}
	allowed := &gwv1.AllowedRoutes{Namespaces: &gwv1.RouteNamespaces{From: new(pick(rng, gwv1.NamespacesFromAll, gwv1.NamespacesFromSelector, gwv1.NamespacesFromSelector, gwv1.NamespacesFromSame))}}
	allowed.Namespaces.Selector = often(rng, &metav1.LabelSelector{MatchLabels: map[string]string{"team": "red"}}, nil)
	if rng.IntN(5) == 0 {
		allowed.Kinds = []gwv1.RouteGroupKind{{Kind: "HTTPRoute"}, {Kind: "TLSRoute"}}
	}
	return allowed
}

func randomHTTPRoute(rng *rand.Rand) *gwv1.HTTPRoute {
	route := &gwv1.HTTPRoute{TypeMeta: typed("HTTPRoute"), ObjectMeta: randomRouteMeta(rng, "r1", "r2", "r3", "r4", "r5", "r6")}
	route.Spec.ParentRefs, route.Spec.Hostnames = randomParents(rng), randomHostnames(rng)
	route.Spec.Rules = some(rng, 2, randomRule)
	if rng.IntN(3) == 0 {
		delegate(rng, route)
	}
	return route
}

func randomRule(rng *rand.Rand) gwv1.HTTPRouteRule {
	rule := gwv1.HTTPRouteRule{Name: maybe[gwv1.SectionName](rng, "rule")}
	rule.Matches = some(rng, 2, func(rng *rand.Rand) gwv1.HTTPRouteMatch {
		return gwv1.HTTPRouteMatch{Path: &gwv1.HTTPPathMatch{
			Type:  often(rng, nil, new(gwv1.PathMatchExact), new(gwv1.PathMatchType("Unknown"))),
			Value: maybe(rng, "/one", "/two/"),
		}}
	})
	rule.BackendRefs = some(rng, 3, func(rng *rand.Rand) gwv1.HTTPBackendRef {
		return gwv1.HTTPBackendRef{BackendRef: randomBackend(rng)}
	})
	rule.Filters = some(rng, 2, randomFilter)
	if rng.IntN(3) == 0 {
		rule.Timeouts = &gwv1.HTTPRouteTimeouts{Request: new(often[gwv1.Duration](rng, "1s", "0s", "bad"))}
	}
	return rule
}

func randomReference(rng *rand.Rand) gwv1.BackendObjectReference {
	reference := gwv1.BackendObjectReference{
		Namespace: maybe[gwv1.Namespace](rng, "a", "b"),
		Name:      pick[gwv1.ObjectName](rng, "s1", "s2", "s3"),
		Port:      new(pick[gwv1.PortNumber](rng, 80, 9090)),
	}
	if rng.IntN(12) == 0 {
		reference.Port = nil
	}
	if rng.IntN(6) == 0 {
		reference.Group, reference.Kind = new(gwv1.Group("agentgateway.dev")), new(gwv1.Kind("AgentgatewayBackend"))
	} else if rng.IntN(4) == 0 {
		reference.Group, reference.Kind = new(gwv1.Group("inference.networking.k8s.io")), new(gwv1.Kind("InferencePool"))
	}
	return reference
}

func randomFilter(rng *rand.Rand) gwv1.HTTPRouteFilter {
	switch rng.IntN(4) {
	case 0:
		return gwv1.HTTPRouteFilter{Type: gwv1.HTTPRouteFilterRequestMirror, RequestMirror: &gwv1.HTTPRequestMirrorFilter{BackendRef: randomReference(rng)}}
	case 1:
		return gwv1.HTTPRouteFilter{Type: gwv1.HTTPRouteFilterRequestHeaderModifier, RequestHeaderModifier: &gwv1.HTTPHeaderFilter{Remove: []string{pick(rng, "x", "y")}}}
	case 2:
		return gwv1.HTTPRouteFilter{Type: gwv1.HTTPRouteFilterExternalAuth, ExternalAuth: &gwv1.HTTPExternalAuthFilter{
			ExternalAuthProtocol: gwv1.HTTPRouteExternalAuthGRPCProtocol, BackendRef: randomReference(rng),
		}}
	default:
		return gwv1.HTTPRouteFilter{Type: gwv1.HTTPRouteFilterURLRewrite, URLRewrite: &gwv1.HTTPURLRewriteFilter{
			Path: &gwv1.HTTPPathModifier{Type: gwv1.PrefixMatchHTTPPathModifier, ReplacePrefixMatch: new("/new")},
		}}
	}
}

func randomReferenceGrant(rng *rand.Rand) *gwv1beta1.ReferenceGrant {
	return &gwv1beta1.ReferenceGrant{
		TypeMeta:   typed("ReferenceGrant"),
		ObjectMeta: named(rng, "x", "y"),
		Spec: gwv1beta1.ReferenceGrantSpec{
			From: []gwv1beta1.ReferenceGrantFrom{{Group: gwv1.GroupName, Kind: pick[gwv1.Kind](rng, "HTTPRoute", "HTTPRoute", "GRPCRoute", "TCPRoute", "Gateway"), Namespace: gwv1.Namespace(randomNamespaceName(rng))}},
			To:   []gwv1beta1.ReferenceGrantTo{{Kind: pick[gwv1.Kind](rng, "Secret", "ConfigMap")}, {Kind: "Service", Name: maybe[gwv1.ObjectName](rng, "s1", "s2")}},
		},
	}
}
