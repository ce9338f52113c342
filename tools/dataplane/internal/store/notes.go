package store

import (
	"fmt"
	"slices"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/proto"

	api "agentgateway.dev/controller/apis/xds"
)

// envelopeNotes looks at what the real proxy never complains about: names in
// both lists, resources sent again without a change, and missing versions.
func (s *State) envelopeNotes(response *discovery.DeltaDiscoveryResponse, versions map[string]string) []string {
	var notes []string
	for _, envelope := range response.GetResources() {
		name := envelope.GetName()
		if slices.Contains(response.GetRemovedResources(), name) {
			notes = append(notes, fmt.Sprintf("%s: sent and removed in one response, the removal wins", name))
		}
		switch version := envelope.GetVersion(); {
		case version == "":
			notes = append(notes, fmt.Sprintf("%s: no version", name))
		case versions[name] == version:
			notes = append(notes, fmt.Sprintf("%s: sent again without a change", name))
		}
	}
	return notes
}

// objectNotes looks for changes that leave something behind. It is called
// before the object is stored.
func (s *State) objectNotes(name string, o object, message *api.Resource) []string {
	var notes []string
	note := func(format string, args ...any) {
		notes = append(notes, name+": "+fmt.Sprintf(format, args...))
	}
	if known, ok := s.objects[name]; ok && known != o {
		note("stood for %s %q, which now cannot be removed any more", known.kind, known.key)
	}
	if known, ok := s.names[o]; ok && known != name {
		note("%s %q already has the name %q", o.kind, o.key, known)
	}
	switch kind := message.GetKind().(type) {
	case *api.Resource_Bind:
		if held := s.binds[o.key]; held != nil && !sameSocket(held.Running, kind.Bind) {
			note("port, protocol, tunnel or mode changed under one key, the old values stay in force")
		}
	case *api.Resource_Listener:
		for bind, held := range s.binds {
			if bind != kind.Listener.GetBindKey() && held.Listeners[o.key] != nil {
				note("listener moved to another bind, it stays on bind %q too", bind)
			}
		}
	case *api.Resource_Route:
		for parent := range s.routeParents[o.key] {
			if parent != parentOf(kind.Route) {
				note("route moved, it stays under %s %q too", parent.Kind, parent.Key)
			}
		}
		if len(kind.Route.GetMatches()) == 0 {
			note("route without a match never matches")
		}
	case *api.Resource_Policy:
		for key, other := range s.targets[targetOf(kind.Policy.GetTarget())] {
			if key != o.key && collide(kind.Policy, other) {
				note("same kind, phase and target as policy %q, the proxy picks one at random", key)
			}
		}
	}
	return notes
}

func sameSocket(a, b *api.Bind) bool {
	return a.GetPort() == b.GetPort() && a.GetProtocol() == b.GetProtocol() &&
		a.GetTunnelProtocol() == b.GetTunnelProtocol() && a.GetMode() == b.GetMode()
}

// collide tells whether two policies of one lookup target compete. Kinds that
// accumulate do not.
func collide(a, b *api.Policy) bool {
	if !proto.Equal(a.GetTarget(), b.GetTarget()) {
		return false
	}
	kindA, kindB := policyKind(a), policyKind(b)
	if kindA.name == "authorization" || kindA.name == "mcp_authorization" || kindA.name == "network_authorization" {
		return false
	}
	return kindA == kindB
}

// policyClass distinguishes the policies of one target.
type policyClass struct {
	class, name string
	phase       api.TrafficPolicySpec_PolicyPhase
}

func policyKind(policy *api.Policy) policyClass {
	switch kind := policy.GetKind().(type) {
	case *api.Policy_Traffic:
		return policyClass{"traffic", member(kind.Traffic), kind.Traffic.GetPhase()}
	case *api.Policy_Conditional:
		if len(kind.Conditional.GetPolicies()) > 0 {
			first := kind.Conditional.GetPolicies()[0].GetTraffic()
			return policyClass{"traffic", member(first), first.GetPhase()}
		}
	case *api.Policy_Backend:
		return policyClass{class: "backend", name: member(kind.Backend)}
	case *api.Policy_Frontend:
		return policyClass{class: "frontend", name: member(kind.Frontend)}
	}
	return policyClass{}
}

// member names the field of the oneof "kind" that is set.
func member(message proto.Message) string {
	m := message.ProtoReflect()
	field := m.WhichOneof(m.Descriptor().Oneofs().ByName("kind"))
	if field == nil {
		return ""
	}
	return string(field.Name())
}

// enforced are the policies that this proxy acts upon.
var enforced = map[policyClass]bool{
	{"traffic", "timeout", 0}: true, {"traffic", "retry", 0}: true, {"traffic", "cors", 0}: true,
	{"traffic", "request_header_modifier", 0}: true, {"traffic", "response_header_modifier", 0}: true,
	{"traffic", "request_redirect", 0}: true, {"traffic", "url_rewrite", 0}: true,
	{"traffic", "request_mirror", 0}: true, {"traffic", "direct_response", 0}: true,
	{"traffic", "host_rewrite", 0}:            true,
	{"backend", "request_header_modifier", 0}: true, {"backend", "response_header_modifier", 0}: true,
	{"backend", "backend_tls", 0}: true, {"backend", "backend_http", 0}: true,
}

// unenforced names the policies of a resource that are stored here without any
// effect, in the form class/kind.
func unenforced(message *api.Resource) []string {
	var names []string
	add := func(class policyClass) {
		if !enforced[class] {
			names = append(names, class.class+"/"+class.name)
		}
	}
	switch kind := message.GetKind().(type) {
	case *api.Resource_Policy:
		if kind.Policy.GetConditional() != nil {
			return []string{"conditional " + policyKind(kind.Policy).name}
		}
		add(policyKind(kind.Policy))
	case *api.Resource_Route:
		for _, spec := range kind.Route.GetTrafficPolicies() {
			add(policyClass{class: "traffic", name: member(spec)})
		}
	}
	return names
}
