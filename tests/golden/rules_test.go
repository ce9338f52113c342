package golden

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/offline"
)

// violations are the places where document breaks a rule that every document
// must keep: a proxy would refuse the resource, never match it, apply only a
// part of it, or fall over.
func violations(document offline.Document) []string {
	c := &checker{names: map[string]bool{}, places: map[string]*api.Policy{}}
	for _, resource := range document.Resources {
		c.names[resource.Gateway+"|"+resource.Name] = true
	}
	if len(c.names) != len(document.Resources) {
		c.complain("resources", "two resources of one Gateway have the same name")
	}
	addresses := map[string]bool{}
	for _, address := range document.Addresses {
		if addresses[address.Name] {
			c.complain(address.Name, "two addresses have this name")
		}
		addresses[address.Name] = true
		c.address(address)
	}
	for _, shown := range document.Resources {
		message := &api.Resource{}
		if err := protojson.Unmarshal(shown.Resource, message); err != nil {
			c.complain(shown.Name, "can't be decoded: %v", err)
			continue
		}
		c.resource(shown.Gateway, shown.Name, message)
	}
	return c.found
}

type checker struct {
	names  map[string]bool
	places map[string]*api.Policy
	found  []string
}

func (c *checker) complain(name, format string, args ...any) {
	c.found = append(c.found, name+": "+fmt.Sprintf(format, args...))
}

func (c *checker) resource(gateway, name string, message *api.Resource) {
	key := ""
	switch kind := message.GetKind().(type) {
	case *api.Resource_Bind:
		key = "bind/" + kind.Bind.GetKey()
		c.port(name, kind.Bind.GetPort(), false)
	case *api.Resource_Listener:
		key = "listener/" + kind.Listener.GetKey()
		c.listener(gateway, name, kind.Listener)
	case *api.Resource_Route:
		key = "route/" + kind.Route.GetKey()
		c.route(gateway, name, kind.Route)
	case *api.Resource_TcpRoute:
		key = "tcp_route/" + kind.TcpRoute.GetKey()
		c.tcpRoute(gateway, name, kind.TcpRoute)
	case *api.Resource_Policy:
		key = "policy/" + kind.Policy.GetKey()
		if kind.Policy.GetTarget().GetKind() == nil || kind.Policy.GetKind() == nil {
			c.complain(name, "a policy without target or kind")
		}
		c.targeted(gateway, name, kind.Policy)
	default:
		c.complain(name, "unexpected kind %T", kind)
	}
	if key != name {
		c.complain(name, "the name doesn't follow from the key, %q", key)
	}
}

func (c *checker) listener(gateway, name string, listener *api.Listener) {
	if !c.names[gateway+"|bind/"+listener.GetBindKey()] {
		c.complain(name, "bind %q isn't sent to this Gateway", listener.GetBindKey())
	}
	if listener.GetName().GetGatewayNamespace()+"/"+listener.GetName().GetGatewayName() != gateway {
		c.complain(name, "named after another Gateway")
	}
	if listener.GetProtocol() == api.Protocol_UNKNOWN {
		c.complain(name, "protocol UNKNOWN")
	}
	c.terminates(name, listener)
	if listener.GetHostname() != strings.ToLower(listener.GetHostname()) {
		c.complain(name, "hostname %q isn't in lower case", listener.GetHostname())
	}
}

// terminates checks that a proxy would take protocol and tls together.
func (c *checker) terminates(name string, listener *api.Listener) {
	tls := listener.GetTls()
	switch listener.GetProtocol() {
	case api.Protocol_HTTPS:
		if tls == nil {
			c.complain(name, "HTTPS without tls")
		}
	case api.Protocol_TLS:
	default:
		if tls != nil {
			c.complain(name, "%s with tls", listener.GetProtocol())
		}
	}
	if tls != nil && tls.GetCertificateSource() != api.TLSConfig_ISTIO_WORKLOAD && (len(tls.GetCert()) == 0 || len(tls.GetPrivateKey()) == 0) {
		c.complain(name, "tls without certificate")
	}
}

