package router

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"istio.io/istio/pkg/workloadapi"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/tools/dataplane/internal/store"
)

// Endpoint is where one attempt of a call goes.
type Endpoint struct {
	// Address is host:port; host may be a name that is yet to be resolved.
	Address string
	// UnixPath replaces Address if it is set.
	UnixPath string
	// HostName is the name of the backend for rewriting the authority: the
	// hostname of the service, or of a static backend if that is not an IP.
	HostName string
	// Static says that HostName is used unless a policy says otherwise.
	Static bool
	// Protocol is what the service says about its port.
	Protocol workloadapi.AppProtocol
}

// Resolve selects the endpoint for one attempt. own is the workload of the
// proxy itself, nil if unknown; it ranks endpoints by locality.
func Resolve(v store.View, reference *api.BackendReference, host string, own *workloadapi.Workload, draw Draw) (Endpoint, *Failure) {
	if failed := unresolved(v, reference); failed != nil {
		return Endpoint{}, failed
	}
	if service := reference.GetService(); service != nil {
		return serviceEndpoint(v, serviceKey(service), reference.GetPort(), host, own, draw)
	}
	switch kind := v.Backend(reference.GetBackend()).GetKind().(type) {
	case *api.Backend_Static:
		return staticEndpoint(kind.Static), nil
	case *api.Backend_Dynamic:
		if !strings.Contains(host, ":") {
			host += ":80"
		}
		return Endpoint{Address: host}, nil
	default:
		return Endpoint{}, failure(http.StatusInternalServerError, "this kind of backend is not implemented by the development proxy")
	}
}

func staticEndpoint(static *api.StaticBackend) Endpoint {
	e := Endpoint{
		Address:  net.JoinHostPort(static.GetHost(), strconv.Itoa(int(static.GetPort()))),
		UnixPath: static.GetUnixPath(),
	}
	if _, err := netip.ParseAddr(static.GetHost()); err != nil && static.GetHost() != "" {
		e.HostName, e.Static = static.GetHost(), true
	}
	return e
}

func serviceEndpoint(v store.View, key store.ServiceKey, port uint32, host string, own *workloadapi.Workload, draw Draw) (Endpoint, *Failure) {
	service := v.Service(key)
	servicePort := portOf(service.GetPorts(), port)
	if servicePort == nil {
		return Endpoint{}, failure(http.StatusServiceUnavailable, "service port not found")
	}
	var candidates []candidate
	var total int64
	for _, workload := range v.Endpoints(key) {
		c, usable := candidateOf(service, servicePort, workload, key)
		if !usable {
			continue
		}
		candidates = append(candidates, c)
	}
	candidates = bestLocality(candidates, service.GetLoadBalancing(), own)
	for _, c := range candidates {
		total += c.capacity
	}
	if total == 0 {
		return Endpoint{}, failure(http.StatusServiceUnavailable, "no healthy endpoints")
	}
	point := draw(total)
	for _, c := range candidates {
		if point -= c.capacity; point >= 0 {
			continue
		}
		return Endpoint{
			Address:  net.JoinHostPort(hostOf(c.workload, host), strconv.Itoa(int(c.port))),
			HostName: key.Hostname, Protocol: servicePort.GetAppProtocol(),
		}, nil
	}
	return Endpoint{}, failure(http.StatusServiceUnavailable, "no healthy endpoints")
}

func portOf(ports []*workloadapi.Port, port uint32) *workloadapi.Port {
	for _, p := range ports {
		if p.GetServicePort() == port {
			return p
		}
	}
	return nil
}

// candidate is a workload that may be dialled.
type candidate struct {
	workload *workloadapi.Workload
	port     uint32
	capacity int64
}

func candidateOf(service *workloadapi.Service, port *workloadapi.Port, workload *workloadapi.Workload, key store.ServiceKey) (candidate, bool) {
	c := candidate{workload: workload, port: port.GetTargetPort(), capacity: 1}
	if workload.GetCapacity() != nil {
		c.capacity = int64(workload.GetCapacity().GetValue())
	}
	if own := portOf(workload.GetServices()[key.String()].GetPorts(), port.GetServicePort()); own != nil {
		c.port = own.GetTargetPort()
	}
	healthy := workload.GetStatus() == workloadapi.WorkloadStatus_HEALTHY ||
		service.GetLoadBalancing().GetHealthPolicy() == workloadapi.LoadBalancing_ALLOW_ALL
	dialable := len(workload.GetAddresses()) > 0 || workload.GetHostname() != ""
	// A port of 0 is a named port that this workload does not have.
	return c, healthy && dialable && c.port != 0 && c.capacity > 0
}

// hostOf returns the first address, or the hostname to resolve; a wildcard
// stands for the host of the request if that lies below it.
func hostOf(workload *workloadapi.Workload, host string) string {
	for _, address := range workload.GetAddresses() {
		if ip, ok := netip.AddrFromSlice(address); ok {
			return ip.String()
		}
	}
	if suffix, wildcard := strings.CutPrefix(workload.GetHostname(), "*"); wildcard && strings.HasSuffix(host, suffix) {
		return host
	}
	return workload.GetHostname()
}

// bestLocality keeps the endpoints that share the most leading scopes with the
// own workload, or in strict mode only those that share all of them.
func bestLocality(candidates []candidate, lb *workloadapi.LoadBalancing, own *workloadapi.Workload) []candidate {
	mode := lb.GetMode()
	if own == nil || (mode != workloadapi.LoadBalancing_FAILOVER && mode != workloadapi.LoadBalancing_STRICT) {
		return candidates
	}
	scopes, best := lb.GetRoutingPreference(), 0
	if mode == workloadapi.LoadBalancing_STRICT {
		best = len(scopes)
	}
	var kept []candidate
	for _, c := range candidates {
		shared := 0
		for shared < len(scopes) && sameScope(scopes[shared], c.workload, own) {
			shared++
		}
		switch {
		case shared > best:
			best, kept = shared, []candidate{c}
		case shared == best:
			kept = append(kept, c)
		}
	}
	return kept
}

func sameScope(scope workloadapi.LoadBalancing_Scope, a, b *workloadapi.Workload) bool {
	switch scope {
	case workloadapi.LoadBalancing_REGION:
		return a.GetLocality().GetRegion() == b.GetLocality().GetRegion()
	case workloadapi.LoadBalancing_ZONE:
		return a.GetLocality().GetZone() == b.GetLocality().GetZone()
	case workloadapi.LoadBalancing_SUBZONE:
		return a.GetLocality().GetSubzone() == b.GetLocality().GetSubzone()
	case workloadapi.LoadBalancing_NODE:
		return a.GetNode() == b.GetNode()
	case workloadapi.LoadBalancing_CLUSTER:
		return a.GetClusterId() == b.GetClusterId()
	case workloadapi.LoadBalancing_NETWORK:
		return a.GetNetwork() == b.GetNetwork()
	default:
		return false
	}
}
