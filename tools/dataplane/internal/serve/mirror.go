package serve

import (
	"context"
	"io"
	"net/http"
	"time"

	"go.uber.org/zap"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/tools/dataplane/internal/router"
)

// mirrorTimeout keeps a backend that never answers from holding on to a copy.
const mirrorTimeout = 30 * time.Second

// mirror sends copies of the request, without its body, to other backends. It
// neither waits for them nor looks at the answers.
func (e *exchange) mirror(out *http.Request, mirrors []*api.RequestMirrors_Mirror) {
	for _, m := range mirrors {
		if !router.Chosen(m.GetPercentage(), e.gateway.draw) {
			continue
		}
		// The copy must outlive the request.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(out.Context()), mirrorTimeout)
		copied := out.Clone(ctx)
		copied.RequestURI = ""
		copied.Body, copied.ContentLength = http.NoBody, 0
		copied.Header.Del("Content-Length")
		copied.URL.Scheme, copied.URL.Host = "http", "mirror"
		mirrored := &exchange{gateway: e.gateway, request: e.request, in: e.in, decision: router.Decision{Listener: e.decision.Listener}}
		one := &call{exchange: mirrored, drawn: &api.RouteBackend{Backend: m.GetBackend(), Weight: 1}}
		e.gateway.background.Go(func() {
			defer cancel()
			response, err := one.RoundTrip(copied)
			if err != nil {
				e.gateway.log.Debug("mirror failed", zap.Error(err))
				return
			}
			// Reading to the end lets the connection be used again.
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		})
	}
}
