package gateways

import (
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/resources"
)

// wire makes the message of a listener. set is the ListenerSet that declares
// it, zero for one of the Gateway's own.
func (s *state) wire(gateway, set types.NamespacedName) resources.Resource {
	p, _ := protocolOf(s.Protocol)
	name := &api.ListenerName{GatewayName: gateway.Name, GatewayNamespace: gateway.Namespace, ListenerName: s.Name}
	if set != (types.NamespacedName{}) {
		name.ListenerSet = &api.ResourceName{Name: set.Name, Namespace: set.Namespace}
	}
	return resources.ForGateway(gateway, &api.Resource{Kind: &api.Resource_Listener{Listener: &api.Listener{
		Key:      s.Key,
		BindKey:  bindKey(gateway, s.Port),
		Name:     name,
		Hostname: s.Hostname,
		Protocol: p.listener,
		Tls:      s.tls,
	}}})
}

// wire makes the message of a port.
func (p port) wire(gateway types.NamespacedName) resources.Resource {
	socket := sockets[p.group]
	bind := &api.Bind{
		Key: bindKey(gateway, p.number), Port: uint32(p.number), Protocol: socket.protocol, TunnelProtocol: socket.tunnel,
	}
	if p.internal() {
		bind.Mode = api.Bind_INTERNAL
	}
	return resources.ForGateway(gateway, &api.Resource{Kind: &api.Resource_Bind{Bind: bind}})
}

func bindKey(gateway types.NamespacedName, port int32) string {
	return fmt.Sprintf("%d/%s/%s", port, gateway.Namespace, gateway.Name)
}
