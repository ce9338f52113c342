package gateways

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	api "agentgateway.dev/controller/apis/xds"
)

// protocol is what one listener protocol means: how its socket is opened and
// what may attach.
type protocol struct {
	name     gwv1.ProtocolType
	listener api.Protocol
	// group names the protocols that can share a port.
	group string
	// hostless protocols have nothing to tell hosts apart by: a port takes one
	// listener.
	hostless bool
	kinds    []string
}

// socket is what the protocols of one group share: how their port is opened.
type socket struct {
	protocol api.Bind_Protocol
	tunnel   api.Bind_TunnelProtocol
}

// hbone is Istio's tunnel protocol, mutual TLS of the mesh around HTTP/2
// CONNECT. What comes through it is dispatched to the Gateway's other ports.
const hbone gwv1.ProtocolType = "HBONE"

// protocols is the table of served listener protocols.
var protocols = []protocol{
	{name: gwv1.HTTPProtocolType, listener: api.Protocol_HTTP, group: "HTTP", kinds: []string{"HTTPRoute", "GRPCRoute"}},
	{name: gwv1.HTTPSProtocolType, listener: api.Protocol_HTTPS, group: "TLS", kinds: []string{"HTTPRoute", "GRPCRoute"}},
	{name: gwv1.TLSProtocolType, listener: api.Protocol_TLS, group: "TLS", kinds: []string{"TLSRoute", "TCPRoute"}},
	{name: gwv1.TCPProtocolType, listener: api.Protocol_TCP, group: "TCP", hostless: true, kinds: []string{"TCPRoute"}},
	{name: hbone, listener: api.Protocol_HBONE, group: "HBONE", hostless: true},
}

// sockets is the table of the groups of protocols.
var sockets = map[string]socket{
	"HTTP": {protocol: api.Bind_HTTP},
	"TLS":  {protocol: api.Bind_TLS},
	"TCP":  {protocol: api.Bind_TCP},
	// The proxy decides by the tunnel, and the protocol is a placeholder.
	"HBONE": {protocol: api.Bind_HTTP, tunnel: api.Bind_HBONE_GATEWAY},
}

// passthroughKinds are what attaches to a TLS listener that terminates
// nothing: only the server name can be seen.
var passthroughKinds = []string{"TLSRoute"}

func protocolOf(name gwv1.ProtocolType) (protocol, bool) {
	i := slices.IndexFunc(protocols, func(p protocol) bool { return p.name == name })
	if i < 0 {
		return protocol{}, false
	}
	return protocols[i], true
}

func (s *state) judgeProtocol() *problem {
	if _, ok := protocolOf(s.Protocol); ok {
		return nil
	}
	var served []string
	for _, p := range protocols {
		served = append(served, string(p.name))
	}
	message := fmt.Sprintf("listener %q: protocol %q is not supported; supported: %s", s.Name, s.Protocol, strings.Join(served, ", "))
	if upper := gwv1.ProtocolType(strings.ToUpper(string(s.Protocol))); upper != s.Protocol && slices.Contains(served, string(upper)) {
		message += fmt.Sprintf(" (protocols are case-sensitive: write %q)", upper)
	}
	return &problem{reason: string(gwv1.ListenerReasonUnsupportedProtocol), message: message}
}

// reservedPorts are opened by the proxy itself on every pod.
var reservedPorts = map[int32]string{15000: "administration", 15020: "metrics", 15021: "readiness"}

func judgePort(port int32) *problem {
	if use, reserved := reservedPorts[port]; reserved {
		return &problem{reason: string(gwv1.ListenerReasonPortUnavailable),
			message: fmt.Sprintf("port %d is taken by the proxy's own %s endpoint; use another port", port, use)}
	}
	if port < 1 || port > 65535 {
		return &problem{reason: string(gwv1.ListenerReasonPortUnavailable), message: fmt.Sprintf("port %d is outside 1 to 65535", port)}
	}
	return nil
}

// supportedKinds intersects what the protocol takes with allowedRoutes.kinds.
// A protocol that isn't served takes nothing, and the kinds aren't to blame.
func supportedKinds(spec gwv1.Listener) ([]gwv1.RouteGroupKind, *problem) {
	group := gwv1.Group(gwv1.GroupName)
	p, served := protocolOf(spec.Protocol)
	if !served {
		return nil, nil
	}
	if spec.Protocol == gwv1.TLSProtocolType && modeOf(spec) == gwv1.TLSModePassthrough {
		p.kinds = passthroughKinds
	}
	if spec.AllowedRoutes == nil || len(spec.AllowedRoutes.Kinds) == 0 {
		var kinds []gwv1.RouteGroupKind
		for _, kind := range p.kinds {
			kinds = append(kinds, gwv1.RouteGroupKind{Group: &group, Kind: gwv1.Kind(kind)})
		}
		return kinds, nil
	}
	var kinds []gwv1.RouteGroupKind
	var refused []string
	for _, kind := range spec.AllowedRoutes.Kinds {
		if (kind.Group == nil || *kind.Group == group) && slices.Contains(p.kinds, string(kind.Kind)) {
			kinds = append(kinds, gwv1.RouteGroupKind{Group: &group, Kind: kind.Kind})
			continue
		}
		name := string(kind.Kind)
		if kind.Group != nil && *kind.Group != group {
			name += " of group " + strconv.Quote(string(*kind.Group))
		}
		refused = append(refused, name)
	}
	if len(refused) == 0 {
		return kinds, nil
	}
	return kinds, &problem{reason: string(gwv1.ListenerReasonInvalidRouteKinds),
		message: fmt.Sprintf("allowedRoutes.kinds: a listener of protocol %s takes no %s; it takes: %s",
			spec.Protocol, strings.Join(refused, ", "), cmp.Or(strings.Join(p.kinds, ", "), "nothing"))}
}
