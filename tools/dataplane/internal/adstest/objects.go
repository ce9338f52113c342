package adstest

import (
	"net"
	"testing"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"istio.io/istio/pkg/workloadapi"
	"k8s.io/apimachinery/pkg/types"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/resources"
)

// Gateway is the name that the builders below use for everything.
var Gateway = types.NamespacedName{Namespace: "ns", Name: "gw"}

// Of envelopes a resource under the name and version that the controller uses.
func Of(message *api.Resource) *discovery.Resource {
	return envelope(resources.ForGateway(Gateway, message))
}

// AddressOf envelopes a service or workload.
func AddressOf(address *workloadapi.Address) *discovery.Resource {
	return envelope(resources.ForAddress(address))
}

func envelope(r resources.Resource) *discovery.Resource {
	return &discovery.Resource{Name: r.Name, Version: r.Version, Resource: &anypb.Any{TypeUrl: r.Type.URL(), Value: r.Body}}
}

// Bind returns a plaintext bind.
func Bind(key string, port uint32) *discovery.Resource {
	return Of(&api.Resource{Kind: &api.Resource_Bind{Bind: &api.Bind{Key: key, Port: port}}})
}

// Listener returns a plaintext listener; hostname may be empty.
func Listener(key, bind, hostname string) *discovery.Resource {
	return Of(&api.Resource{Kind: &api.Resource_Listener{Listener: &api.Listener{
		Key: key, BindKey: bind, Hostname: hostname, Protocol: api.Protocol_HTTP,
		Name: &api.ListenerName{GatewayName: Gateway.Name, GatewayNamespace: Gateway.Namespace, ListenerName: key},
	}}})
}

// Route envelopes a route and gives it a name if it has none.
func Route(route *api.Route) *discovery.Resource {
	if route.Name == nil {
		route.Name = &api.RouteName{Kind: "HTTPRoute", Namespace: Gateway.Namespace, Name: route.Key}
	}
	return Of(&api.Resource{Kind: &api.Resource_Route{Route: route}})
}

// Service returns a service with one port 80 that leads to target.
func Service(name string, target uint32) *discovery.Resource {
	return AddressOf(&workloadapi.Address{Type: &workloadapi.Address_Service{Service: &workloadapi.Service{
		Name: name, Namespace: Gateway.Namespace, Hostname: Hostname(name),
		Ports: []*workloadapi.Port{{ServicePort: 80, TargetPort: target}},
	}}})
}

// Hostname is what a service of Service is called.
func Hostname(service string) string {
	return service + "." + Gateway.Namespace + ".svc.cluster.local"
}

// Workload returns a pod on the loopback address that belongs to services.
func Workload(name string, services ...string) *discovery.Resource {
	workload := &workloadapi.Workload{
		Uid: "Kubernetes//Pod/" + Gateway.Namespace + "/" + name, Name: name, Namespace: Gateway.Namespace,
		Addresses: [][]byte{{127, 0, 0, 1}}, Services: map[string]*workloadapi.PortList{},
	}
	for _, service := range services {
		workload.Services[Gateway.Namespace+"/"+Hostname(service)] = &workloadapi.PortList{}
	}
	return AddressOf(&workloadapi.Address{Type: &workloadapi.Address_Workload{Workload: workload}})
}

// To is a backend with weight 1 for port 80 of a service.
func To(service string) *api.RouteBackend {
	return &api.RouteBackend{Weight: 1, Backend: &api.BackendReference{Port: 80, Kind: &api.BackendReference_Service_{
		Service: &api.BackendReference_Service{Namespace: Gateway.Namespace, Hostname: Hostname(service)},
	}}}
}

// FreePort returns a port that nobody listened on just now.
func FreePort(t testing.TB) uint32 {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return uint32(listener.Addr().(*net.TCPAddr).Port)
}
