package store

import (
	"slices"
	"strings"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"istio.io/istio/pkg/workloadapi"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/resources"
)

// Result tells what one response did.
type Result struct {
	// Findings is empty for an ACK.
	Findings []Finding
	// Applied and Removed are xDS names, in the order of the response.
	Applied, Removed []string
	Binds            []BindEvent
}

// Apply takes over one response: first its resources in list order, then its
// removals. Resources that are rejected keep their previous version and do not
// hold back the others. A response of an unknown type has no effect.
func (s *State) Apply(response *discovery.DeltaDiscoveryResponse) Result {
	t, known := resources.TypeOfURL(response.GetTypeUrl())
	if !known {
		return Result{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()

	var result Result
	var undecodable []Finding
	for _, envelope := range response.GetResources() {
		r, decoded := &review{}, true
		var binds []BindEvent
		if t == resources.TypeAddress {
			decoded = s.applyAddress(envelope, r)
		} else {
			binds, decoded = s.applyResource(envelope, r)
		}
		result.Binds = append(result.Binds, binds...)
		if r.ok() {
			result.Applied = append(result.Applied, envelope.GetName())
		}
		// The proxy reports what it could not decode last.
		if findings := r.findings(envelope.GetName()); decoded {
			result.Findings = append(result.Findings, findings...)
		} else {
			undecodable = append(undecodable, findings...)
		}
	}
	for _, name := range response.GetRemovedResources() {
		if t == resources.TypeAddress {
			s.removeAddress(name)
		} else {
			result.Binds = append(result.Binds, s.removeResource(name)...)
		}
		result.Removed = append(result.Removed, name)
	}
	result.Findings = slices.Concat(result.Findings, undecodable)
	if !HasErrors(result.Findings) {
		s.clean[t] = true
	}
	return result
}

func (s *State) applyResource(envelope *discovery.Resource, r *review) (events []BindEvent, decoded bool) {
	message := &api.Resource{}
	if err := decode(envelope.GetResource(), message); err != nil {
		r.errorf("%v", err)
		return nil, false
	}
	var o object
	switch kind := message.GetKind().(type) {
	case *api.Resource_Bind:
		o = object{"bind", kind.Bind.GetKey()}
		if reviewBind(kind.Bind, r); r.ok() {
			events = s.putBind(kind.Bind)
		}
	case *api.Resource_Listener:
		o = object{"listener", kind.Listener.GetKey()}
		if certificate := reviewListener(kind.Listener, r); r.ok() {
			s.putListener(&Listener{Spec: kind.Listener, Certificate: certificate})
		}
	case *api.Resource_Route:
		o = object{"route", kind.Route.GetKey()}
		if route := reviewRoute(kind.Route, r); r.ok() {
			s.putRoute(route)
		}
	case *api.Resource_TcpRoute:
		o = object{"tcp_route", kind.TcpRoute.GetKey()}
		if reviewTCPRoute(kind.TcpRoute, r); r.ok() {
			s.putTCPRoute(kind.TcpRoute)
		}
	case *api.Resource_ModelRoute:
		o = object{"model_route", kind.ModelRoute.GetKey()}
		if reviewModelRoute(kind.ModelRoute, r); r.ok() {
			s.modelRoutes[o.key] = kind.ModelRoute
		}
	case *api.Resource_Backend:
		o = object{"backend", kind.Backend.GetKey()}
		if reviewBackend(kind.Backend, r); r.ok() {
			s.backends[o.key] = kind.Backend
		}
	case *api.Resource_Policy:
		o = object{"policy", kind.Policy.GetKey()}
		if reviewPolicy(kind.Policy, r); r.ok() {
			s.putPolicy(kind.Policy)
		}
	default:
		r.errorf("resource kind %T is missing or unknown", kind)
	}
	if r.ok() {
		s.objects[envelope.GetName()] = o
	}
	return events, true
}

// removeResource ignores names that stand for nothing.
func (s *State) removeResource(name string) []BindEvent {
	o := s.objects[name]
	delete(s.objects, name)
	switch o.kind {
	case "bind":
		return s.removeBind(o.key)
	case "listener":
		s.removeListener(o.key)
	case "route":
		s.removeRoute(o.key)
	case "tcp_route":
		s.removeTCPRoute(o.key)
	case "model_route":
		delete(s.modelRoutes, o.key)
	case "backend":
		delete(s.backends, o.key)
	case "policy":
		s.removePolicy(o.key)
	}
	return nil
}

func (s *State) applyAddress(envelope *discovery.Resource, r *review) (decoded bool) {
	message := &workloadapi.Address{}
	if err := decode(envelope.GetResource(), message); err != nil {
		r.errorf("%v", err)
		return false
	}
	switch kind := message.GetType().(type) {
	case *workloadapi.Address_Workload:
		if reviewWorkload(kind.Workload, envelope.GetName(), r); r.ok() {
			s.putWorkload(kind.Workload)
		}
	case *workloadapi.Address_Service:
		if reviewService(kind.Service, envelope.GetName(), r); r.ok() {
			s.services[ServiceKey{kind.Service.GetNamespace(), kind.Service.GetHostname()}] = kind.Service
		}
	default:
		r.errorf("address is neither a workload nor a service")
	}
	return true
}

func (s *State) putWorkload(workload *workloadapi.Workload) {
	s.removeWorkload(workload.GetUid())
	s.workloads[workload.GetUid()] = workload
	for service := range workload.GetServices() {
		if s.endpoints[service] == nil {
			s.endpoints[service] = map[string]bool{}
		}
		s.endpoints[service][workload.GetUid()] = true
	}
}

func (s *State) removeWorkload(uid string) {
	for service := range s.workloads[uid].GetServices() {
		delete(s.endpoints[service], uid)
		if len(s.endpoints[service]) == 0 {
			delete(s.endpoints, service)
		}
	}
	delete(s.workloads, uid)
}

// removeAddress takes a name with exactly one slash for a service, and every
// other for the uid of a workload.
func (s *State) removeAddress(name string) {
	namespace, hostname, _ := strings.Cut(name, "/")
	if strings.Count(name, "/") == 1 {
		delete(s.services, ServiceKey{namespace, hostname})
		return
	}
	s.removeWorkload(name)
}
