package policies

import (
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/conditions"
	"agentgateway.dev/controller/pkg/gateways"
	"agentgateway.dev/controller/pkg/routes"
)

// newBackendTLSStatuses derives an ancestor for every Gateway that uses a
// target, whatever became of the policy there.
func newBackendTLSStatuses(policies krt.Collection[backendTLS], claims krt.Collection[claim], in BackendTLSInputs, opts krt.OptionsBuilder) krt.Collection[Status] {
	return krt.NewCollection(policies, func(ctx krt.HandlerContext, policy backendTLS) *Status {
		status := &Status{Kind: backendTLSKind, NamespacedName: policy.NamespacedName, Ancestors: []gwv1.PolicyAncestorStatus{}}
		views := policy.views(ctx, claims, in.Users)
		for _, gateway := range slices.SortedFunc(maps.Keys(views), compareNames) {
			owner := krt.FetchOne(ctx, in.Owners, krt.FilterKey(gateway.String()))
			if owner == nil {
				continue
			}
			certificate := krt.FetchOne(ctx, in.Certificates, krt.FilterKey(gateway.String()))
			status.Ancestors = append(status.Ancestors, ancestor(gateway, owner.Controller, policy.conditions(views[gateway], certificate)))
		}
		return status
	}, opts.WithName("policies/BackendTLSStatuses")...)
}

// view is what a policy is to one Gateway that uses some of its targets.
type view struct {
	// effective is whether any of those targets has the policy.
	effective bool
	// lost are the targets that another policy has.
	lost fault
	// unresolved are those that are no target for anybody.
	unresolved fault
}

// views returns a view for every Gateway that uses one of the targets.
func (p backendTLS) views(ctx krt.HandlerContext, claims krt.Collection[claim], users routes.Users) map[types.NamespacedName]view {
	views := map[types.NamespacedName]view{}
	for _, target := range p.targets {
		if target.backend == "" {
			continue
		}
		winner := p.rank()
		if target.fault == (fault{}) {
			// The claims may not have caught up with the policy yet. One that it
			// is bound to take over is no conflict worth a write.
			if claim := krt.FetchOne(ctx, claims, krt.FilterKey(target.key())); claim != nil && claim.compare(winner) < 0 {
				winner = claim.rank
			}
		}
		for _, gateway := range users.Of(ctx, target.backend) {
			view := views[gateway]
			switch {
			case target.fault != (fault{}):
				view.unresolved = view.unresolved.and(target.fault.reason, target.fault.message)
			case winner.policy != p.NamespacedName:
				view.lost = view.lost.and(string(gwv1.PolicyReasonConflicted),
					fmt.Sprintf("%s: BackendTLSPolicy %s, which takes precedence, already configures %s", target.path, winner.policy, target))
			default:
				view.effective = true
			}
			views[gateway] = view
		}
	}
	// Which Gateways a target of an unknown kind concerns can't be known: every
	// one that looks at the policy hears of it.
	for _, target := range p.targets {
		if target.backend != "" {
			continue
		}
		for gateway, view := range views {
			view.unresolved = view.unresolved.and(target.fault.reason, target.fault.message)
			views[gateway] = view
		}
	}
	return views
}

// conditions is the status for one Gateway. A mistake in the policy itself
// comes before everything else, then what is particular to the Gateway.
func (p backendTLS) conditions(view view, certificate *gateways.ClientCertificate) []metav1.Condition {
	const valid = "Configuration is valid"
	refused := p.refused
	if refused == (fault{}) && certificate != nil && certificate.Invalid {
		refused = fault{string(gwv1.PolicyReasonInvalid), "Gateway." + certificate.Message}
	}
	ineffective := view.lost
	if view.unresolved != (fault{}) {
		ineffective = ineffective.and(view.unresolved.reason, view.unresolved.message)
	}
	if refused == (fault{}) && !view.effective {
		refused = ineffective
	}
	accepted := conditions.True(string(gwv1.PolicyConditionAccepted), string(gwv1.PolicyReasonAccepted), valid, p.generation)
	switch {
	case refused != (fault{}):
		accepted = conditions.False(string(gwv1.PolicyConditionAccepted), refused.reason, refused.message, p.generation)
	case ineffective != (fault{}):
		accepted.Message = valid + ", but has no effect on some targets: " + ineffective.message
	}

	unresolved := p.unresolved
	if unresolved == (fault{}) {
		unresolved = view.unresolved
	}
	resolved := conditions.True(string(gwv1.BackendTLSPolicyConditionResolvedRefs), string(gwv1.BackendTLSPolicyReasonResolvedRefs), valid, p.generation)
	if unresolved != (fault{}) {
		resolved = conditions.False(string(gwv1.BackendTLSPolicyConditionResolvedRefs), unresolved.reason, unresolved.message, p.generation)
	}
	return []metav1.Condition{accepted, resolved}
}
