package store

import (
	"regexp"
	"slices"

	"google.golang.org/protobuf/types/known/durationpb"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/tools/dataplane/internal/match"
)

func checkRouteBackend(backend *api.RouteBackend, r *review) {
	if backend.GetWeight() < 0 {
		r.errorf("negative backend weight %d", backend.GetWeight())
	}
}

func checkTraffic(spec *api.TrafficPolicySpec, r *review) {
	if spec.GetKind() == nil {
		r.errorf("traffic policy without a kind")
	}
}

// checkConditional demands one kind and phase for all branches, and refuses the
// kinds that cannot depend on a condition.
func checkConditional(list *api.ConditionalPolicies, r *review) {
	if len(list.GetPolicies()) == 0 {
		r.errorf("empty list of conditional policies")
		return
	}
	first := list.GetPolicies()[0].GetTraffic()
	for _, entry := range list.GetPolicies() {
		if entry.Condition != nil {
			checkExpressions(r, entry.GetCondition())
		}
		spec := entry.GetTraffic()
		switch spec.GetKind().(type) {
		case nil:
			r.errorf("conditional policy without a kind")
		case *api.TrafficPolicySpec_Timeout, *api.TrafficPolicySpec_Retry, *api.TrafficPolicySpec_Delay,
			*api.TrafficPolicySpec_Authorization, *api.TrafficPolicySpec_HostRewrite_, *api.TrafficPolicySpec_RequestMirror:
			r.errorf("%s cannot be conditional", member(spec))
		}
		if member(spec) != member(first) || spec.GetPhase() != first.GetPhase() {
			r.errorf("conditional policies of different kinds or phases")
		}
	}
}

var schemePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*$`)

func checkRedirect(redirect *api.RequestRedirect, r *review) {
	if scheme := redirect.GetScheme(); scheme != "" && !schemePattern.MatchString(scheme) {
		r.errorf("redirect to invalid scheme %q", scheme)
	}
	checkPort(redirect.GetPort(), "redirect port", r)
	if redirect.GetStatus() != 0 {
		checkStatus(redirect.GetStatus(), "redirect status", r)
	}
}

func checkMirror(mirror *api.RequestMirrors_Mirror, r *review) {
	// A negated comparison also catches NaN.
	if p := mirror.GetPercentage(); !(p >= 0 && p <= 100) {
		r.errorf("mirror percentage %v is outside 0 to 100", p)
	}
}

func checkDirectResponse(response *api.DirectResponse, r *review) {
	checkStatus(response.GetStatus(), "direct response status", r)
	checkExpressions(r, response.GetBodyExpression())
	for _, header := range response.GetHeaders() {
		checkHeaderNames(r, header.GetName())
		checkExpressions(r, header.GetExpression())
	}
}

func checkCORS(cors *api.CORS, r *review) {
	for _, token := range slices.Concat(cors.GetAllowHeaders(), cors.GetAllowMethods(), cors.GetExposeHeaders()) {
		if !match.ValidHeaderName(token) {
			r.errorf("CORS: invalid method or header %q", token)
		}
	}
	checkDurations(r, named{"cors.max_age", cors.GetMaxAge()})
}

func checkRetry(retry *api.Retry, r *review) {
	for _, code := range retry.GetRetryStatusCodes() {
		checkStatus(uint32(code), "retry status code", r)
	}
	if attempts := retry.GetAttempts(); attempts < 0 || attempts > 255 {
		r.errorf("retry attempts %d would be truncated to 8 bits", attempts)
	}
	checkDurations(r, named{"retry.backoff", retry.GetBackoff()})
	checkExpressions(r, retry.GetCondition(), retry.GetPrecondition())
}

func checkStatus(status uint32, what string, r *review) {
	if status < 100 || status > 999 {
		r.errorf("%s %d is outside 100 to 999", what, int32(status))
	}
}

func checkHeaderNames(r *review, names ...string) {
	for _, name := range names {
		if !match.ValidHeaderName(name) {
			r.errorf("invalid header name %q", name)
		}
	}
}

// named is a duration together with the field that the finding should name.
type named struct {
	field    string
	duration *durationpb.Duration
}

func checkDurations(r *review, durations ...named) {
	for _, d := range durations {
		if d.duration == nil {
			continue
		}
		if err := d.duration.CheckValid(); err != nil {
			r.errorf("%s: %v", d.field, err)
		} else if d.duration.AsDuration() < 0 {
			r.errorf("%s: negative duration %v", d.field, d.duration.AsDuration())
		}
	}
}
