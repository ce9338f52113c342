package store

import (
	"slices"
	"strings"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"istio.io/istio/pkg/workloadapi"

	api "agentgateway.dev/controller/apis/xds"
)

// Result tells what one response did.
type Result struct {
	// Findings is empty for an ACK.
	Findings []Finding
	// Applied and Removed are xDS names, in the order of the response.
	Applied, Removed []string
	Binds            []BindEvent
	// Notes are breaches of the protocol that the real proxy accepts in silence
	// and that leave it with a wrong configuration.
	Notes []string
}

// Apply takes over one response: first its resources in list order, then its
// removals. Resources that are rejected keep their previous version and do not
// hold back the others. A response of an unknown type has no effect.
func (s *State) Apply(response *discovery.DeltaDiscoveryResponse) Result {
	t, known := TypeOfURL(response.GetTypeUrl())
	if !known {
		return Result{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()

	versions := s.versions[t]
	result := Result{Notes: s.envelopeNotes(response, versions)}
	var undecodable []Finding
	for _, envelope := range response.GetResources() {
		r, decoded := &review{}, true
		if t == TypeAddress {
			decoded = s.applyAddress(envelope, r)
		} else {
			decoded = s.applyResource(envelope, r, &result)
		}
		if r.ok() {
			versions[envelope.GetName()] = envelope.GetVersion()
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
		delete(versions, name)
		if t == TypeAddress {
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

func (s *State) applyResource(envelope *discovery.Resource, r *review, result *Result) (decoded bool) {
	message := &api.Resource{}
	if err := decode(envelope.GetResource(), message); err != nil {
		r.errorf("%v", err)
		return false
	}
	o, put := reviewResource(s, message, r)
	if !r.ok() {
		return true
	}
	result.Notes = append(result.Notes, s.objectNotes(envelope.GetName(), o, message)...)
	for _, policy := range unenforced(message) {
		result.Notes = append(result.Notes, envelope.GetName()+": "+policy+" is stored, but has no effect in the development proxy")
	}
	result.Binds = append(result.Binds, put()...)
	s.objects[envelope.GetName()], s.names[o] = o, envelope.GetName()
	return true
}

// reviewResource examines a resource and returns what it stands for, and the
// step that stores it if nothing was wrong.
func reviewResource(s *State, message *api.Resource, r *review) (o object, put func() []BindEvent) {
	plain := func(store func()) func() []BindEvent {
		return func() []BindEvent { store(); return nil }
	}
	switch kind := message.GetKind().(type) {
	case *api.Resource_Bind:
		reviewBind(kind.Bind, r)
		return object{"bind", kind.Bind.GetKey()}, func() []BindEvent { return s.putBind(kind.Bind) }
	case *api.Resource_Listener:
		listener := &Listener{Spec: kind.Listener, Certificate: reviewListener(kind.Listener, r)}
		return object{"listener", kind.Listener.GetKey()}, plain(func() { s.putListener(listener) })
	case *api.Resource_Route:
		route := reviewRoute(kind.Route, r)
		return object{"route", kind.Route.GetKey()}, plain(func() { s.putRoute(route) })
	case *api.Resource_TcpRoute:
		reviewTCPRoute(kind.TcpRoute, r)
		return object{"tcp_route", kind.TcpRoute.GetKey()}, plain(func() { s.putTCPRoute(kind.TcpRoute) })
	case *api.Resource_ModelRoute:
		reviewModelRoute(kind.ModelRoute, r)
		key := kind.ModelRoute.GetKey()
		return object{"model_route", key}, plain(func() { s.modelRoutes[key] = kind.ModelRoute })
	case *api.Resource_Backend:
		reviewBackend(kind.Backend, r)
		key := kind.Backend.GetKey()
		return object{"backend", key}, plain(func() { s.backends[key] = kind.Backend })
	case *api.Resource_Policy:
		reviewPolicy(kind.Policy, r)
		return object{"policy", kind.Policy.GetKey()}, plain(func() { s.putPolicy(kind.Policy) })
	default:
		r.errorf("resource kind %T is missing or unknown", kind)
		return object{}, nil
	}
}

// removeResource ignores names that stand for nothing.
func (s *State) removeResource(name string) []BindEvent {
	o := s.objects[name]
	delete(s.objects, name)
	if s.names[o] == name {
		delete(s.names, o)
	}
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
