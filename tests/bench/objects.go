package main

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// namespace is where everything lives, systemNamespace is the controller's.
const (
	namespace       = "bench"
	systemNamespace = "agentgateway-system"
	className       = "agentgateway"
	controllerName  = "agentgateway.dev/agentgateway"
)

func gatewayName(i int) string     { return fmt.Sprintf("gw-%04d", i) }
func routeName(i int) string       { return fmt.Sprintf("route-%05d", i) }
func serviceName(i int) string     { return fmt.Sprintf("svc-%04d", i) }
func listenerSetName(i int) string { return fmt.Sprintf("set-%04d", i) }
func certificateName(i int) string { return fmt.Sprintf("cert-%02d", i) }
func podName(service, i int) string {
	return fmt.Sprintf("svc-%04d-%d", service, i)
}

// podIP gives every pod an address of its own in 10.0.0.0/8.
func podIP(service, i int) string {
	n := service*64 + i + 1
	return fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255)
}

func gatewayClass() *gwv1.GatewayClass {
	return &gwv1.GatewayClass{
		ObjectMeta: metav1.ObjectMeta{Name: className},
		Spec:       gwv1.GatewayClassSpec{ControllerName: controllerName},
	}
}

func (w world) gateway(i int) *gwv1.Gateway {
	gateway := &gwv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: gatewayName(i)},
		Spec: gwv1.GatewaySpec{
			GatewayClassName: className,
			Listeners:        []gwv1.Listener{{Name: "http", Port: 80, Protocol: gwv1.HTTPProtocolType}},
		},
	}
	if w.ListenerSets > 0 {
		gateway.Spec.AllowedListeners = &gwv1.AllowedListeners{
			Namespaces: &gwv1.ListenerNamespaces{From: new(gwv1.NamespacesFromSame)},
		}
	}
	return gateway
}

// route is HTTPRoute i under a path of its own.
func (w world) route(i int) *gwv1.HTTPRoute {
	parent := gwv1.ParentReference{Name: gwv1.ObjectName(gatewayName(i % w.Gateways))}
	if w.ListenerSets > 0 {
		parent = gwv1.ParentReference{Kind: new(gwv1.Kind("ListenerSet")), Name: gwv1.ObjectName(listenerSetName(i % w.ListenerSets))}
	}
	return routeOn(parent, routeName(i), i%w.Services)
}

func routeOn(parent gwv1.ParentReference, name string, service int) *gwv1.HTTPRoute {
	return &gwv1.HTTPRoute{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: gwv1.HTTPRouteSpec{
			CommonRouteSpec: gwv1.CommonRouteSpec{ParentRefs: []gwv1.ParentReference{parent}},
			Rules: []gwv1.HTTPRouteRule{{
				Matches: []gwv1.HTTPRouteMatch{{Path: &gwv1.HTTPPathMatch{Type: new(gwv1.PathMatchPathPrefix), Value: new("/" + name)}}},
				BackendRefs: []gwv1.HTTPBackendRef{{BackendRef: gwv1.BackendRef{BackendObjectReference: gwv1.BackendObjectReference{
					Name: gwv1.ObjectName(serviceName(service)), Port: new(gwv1.PortNumber(80)),
				}}}},
			}},
		},
	}
}

// listenerSet has one HTTPS listener with a host name of its own.
func (w world) listenerSet(i int) *gwv1.ListenerSet {
	return &gwv1.ListenerSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: listenerSetName(i)},
		Spec: gwv1.ListenerSetSpec{
			ParentRef: gwv1.ParentGatewayReference{Name: gwv1.ObjectName(gatewayName(0))},
			Listeners: []gwv1.ListenerEntry{{
				Name: "https", Port: 443, Protocol: gwv1.HTTPSProtocolType,
				Hostname: new(gwv1.Hostname(listenerSetName(i) + ".example.com")),
				TLS: &gwv1.ListenerTLSConfig{CertificateRefs: []gwv1.SecretObjectReference{{
					Name: gwv1.ObjectName(certificateName(i % w.Certificates)),
				}}},
			}},
		},
	}
}

func service(i int) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: serviceName(i)},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": serviceName(i)},
			Ports:    []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromInt32(8080)}},
		},
	}
}

// pod is a pod as its owner creates it; podStatus is what the kubelet adds.
func pod(service, i int) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: podName(service, i), Labels: map[string]string{"app": serviceName(service)}},
		Spec: corev1.PodSpec{
			// There is no controller of service accounts that would make one.
			AutomountServiceAccountToken: new(false),
			Containers: []corev1.Container{{
				Name: "main", Image: "none", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
			}},
		},
	}
}

func podStatus(ip string) corev1.PodStatus {
	return corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}},
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
	}
}

// slice is the EndpointSlice of a service over pods with the given numbers.
func slice(service int, pods ...int) *discoveryv1.EndpointSlice {
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: serviceName(service),
			Labels: map[string]string{discoveryv1.LabelServiceName: serviceName(service)},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: new("http"), Port: new(int32(8080)), Protocol: new(corev1.ProtocolTCP)}},
	}
	for _, i := range pods {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses:  []string{podIP(service, i)},
			Conditions: discoveryv1.EndpointConditions{Ready: new(true), Serving: new(true), Terminating: new(false)},
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Namespace: namespace, Name: podName(service, i)},
		})
	}
	return slice
}
