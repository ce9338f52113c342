package routes

import (
	"strings"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/references"
)

// addMirror leaves out a mirror whose backend can't be used: it costs the
// mirror, not the traffic.
func (f *filters) addMirror(path string, spec *gwv1.HTTPRequestMirrorFilter) {
	path += "requestMirror."
	if spec == nil {
		f.fail(unsupported("%s must be set", strings.TrimSuffix(path, ".")))
		return
	}
	percentage := 100.0
	switch {
	case spec.Fraction != nil:
		denominator := int32(100)
		if spec.Fraction.Denominator != nil {
			denominator = *spec.Fraction.Denominator
		}
		if denominator < 1 || spec.Fraction.Numerator < 0 || spec.Fraction.Numerator > denominator {
			f.fail(unsupported("%sfraction %d/%d is not between 0 and 1", path, spec.Fraction.Numerator, denominator))
			return
		}
		percentage = 100 * float64(spec.Fraction.Numerator) / float64(denominator)
	case spec.Percent != nil:
		if *spec.Percent < 0 || *spec.Percent > 100 {
			f.fail(unsupported("%spercent %d is outside 0 to 100", path, *spec.Percent))
			return
		}
		percentage = float64(*spec.Percent)
	}
	backend := f.in.Backends.Resolve(f.ctx, f.from, spec.BackendRef)
	if backend.Problem != nil {
		f.fail(referenceFault(path+"backendRef: ", backend.Problem, false))
		return
	}
	if percentage == 0 {
		return
	}
	f.uses = append(f.uses, backend.Key)
	f.mirrors = append(f.mirrors, &api.RequestMirrors_Mirror{Backend: backend.Reference, Percentage: percentage})
}

// referenceFault carries the problem of a reference into the faults of a rule.
func referenceFault(path string, problem *references.Problem, fatal bool) *fault {
	return &fault{
		reason:    gwv1.RouteConditionReason(problem.Reason),
		message:   path + problem.Message,
		reference: !problem.Unsupported,
		fatal:     fatal || problem.Unsupported,
	}
}
