package routes

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/gateways"
	"agentgateway.dev/controller/pkg/references"
)

// translate attaches a route of any kind and translates its rules. fill puts
// what one rule says into its translation.
func translate[S any](ctx krt.HandlerContext, in Inputs, route source, specs []S, fill func(*rule, S)) Route {
	translated := Route{Kind: route.kind.name, NamespacedName: route.name(), Parents: []gwv1.RouteParentStatus{}}
	attachments := attach(ctx, in, route)
	targets := listenersOf(attachments)
	for _, t := range targets {
		translated.Attached = append(translated.Attached, gateways.AttachmentKey(t.gateway, t.listener.Key))
	}
	if route.kind.delegates {
		delegated := in.delegations.to(ctx, memberOf(route))
		targets = append(targets, in.delegations.targets(ctx, delegated)...)
		attachments = append(attachments, delegatedParents(in, route, delegated)...)
	}
	if len(attachments) == 0 && len(targets) == 0 {
		// Nobody of ours asked: nothing is resolved, nothing depended on.
		return translated
	}
	gatewaysOf := gatewaysOf(targets)
	var verdict verdict
	for i, spec := range specs {
		r := &rule{ctx: ctx, in: in, route: route, from: references.From{
			Group: gwv1.GroupName, Kind: route.kind.name, Namespace: route.meta.Namespace,
		}}
		fill(r, spec)
		if verdict.add(ruleName(i, r.name), r.faults) {
			r.fail()
		}
		if !route.kind.layer4 && len(r.matches) == 0 {
			// Its matches can't be expressed, so nothing can be answered for it.
			continue
		}
		for _, target := range targets {
			translated.Resources = append(translated.Resources, r.forTarget(i, target))
		}
		for _, gateway := range gatewaysOf {
			for _, use := range r.uses {
				translated.Uses = append(translated.Uses, UseKey(gateway, use))
			}
		}
	}
	slices.Sort(translated.Uses)
	translated.Uses = slices.Compact(translated.Uses)
	translated.Parents = parentStatuses(attachments, route.meta.Generation, verdict)
	return translated
}

// target is a place where a proxy looks for routes: a listener that the route
// attaches to, or a group that another route delegates to.
type target struct {
	gateway  types.NamespacedName
	listener gateways.Listener
	// group is nil for a listener.
	group *group
}

// listenersOf lists the listeners of all attachments, each once.
func listenersOf(attachments []attachment) []target {
	var targets []target
	for _, a := range attachments {
		for _, listener := range a.listeners {
			known := slices.ContainsFunc(targets, func(t target) bool {
				return t.gateway == a.parent.Gateway && t.listener.Key == listener.Key
			})
			if !known {
				targets = append(targets, target{gateway: a.parent.Gateway, listener: listener})
			}
		}
	}
	return targets
}

func gatewaysOf(targets []target) []types.NamespacedName {
	var names []types.NamespacedName
	for _, t := range targets {
		if !slices.Contains(names, t.gateway) {
			names = append(names, t.gateway)
		}
	}
	return names
}

func ruleName(index int, name string) string {
	if name != "" {
		return fmt.Sprintf("rules[%d] (%s)", index, name)
	}
	return fmt.Sprintf("rules[%d]", index)
}
