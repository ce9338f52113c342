package gateways

import (
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/resources"
)

// wire returns one bind for each port and one listener for each served
// listener of gateway.
func wire(gateway types.NamespacedName, listeners []Listener) []resources.Resource {
	var out []resources.Resource
	binds := map[int32]*api.Bind{}
	var order []int32
	for _, l := range listeners {
		if !l.Served {
			continue
		}
		p, _ := protocolOf(l.Protocol)
		bind, known := binds[l.Port]
		if !known {
			bind = &api.Bind{Key: bindKey(gateway, l.Port), Port: uint32(l.Port), Protocol: p.bind, Mode: api.Bind_INTERNAL}
			binds[l.Port] = bind
			order = append(order, l.Port)
		}
		if !l.Internal {
			// One listener that wants a socket is enough to need it.
			bind.Mode = api.Bind_STANDARD
		}
		out = append(out, resources.ForGateway(gateway, &api.Resource{Kind: &api.Resource_Listener{Listener: &api.Listener{
			Key:      l.Key,
			BindKey:  bind.GetKey(),
			Name:     &api.ListenerName{GatewayName: gateway.Name, GatewayNamespace: gateway.Namespace, ListenerName: l.Name},
			Hostname: l.Hostname,
			Protocol: p.listener,
		}}}))
	}
	for _, port := range order {
		out = append(out, resources.ForGateway(gateway, &api.Resource{Kind: &api.Resource_Bind{Bind: binds[port]}}))
	}
	return out
}

func bindKey(gateway types.NamespacedName, port int32) string {
	return fmt.Sprintf("%d/%s/%s", port, gateway.Namespace, gateway.Name)
}
