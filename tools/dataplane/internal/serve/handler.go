package serve

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"

	"go.uber.org/zap"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/tools/dataplane/internal/match"
	"agentgateway.dev/controller/tools/dataplane/internal/router"
	"agentgateway.dev/controller/tools/dataplane/internal/store"
)

// handler serves the requests of one bind.
type handler struct {
	gateway *Gateway
	bindKey string
}

// ServeHTTP routes one request: filters in the proxy's order of execution, then
// the backend.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request := requestOf(r)
	connection := router.Connection{BindKey: h.bindKey, Listener: listenerOf(r)}
	var d router.Decision
	h.gateway.state.View(func(v store.View) { d = router.Decide(v, connection, request, h.gateway.draw) })
	h.gateway.log.Debug("request", zap.String("bind", h.bindKey), zap.String("method", r.Method),
		zap.String("host", r.Host), zap.String("path", request.Path), zap.Stringer("route", chainName(d.Chain)))
	if d.Rejected != nil {
		writeFailure(w, r.Header, d.Rejected)
		return
	}
	e := &exchange{gateway: h.gateway, decision: d, request: request, in: r}
	if err := e.serve(w); err != nil {
		e.decorate(w.Header())
		writeFailure(w, r.Header, asFailure(err))
	}
}

// requestOf keeps the path as it was sent, without decoding.
func requestOf(r *http.Request) *match.Request {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(path, "/") {
		path = r.URL.EscapedPath()
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return &match.Request{
		Host: match.HostOf(r.Host), Authority: r.Host, Path: path, Query: r.URL.RawQuery,
		Method: r.Method, Scheme: scheme, Header: r.Header,
	}
}

type chainName []*match.Route

func (c chainName) String() string {
	var keys []string
	for _, route := range c {
		keys = append(keys, route.Spec.GetKey())
	}
	return strings.Join(keys, " > ")
}

func asFailure(err error) *router.Failure {
	if f := (failed{}); errors.As(err, &f) {
		return f.Failure
	}
	return fail(http.StatusServiceUnavailable, "upstream call failed: %v", err).Failure
}

// exchange is one request with the decision about it.
type exchange struct {
	gateway  *Gateway
	decision router.Decision
	request  *match.Request
	in       *http.Request
	// cors are headers that every response carries.
	cors http.Header
}

// serve answers by itself or forwards. An error means that nothing was written.
func (e *exchange) serve(w http.ResponseWriter) error {
	filters := e.decision.Filters
	if done := e.serveCORS(w, filters.Of("cors").GetCors()); done {
		return nil
	}
	out := e.in.Clone(e.in.Context())
	if err := modifyRequest(out, filters.Of("request_header_modifier").GetRequestHeaderModifier()); err != nil {
		return err
	}
	path, err := rewrite(out, filters.Of("url_rewrite").GetUrlRewrite(), e.request, e.decision.Match)
	if err != nil {
		return err
	}
	if redirect := filters.Of("request_redirect").GetRequestRedirect(); redirect != nil {
		return e.serveRedirect(w, redirect)
	}
	if direct := filters.Of("direct_response").GetDirectResponse(); direct != nil {
		return e.serveDirect(w, direct)
	}
	if e.decision.Failed != nil {
		return failed{e.decision.Failed}
	}
	if err := setPath(out, path); err != nil {
		return err
	}
	e.mirror(out, filters.Of("request_mirror").GetRequestMirror().GetMirrors())
	e.forward(w, out)
	return nil
}

// serveCORS answers preflights, and any OPTIONS request of an allowed origin.
func (e *exchange) serveCORS(w http.ResponseWriter, cors *api.CORS) (done bool) {
	if cors == nil {
		return false
	}
	origin := e.in.Header.Get("Origin")
	allowed := originAllowed(cors, origin)
	if allowed {
		e.cors = corsHeaders(cors, origin)
	}
	isPreflight := origin != "" && e.in.Header.Get("Access-Control-Request-Method") != ""
	if e.in.Method != http.MethodOptions || (!allowed && !isPreflight) {
		return false
	}
	if allowed {
		preflight(cors, e.in.Header, e.cors)
	}
	e.decorate(w.Header())
	w.WriteHeader(http.StatusOK)
	return true
}

func (e *exchange) serveRedirect(w http.ResponseWriter, redirect *api.RequestRedirect) error {
	target, err := location(redirect, e.request, e.decision.Match)
	if err != nil {
		return err
	}
	w.Header().Set("Location", target)
	if err := e.decorate(w.Header()); err != nil {
		return err
	}
	status := int(redirect.GetStatus())
	if status == 0 {
		status = http.StatusFound
	}
	w.WriteHeader(status)
	return nil
}

// serveDirect answers with a fixed body; expressions are not evaluated here.
func (e *exchange) serveDirect(w http.ResponseWriter, direct *api.DirectResponse) error {
	if direct.GetBodyExpression() != "" {
		return fail(http.StatusInternalServerError, "body expressions are not evaluated by the development proxy")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(direct.GetBody())))
	if err := e.decorate(w.Header()); err != nil {
		return err
	}
	w.WriteHeader(int(direct.GetStatus()))
	// The client may be gone.
	_, _ = w.Write(direct.GetBody())
	return nil
}

// decorate adds to a response what the route says about all of them.
func (e *exchange) decorate(header http.Header) error {
	maps.Copy(header, e.cors)
	return modify(header, e.decision.Filters.Of("response_header_modifier").GetResponseHeaderModifier())
}

// setPath gives the outgoing request a path without changing how it is encoded.
func setPath(out *http.Request, path string) error {
	decoded, err := url.PathUnescape(path)
	if err != nil {
		return fail(http.StatusBadRequest, "path %q: %v", path, err)
	}
	out.URL.Path, out.URL.RawPath = decoded, path
	return nil
}

// forward sends the request to the drawn backend. Upgrades such as WebSocket
// pass through.
func (e *exchange) forward(w http.ResponseWriter, out *http.Request) {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			// The parameters go out as they came in, readable for Go or not.
			p.Out.URL.RawQuery = e.request.Query
			p.Out.URL.Scheme, p.Out.URL.Host = "http", "backend"
			p.Out.Host = out.Host
		},
		Transport: &call{exchange: e, drawn: e.decision.Backend},
		ModifyResponse: func(response *http.Response) error {
			return e.decorate(response.Header)
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			e.gateway.log.Debug("request failed", zap.Error(err))
			maps.Copy(w.Header(), e.cors)
			writeFailure(w, e.in.Header, asFailure(err))
		},
		FlushInterval: -1,
		ErrorLog:      zap.NewStdLog(e.gateway.log),
	}
	proxy.ServeHTTP(w, out)
}
