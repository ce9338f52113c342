package xds

import (
	"fmt"
	"strings"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"

	"agentgateway.dev/controller/pkg/resources"
)

// simulatedProxy is what a real proxy does with responses, as far as it
// matters to the order and content of what it is sent. Versions are
// "<identity>-<content>"; the identity of a listener is the key of its bind,
// and a content with "bad" in it is refused.
type simulatedProxy struct {
	// known is what the client would report in a reconnect.
	known [2]map[string]string
	// flat holds everything that is neither bind nor listener.
	flat  [2]map[string]string
	binds map[string]*simulatedBind
	// pending listeners came before their bind: bind → listener → version.
	pending map[string]map[string]string
	// closing are binds whose socket still blocks the port.
	closing map[string]bool
	// dropped are listeners that went away with a bind; getting them again is
	// not needless.
	dropped map[string]bool
	fault   string
}

type simulatedBind struct {
	// running is the identity that the accept loop works with: that of the
	// version which came first.
	running   string
	version   string
	listeners map[string]string
}

func newSimulatedProxy() *simulatedProxy {
	return &simulatedProxy{
		known:   [2]map[string]string{{}, {}},
		flat:    [2]map[string]string{{}, {}},
		binds:   map[string]*simulatedBind{},
		pending: map[string]map[string]string{},
		closing: map[string]bool{},
		dropped: map[string]bool{},
	}
}

func (p *simulatedProxy) fail(format string, args ...any) {
	if p.fault == "" {
		p.fault = fmt.Sprintf(format, args...)
	}
}

// receive applies a response, all resources and then all removals, and returns
// the client's answer.
func (p *simulatedProxy) receive(r *discoveryv3.DeltaDiscoveryResponse) *discoveryv3.DeltaDiscoveryRequest {
	kind, _ := resources.TypeOfURL(r.GetTypeUrl())
	named := map[string]bool{}
	once := func(name string) {
		if named[name] {
			p.fail("%s is named twice in a response", name)
		}
		named[name] = true
	}
	var findings []string
	for _, resource := range r.GetResources() {
		name, version := resource.GetName(), resource.GetVersion()
		once(name)
		if strings.Contains(version, "bad") {
			findings = append(findings, fmt.Sprintf(`{"key":%q,"error":"refused"}`, name))
			continue
		}
		p.apply(kind, name, version)
	}
	for _, name := range r.GetRemovedResources() {
		once(name)
		p.remove(kind, name)
	}
	answer := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.GetTypeUrl(), ResponseNonce: r.GetNonce()}
	if len(findings) > 0 {
		answer.ErrorDetail = &rpcstatus.Status{Message: "[" + strings.Join(findings, ",") + "]"}
	}
	return answer
}

func (p *simulatedProxy) apply(kind resources.Type, name, version string) {
	segment, key, _ := strings.Cut(name, "/")
	if kind == resources.TypeAddress {
		segment = ""
	}
	if p.known[kind][name] == version && !p.dropped[name] {
		p.fail("%s was sent again in version %s", name, version)
	}
	p.known[kind][name] = version
	delete(p.dropped, name)
	switch segment {
	case "bind":
		bind := p.binds[key]
		if bind == nil {
			if p.closing[key] {
				p.fail("%s was added while its socket was closing", name)
			}
			bind = &simulatedBind{running: resources.IdentityOf(version), listeners: map[string]string{}}
			p.binds[key] = bind
			for listener, version := range p.pending[key] {
				bind.listeners[listener] = version
			}
			delete(p.pending, key)
		}
		bind.version = version
	case "listener":
		home := resources.IdentityOf(version)
		if bind := p.binds[home]; bind != nil {
			bind.listeners[name] = version
			return
		}
		if p.pending[home] == nil {
			p.pending[home] = map[string]string{}
		}
		p.pending[home][name] = version
	default:
		p.flat[kind][name] = version
	}
}

func (p *simulatedProxy) remove(kind resources.Type, name string) {
	segment, key, _ := strings.Cut(name, "/")
	if kind == resources.TypeAddress {
		segment = ""
	}
	delete(p.known[kind], name)
	switch segment {
	case "bind":
		if bind := p.binds[key]; bind != nil {
			for listener := range bind.listeners {
				p.dropped[listener] = true
			}
			delete(p.binds, key)
			p.closing[key] = true
		}
	case "listener":
		for _, bind := range p.binds {
			delete(bind.listeners, name)
		}
	default:
		delete(p.flat[kind], name)
	}
}
