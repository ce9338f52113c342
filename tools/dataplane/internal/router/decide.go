// Package router turns configuration and a request into a decision. It is pure:
// chance comes in as a function, and nothing is dialled.
package router

import (
	"math"
	"net/http"
	"slices"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/tools/dataplane/internal/match"
	"agentgateway.dev/controller/tools/dataplane/internal/store"
)

// Draw returns a number in [0, n); it is never called with n = 0.
type Draw func(n int64) int64

// Failure is an answer that the proxy gives by itself.
type Failure struct {
	// Status is the HTTP status; a gRPC client gets GRPC instead.
	Status int
	GRPC   uint32
	Text   string
}

// failure derives the gRPC status from the HTTP status.
func failure(status int, text string) *Failure {
	return &Failure{Status: status, GRPC: GRPCStatus(status), Text: text}
}

// GRPCStatus returns the gRPC status that stands for an HTTP status.
func GRPCStatus(status int) uint32 {
	switch status {
	case http.StatusBadRequest:
		return 13
	case http.StatusUnauthorized:
		return 16
	case http.StatusForbidden:
		return 7
	case http.StatusNotFound:
		return 12
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return 14
	default:
		return 2
	}
}

// Connection is what is known before the first request.
type Connection struct {
	BindKey string
	// Listener is the key of the listener that terminated TLS, empty on
	// plaintext connections.
	Listener string
}

// Decision is what happens to one request.
type Decision struct {
	// Rejected is set if no route was found. Nothing else is then.
	Rejected *Failure
	Listener *store.Listener
	// Chain leads from the route of the listener over delegating routes to the
	// last one, whose match decided.
	Chain []*match.Route
	Match match.Match
	// Filters has the effective traffic policy of each kind.
	Filters Filters
	// Backend is the reference drawn, nil if there is none to draw from.
	Backend *api.RouteBackend
	// Failed takes the place of the backend call, after the filters.
	Failed *Failure
}

// Decide selects listener, route and backend.
func Decide(v store.View, connection Connection, r *match.Request, draw Draw) Decision {
	bind := v.Bind(connection.BindKey)
	if bind == nil {
		return Decision{Rejected: failure(http.StatusNotFound, "bind not found")}
	}
	d := Decision{}
	d.Listener, d.Rejected = listenerFor(bind, connection, r)
	if d.Rejected != nil {
		return d
	}
	parent := store.Parent{Kind: store.ParentListener, Key: d.Listener.Spec.GetKey()}
	seen := map[string]bool{}
	for {
		route, matched, found := find(v, parent, r)
		if !found {
			return Decision{Rejected: failure(http.StatusNotFound, "route not found")}
		}
		if seen[route.Spec.GetKey()] {
			return Decision{Rejected: failure(http.StatusInternalServerError, "route delegation loop")}
		}
		seen[route.Spec.GetKey()] = true
		d.Chain, d.Match = append(d.Chain, route), matched
		d.Backend = drawBackend(route.Spec.GetBackends(), draw)
		if d.Backend == nil || d.Backend.RouteGroupKey == nil {
			break
		}
		parent = store.Parent{Kind: store.ParentGroup, Key: d.Backend.GetRouteGroupKey()}
	}
	d.Filters = effective(v, d.Listener, d.Chain)
	d.Failed = unusable(v, d.Backend)
	return d
}

func find(v store.View, parent store.Parent, r *match.Request) (*match.Route, match.Match, bool) {
	table := v.Routes(parent)
	if table == nil {
		return nil, match.Match{}, false
	}
	return table.Find(r)
}

// listenerFor selects by host on plaintext binds. On TLS the listener is given
// by the server name; the host must still belong to it.
func listenerFor(bind *store.Bind, connection Connection, r *match.Request) (*store.Listener, *Failure) {
	protocols := []api.Protocol{api.Protocol_HTTP}
	if connection.Listener != "" {
		protocols = []api.Protocol{api.Protocol_HTTPS, api.Protocol_TLS}
	}
	best := BestListener(bind, r.Host, protocols...)
	switch {
	case best == nil:
		return nil, failure(http.StatusNotFound, "listener not found")
	case connection.Listener == "" || best.Spec.GetKey() == connection.Listener:
		return best, nil
	}
	// Another listener covers the host, or covers it better.
	return nil, failure(http.StatusMisdirectedRequest, "misdirected request")
}

// BestListener returns the listener with the most specific hostname for host
// among those of the given protocols, nil if none covers it. Of two equal ones
// the lower key is taken; the real proxy makes no such promise.
func BestListener(bind *store.Bind, host string, protocols ...api.Protocol) *store.Listener {
	for hostname := range match.Hostnames(host) {
		var best *store.Listener
		for _, listener := range bind.Listeners {
			if !slices.Contains(protocols, listener.Spec.GetProtocol()) || !sameHostname(listener.Spec.GetHostname(), hostname) {
				continue
			}
			if best == nil || listener.Spec.GetKey() < best.Spec.GetKey() {
				best = listener
			}
		}
		if best != nil {
			return best
		}
	}
	return nil
}

// sameHostname treats "*" as the empty hostname.
func sameHostname(listener, pattern string) bool {
	return listener == pattern || (listener == "*" && pattern == "")
}

// drawBackend picks one entry by weight, nil if there is none with a weight.
func drawBackend(backends []*api.RouteBackend, draw Draw) *api.RouteBackend {
	var total int64
	for _, backend := range backends {
		total += int64(backend.GetWeight())
	}
	if total == 0 {
		return nil
	}
	point := draw(total)
	for _, backend := range backends {
		if point -= int64(backend.GetWeight()); point < 0 {
			return backend
		}
	}
	return nil
}

// unusable tells why a drawn entry cannot be called, before any endpoint of it
// is looked at.
func unusable(v store.View, backend *api.RouteBackend) *Failure {
	if backend == nil {
		return &Failure{Status: http.StatusInternalServerError, GRPC: 14, Text: "no valid backends"}
	}
	return unresolved(v, backend.GetBackend())
}

func unresolved(v store.View, reference *api.BackendReference) *Failure {
	switch kind := reference.GetKind().(type) {
	case *api.BackendReference_Service_:
		if v.Service(serviceKey(kind.Service)) == nil {
			return failure(http.StatusInternalServerError, "backend does not exist")
		}
	case *api.BackendReference_Backend:
		if v.Backend(kind.Backend) == nil {
			return failure(http.StatusInternalServerError, "backend does not exist")
		}
	default:
		return failure(http.StatusInternalServerError, "invalid backend reference")
	}
	return nil
}

func serviceKey(service *api.BackendReference_Service) store.ServiceKey {
	return store.ServiceKey{Namespace: service.GetNamespace(), Hostname: service.GetHostname()}
}

// wholePercent scales a percentage to draw with a resolution that no test can
// tell from the real one.
const wholePercent = 1_000_000

// Chosen draws whether something that shall happen in percent of all cases
// happens now.
func Chosen(percent float64, draw Draw) bool {
	return draw(100*wholePercent) < int64(math.Round(percent*wholePercent))
}
