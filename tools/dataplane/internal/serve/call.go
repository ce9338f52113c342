package serve

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"istio.io/istio/pkg/workloadapi"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/tools/dataplane/internal/router"
	"agentgateway.dev/controller/tools/dataplane/internal/store"
)

// maxReplayed is the size above which a request body is not sent again.
const maxReplayed = 64 << 10

// errTimeout ends a call or one attempt of it.
var errTimeout = fail(http.StatusGatewayTimeout, "request timeout")

// call is the round trip to one backend reference with its timeouts and
// retries. Every attempt selects an endpoint anew.
type call struct {
	*exchange
	drawn *api.RouteBackend
}

// RoundTrip implements http.RoundTripper.
func (c *call) RoundTrip(out *http.Request) (*http.Response, error) {
	timeout := c.decision.Filters.Of("timeout").GetTimeout()
	ctx, cancel := context.WithCancelCause(out.Context())
	stop, err := limit(timeout.GetRequest(), cancel)
	if err != nil {
		return nil, err
	}
	defer stop()

	retry := c.decision.Filters.Of("retry").GetRetry()
	body, err := replayable(out, retry)
	if err != nil {
		return nil, err
	}
	for attempt := 0; ; attempt++ {
		again := out.WithContext(ctx)
		again.Header = out.Header.Clone()
		target := *out.URL
		again.URL = &target
		if attempt > 0 {
			again.Header.Set("X-Retry-Attempt", strconv.Itoa(attempt))
		}
		if body != nil {
			again.Body = io.NopCloser(bytes.NewReader(body))
		}
		response, err := c.attempt(again, timeout.GetBackendRequest())
		if ctx.Err() != nil && err != nil {
			return nil, context.Cause(ctx)
		}
		last := retry == nil || attempt >= max(int(retry.GetAttempts()), 1) || !canReplay(out, body)
		if last || !shouldRetry(retry, response, err) {
			return response, err
		}
		if response != nil {
			response.Body.Close()
		}
		if err := wait(ctx, retry.GetBackoff().AsDuration()); err != nil {
			return nil, err
		}
	}
}

// limit arms a timer that cancels with errTimeout. No duration is no limit, and
// zero is over at once. The timer covers the time until the response headers.
func limit(d *durationpb.Duration, cancel context.CancelCauseFunc) (stop func(), err error) {
	if d == nil {
		return func() {}, nil
	}
	if d.AsDuration() == 0 {
		return nil, errTimeout
	}
	timer := time.AfterFunc(d.AsDuration(), func() { cancel(errTimeout) })
	return func() { timer.Stop() }, nil
}

// replayable reads a body that may have to be sent again. It returns nil if
// there is no retry policy, or if the body is too long or is a gRPC stream.
func replayable(out *http.Request, retry *api.Retry) ([]byte, error) {
	if retry == nil || out.Body == nil || out.ContentLength > maxReplayed || isGRPC(out.Header) {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(out.Body, maxReplayed+1))
	if err != nil {
		return nil, fail(http.StatusBadRequest, "read request body: %v", err)
	}
	if len(body) > maxReplayed {
		out.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), out.Body))
		return nil, nil
	}
	return body, nil
}

func canReplay(out *http.Request, body []byte) bool {
	return body != nil || out.Body == nil || out.Body == http.NoBody
}

// shouldRetry follows the list of codes, and always retries what did not reach
// the backend. Conditions are not evaluated.
func shouldRetry(retry *api.Retry, response *http.Response, err error) bool {
	if err != nil {
		f := failed{}
		// A failure of ours other than a timeout will not be better next time.
		return !errors.As(err, &f) || f.Status == http.StatusGatewayTimeout
	}
	return slices.Contains(retry.GetRetryStatusCodes(), int32(response.StatusCode))
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// attempt calls one endpoint.
func (c *call) attempt(out *http.Request, timeout *durationpb.Duration) (*http.Response, error) {
	var endpoint router.Endpoint
	var failure *router.Failure
	var policies router.BackendPolicies
	c.gateway.state.View(func(v store.View) {
		endpoint, failure = router.Resolve(v, c.drawn.GetBackend(), c.request.Host, c.gateway.own.Load(), c.gateway.draw)
		policies = router.PoliciesOf(v, c.decision, c.drawn.GetBackend(), c.drawn.GetBackendPolicies())
	})
	if failure != nil {
		return nil, failed{failure}
	}
	http := policies.Of("backend_http").GetBackendHttp()
	if http.GetRequestTimeout() != nil {
		timeout = http.GetRequestTimeout()
	}
	ctx, cancel := context.WithCancelCause(out.Context())
	stop, err := limit(timeout, cancel)
	if err != nil {
		return nil, err
	}
	defer stop()
	out = out.WithContext(ctx)
	c.address(out, endpoint)
	if err := modifyRequest(out, policies.Of("request_header_modifier").GetRequestHeaderModifier()); err != nil {
		return nil, err
	}
	transport, err := c.gateway.transports.of(out, endpoint, policies, c.usesHTTP2(out, endpoint, http.GetVersion()))
	if err != nil {
		return nil, err
	}
	response, err := transport.RoundTrip(out)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		return nil, err
	}
	if err := modify(response.Header, policies.Of("response_header_modifier").GetResponseHeaderModifier()); err != nil {
		response.Body.Close()
		return nil, err
	}
	return response, nil
}

// address points the request at an endpoint and rewrites the authority where
// that is wanted: by policy, or by default for static backends with a name, but
// never over an explicit rewrite of the route.
func (c *call) address(out *http.Request, endpoint router.Endpoint) {
	out.URL.Host = endpoint.Address
	explicit := c.decision.Filters.Of("url_rewrite").GetUrlRewrite().GetHost() != ""
	automatic := endpoint.Static
	if policy := c.decision.Filters.Of("host_rewrite").GetHostRewrite(); policy != nil {
		automatic = policy.GetMode() == api.TrafficPolicySpec_HostRewrite_AUTO
	}
	if automatic && !explicit && endpoint.HostName != "" {
		out.Host = endpoint.HostName
	}
}

// usesHTTP2 follows the policy, then the service port. Otherwise the version of
// plaintext clients is kept, and TLS clients get HTTP/1.1 unless they speak gRPC.
func (c *call) usesHTTP2(out *http.Request, endpoint router.Endpoint, version api.BackendPolicySpec_BackendHTTP_HttpVersion) bool {
	switch {
	case out.Header.Get("Upgrade") != "":
		return false
	case version != api.BackendPolicySpec_BackendHTTP_UNSPECIFIED:
		return version == api.BackendPolicySpec_BackendHTTP_HTTP2
	}
	switch endpoint.Protocol {
	case workloadapi.AppProtocol_HTTP2, workloadapi.AppProtocol_GRPC:
		return true
	case workloadapi.AppProtocol_HTTP11:
		return false
	}
	return c.in.ProtoMajor == 2 && (c.in.TLS == nil || isGRPC(out.Header))
}
