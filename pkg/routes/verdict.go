package routes

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"agentgateway.dev/controller/pkg/conditions"
)

// fault is a user's mistake in a rule.
type fault struct {
	reason  gwv1.RouteConditionReason
	message string
	// reference faults are reported by ResolvedRefs and leave the route
	// accepted.
	reference bool
	// fatal faults make the rule answer 500 as a whole; others cost only the
	// part they stand for.
	fatal bool
}

func invalid(reason gwv1.RouteConditionReason, format string, args ...any) *fault {
	return &fault{reason: reason, message: fmt.Sprintf(format, args...), fatal: true}
}

func unsupported(format string, args ...any) *fault {
	return invalid(gwv1.RouteReasonUnsupportedValue, format, args...)
}

// verdict collects the faults of a route over its rules.
type verdict struct {
	rules int
	// broken are the rules with a fatal fault, in order.
	broken []brokenRule
	// reference is the last fault of a reference.
	reference *fault
}

type brokenRule struct {
	name  string
	fault *fault
}

// add records the faults of one rule and reports whether the rule is broken.
func (v *verdict) add(name string, faults []*fault) bool {
	v.rules++
	var fatal *fault
	for _, f := range faults {
		if f.reference {
			named := *f
			named.message = name + "." + f.message
			v.reference = &named
		}
		if f.fatal && fatal == nil {
			fatal = f
		}
	}
	if fatal != nil {
		v.broken = append(v.broken, brokenRule{name: name, fault: fatal})
	}
	return fatal != nil
}

// values are the broken rules that the Accepted condition speaks of: problems
// of references don't count there.
func (v verdict) values() []brokenRule {
	var values []brokenRule
	for _, rule := range v.broken {
		if !rule.fault.reference {
			values = append(values, rule)
		}
	}
	return values
}

func (v verdict) accepted(generation int64) metav1.Condition {
	if values := v.values(); len(values) > 0 && len(v.broken) == v.rules {
		return conditions.False(string(gwv1.RouteConditionAccepted), string(values[0].fault.reason), list(values), generation)
	}
	return conditions.True(string(gwv1.RouteConditionAccepted), string(gwv1.RouteReasonAccepted), "Route was valid", generation)
}

func (v verdict) resolvedRefs(generation int64) metav1.Condition {
	if v.reference != nil {
		return conditions.False(string(gwv1.RouteConditionResolvedRefs), string(v.reference.reason), v.reference.message, generation)
	}
	return conditions.True(string(gwv1.RouteConditionResolvedRefs), string(gwv1.RouteReasonResolvedRefs), "All references resolved", generation)
}

// partiallyInvalid is present only when some rules work and others don't. The
// message starts as Gateway API demands for rules that are not served.
func (v verdict) partiallyInvalid(generation int64) *metav1.Condition {
	values := v.values()
	if len(values) == 0 || len(v.broken) == v.rules {
		return nil
	}
	condition := conditions.True(string(gwv1.RouteConditionPartiallyInvalid), string(values[0].fault.reason), "Dropped Rule "+list(values), generation)
	return &condition
}

func list(rules []brokenRule) string {
	texts := make([]string, 0, len(rules))
	for _, rule := range rules {
		texts = append(texts, rule.name+": "+rule.fault.message)
	}
	return strings.Join(texts, "; ")
}