func (c *checker) tcpRoute(gateway, name string, route *api.TCPRoute) {
	c.parent(gateway, name, route.GetListenerKey())
	c.named(name, route.GetName(), route.GetHostnames(), route.GetBackends())
	for _, backend := range route.GetBackends() {
		if backend.RouteGroupKey != nil || len(backend.GetBackendPolicies()) > 0 {
			c.complain(name, "a proxy reads only backend and weight here")
		}
	}
}

func (c *checker) parent(gateway, name, listener string) {
	if !c.names[gateway+"|listener/"+listener] {
		c.complain(name, "listener %q isn't sent to this Gateway", listener)
	}
}

func (c *checker) named(name string, identity *api.RouteName, hostnames []string, backends []*api.RouteBackend) {
	if identity == nil {
		c.complain(name, "no name")
	}
	if slices.Contains(hostnames, "*") {
		c.complain(name, "a bare wildcard as hostname never matches")
	}
	for _, backend := range backends {
		if backend.GetWeight() < 0 {
			c.complain(name, "negative weight")
		}
		c.port(name, backend.GetBackend().GetPort(), true)
	}
}

func (c *checker) route(gateway, name string, route *api.Route) {
	switch {
	case route.RouteGroupKey == nil:
		c.parent(gateway, name, route.GetListenerKey())
	case route.GetRouteGroupKey() == "" || route.GetListenerKey() != "":
		c.complain(name, "neither quite in a group nor on a listener")
	}
	c.named(name, route.GetName(), route.GetHostnames(), route.GetBackends())
	if len(route.GetMatches()) == 0 {
		c.complain(name, "no matches: it can never match")
	}
	prefix := true
	for _, match := range route.GetMatches() {
		if match.GetPath() == nil || match.GetPath().GetKind() == nil {
			c.complain(name, "a match without a kind of path")
		}
		if _, ok := match.GetPath().GetKind().(*api.PathMatch_PathPrefix); !ok {
			prefix = false
		}
	}
	kinds := map[string]bool{}
	for _, policy := range route.GetTrafficPolicies() {
		kind := fmt.Sprintf("%T", policy.GetKind())
		if kinds[kind] {
			c.complain(name, "two policies of kind %s: only the last one counts", kind)
		}
		kinds[kind] = true
		c.policy(name, policy, prefix)
	}
}

func (c *checker) policy(name string, policy *api.TrafficPolicySpec, prefix bool) {
	switch kind := policy.GetKind().(type) {
	case *api.TrafficPolicySpec_RequestMirror:
		for _, mirror := range kind.RequestMirror.GetMirrors() {
			if p := mirror.GetPercentage(); p <= 0 || p > 100 {
				c.complain(name, "mirror percentage %v", p)
			}
		}
	case *api.TrafficPolicySpec_RequestRedirect:
		c.port(name, kind.RequestRedirect.GetPort(), true)
		if _, ok := kind.RequestRedirect.GetPath().(*api.RequestRedirect_Prefix); ok && !prefix {
			c.complain(name, "a prefix redirect without prefix matches")
		}
	case *api.TrafficPolicySpec_UrlRewrite:
		if _, ok := kind.UrlRewrite.GetPath().(*api.UrlRewrite_Prefix); ok && !prefix {
			c.complain(name, "a prefix rewrite without prefix matches")
		}
	case *api.TrafficPolicySpec_Timeout:
		for _, d := range []interface{ GetSeconds() int64 }{kind.Timeout.GetRequest(), kind.Timeout.GetBackendRequest()} {
			if d.GetSeconds() < 0 {
				c.complain(name, "negative timeout")
			}
		}
	case *api.TrafficPolicySpec_ExtAuthz:
		if kind.ExtAuthz.GetProtocol() == nil {
			c.complain(name, "external authorization without a protocol")
		}
	}
}

func (c *checker) port(name string, port uint32, zero bool) {
	if port > 65535 || (port == 0 && !zero) {
		c.complain(name, "port %d", port)
	}
}
