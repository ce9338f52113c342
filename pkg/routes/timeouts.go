package routes

import (
	"math"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	api "agentgateway.dev/controller/apis/xds"
)

// timeouts returns nil when nothing is limited. A zero duration means "no
// timeout" here and "at once" in the proxy, so it is left out.
func timeouts(spec *gwv1.HTTPRouteTimeouts) (*api.TrafficPolicySpec, *fault) {
	if spec == nil {
		return nil, nil
	}
	request, f := duration("timeouts.request", spec.Request)
	if f != nil {
		return nil, f
	}
	backendRequest, f := duration("timeouts.backendRequest", spec.BackendRequest)
	if f != nil {
		return nil, f
	}
	if request == nil && backendRequest == nil {
		return nil, nil
	}
	return &api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_Timeout{Timeout: &api.Timeout{Request: request, BackendRequest: backendRequest}}}, nil
}

// retry returns nil when no retries are wanted.
func retry(spec *gwv1.HTTPRouteRetry) (*api.TrafficPolicySpec, *fault) {
	if spec == nil || (spec.Attempts != nil && *spec.Attempts == 0) {
		return nil, nil
	}
	out := &api.Retry{}
	if spec.Attempts != nil {
		if *spec.Attempts < 0 {
			return nil, unsupported("retry.attempts %d is negative", *spec.Attempts)
		}
		// The proxy counts in eight bits.
		out.Attempts = int32(min(*spec.Attempts, math.MaxUint8))
	}
	for i, code := range spec.Codes {
		if code < 100 || code > 999 {
			return nil, unsupported("retry.codes[%d]: %d is not a status code", i, code)
		}
		out.RetryStatusCodes = append(out.RetryStatusCodes, int32(code))
	}
	var f *fault
	if out.Backoff, f = duration("retry.backoff", spec.Backoff); f != nil {
		return nil, f
	}
	return &api.TrafficPolicySpec{Kind: &api.TrafficPolicySpec_Retry{Retry: out}}, nil
}

func duration(path string, text *gwv1.Duration) (*durationpb.Duration, *fault) {
	if text == nil {
		return nil, nil
	}
	parsed, err := time.ParseDuration(string(*text))
	if err != nil || parsed < 0 {
		return nil, unsupported(`%s: %q is not a duration; write for example "10s" or "500ms"`, path, *text)
	}
	if parsed == 0 {
		return nil, nil
	}
	return durationpb.New(parsed), nil
}
