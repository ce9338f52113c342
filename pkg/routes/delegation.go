package routes

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/gateways"
)

// group is the set of routes that one parent delegates to with one reference.
// Rules of the parent that refer alike share it; parents never do.
type group struct {
	parent types.NamespacedName
	// namespace is that of the children.
	namespace string
	// selector is the name of a route, "*" for all of them, or
	// "<label>=<value>".
	selector string
}

// delegatesTo reports whether a backendRef of an HTTPRoute hands its requests
// to other HTTPRoutes.
func delegatesTo(ref gwv1.BackendObjectReference) bool {
	return ref.Group != nil && *ref.Group == gwv1.GroupName && ref.Kind != nil && string(*ref.Kind) == httpRoute.name
}

func groupOf(parent types.NamespacedName, ref gwv1.BackendObjectReference) group {
	g := group{parent: parent, namespace: parent.Namespace, selector: string(ref.Name)}
	if ref.Namespace != nil {
		g.namespace = string(*ref.Namespace)
	}
	return g
}

// key is what the parent's backends and the children's routes carry.
func (g group) key() string { return g.parent.String() + "/" + targetKey(g.namespace, g.selector) }

// suffix names the group in the keys of the children's routes. Dots that could
// be taken for the separator are replaced, so that a child in two groups has
// two keys.
func (g group) suffix() string {
	return strings.Join([]string{"routegroup", g.parent.Namespace, dotless(g.parent.Name), g.namespace, selectorSuffix(g.selector)}, ".")
}

func selectorSuffix(selector string) string {
	switch selector {
	case anyRoute:
		return "wildcard"
	case "wildcard":
		return "~wildcard"
	}
	label, value, labelled := strings.Cut(selector, "=")
	if !labelled {
		return selector
	}
	prefix, name, prefixed := strings.Cut(label, "/")
	if !prefixed {
		return dotless(label) + "=" + value
	}
	return prefix + "." + dotless(name) + "=" + value
}

// dotless replaces dots by a character that no name has.
func dotless(name string) string { return strings.ReplaceAll(name, ".", "~") }

// anyRoute selects all routes of a namespace.
const anyRoute = "*"

func targetKey(namespace, selector string) string { return namespace + "/" + selector }

// member is an HTTPRoute as others may delegate to it.
type member struct {
	types.NamespacedName
	labels map[string]string
	// open routes have no parentRefs: whoever selects them may delegate to them.
	open bool
	// parents are the HTTPRoutes that it lists as parents; to these alone it is
	// open otherwise.
	parents []types.NamespacedName
}

func memberOf(route source) member {
	m := member{
		NamespacedName: route.name(),
		open:           len(route.parentRefs) == 0,
	}
	for _, ref := range route.parentRefs {
		if parent, is := parentRoute(withDefaults(ref, route.meta.Namespace)); is && !slices.Contains(m.parents, parent) {
			m.parents = append(m.parents, parent)
		}
	}
	if m.open || len(m.parents) > 0 {
		m.labels = route.meta.Labels
	}
	return m
}

// parentRoute returns the HTTPRoute that a parentRef with its defaults names.
func parentRoute(ref gwv1.ParentReference) (types.NamespacedName, bool) {
	name := types.NamespacedName{Namespace: string(*ref.Namespace), Name: string(ref.Name)}
	return name, *ref.Group == gwv1.GroupName && string(*ref.Kind) == httpRoute.name
}

// targets are the keys under which delegations may select it.
func (m member) targets() []string {
	keys := []string{targetKey(m.Namespace, m.Name), targetKey(m.Namespace, anyRoute)}
	for label, value := range m.labels {
		keys = append(keys, targetKey(m.Namespace, label+"="+value))
	}
	return keys
}

// delegator is an HTTPRoute that delegates, and what its children depend on.
type delegator struct {
	member
	// groups are those that it delegates to, as targetKey, sorted.
	groups []string
	// gateways are those whose listeners it attaches to itself, sorted.
	gateways []types.NamespacedName
}

// ResourceName is the key "<namespace>/<name>".
func (d delegator) ResourceName() string { return d.String() }

// Equals compares everything.
func (d delegator) Equals(other delegator) bool {
	return d.NamespacedName == other.NamespacedName && maps.Equal(d.labels, other.labels) && d.open == other.open &&
		slices.Equal(d.parents, other.parents) && slices.Equal(d.groups, other.groups) && slices.Equal(d.gateways, other.gateways)
}

// delegations answers which groups an HTTPRoute belongs to, and which Gateways
// need them.
type delegations struct {
	delegators krt.Collection[delegator]
	byTarget   krt.Index[string, delegator]
}

// newDelegations projects the HTTPRoutes that delegate. Few do: an event of
// another one costs a look at its backendRefs, and nothing is kept for it. A
// change of what a delegator's children depend on costs these children.
func newDelegations(routes krt.Collection[*gwv1.HTTPRoute], in Inputs, opts krt.OptionsBuilder) delegations {
	delegating := krt.NewIndex(routes, "delegating", func(route *gwv1.HTTPRoute) []string {
		if len(groupsOf(route)) == 0 {
			return nil
		}
		return []string{route.Namespace + "/" + route.Name}
	})
	type one = krt.IndexObject[string, *gwv1.HTTPRoute]
	delegators := krt.NewCollection(delegating.AsCollection(opts.WithName("routes/Delegating")...), func(ctx krt.HandlerContext, found one) *delegator {
		// The name is the key of the index: there is one route for each.
		route := found.Objects[0]
		from := httpSource(route)
		names := gatewaysOf(listenersOf(attach(ctx, in, from)))
		slices.SortFunc(names, compareNames)
		return &delegator{member: memberOf(from), groups: groupsOf(route), gateways: names}
	}, opts.WithName("routes/Delegators")...)
	return delegations{
		delegators: delegators,
		byTarget:   krt.NewIndex(delegators, "target", func(d delegator) []string { return d.groups }),
	}
}

func groupsOf(route *gwv1.HTTPRoute) []string {
	var keys []string
	for _, rule := range route.Spec.Rules {
		for _, ref := range rule.BackendRefs {
			if delegatesTo(ref.BackendObjectReference) {
				g := groupOf(types.NamespacedName{Namespace: route.Namespace, Name: route.Name}, ref.BackendObjectReference)
				keys = append(keys, targetKey(g.namespace, g.selector))
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// delegation is one delegator that delegates to the route asked about, and the
// group by which it does.
type delegation struct {
	by    delegator
	group group
}

// to lists the delegations to a route, each once. A route with Gateways as its
// only parents is closed to delegation and depends on nothing here.
func (d delegations) to(ctx krt.HandlerContext, m member) []delegation {
	if !m.open && len(m.parents) == 0 {
		return nil
	}
	var found []delegation
	targets := m.targets()
	add := func(by delegator, target string) {
		// A route doesn't delegate to itself.
		if by.NamespacedName != m.NamespacedName {
			namespace, selector, _ := strings.Cut(target, "/")
			found = append(found, delegation{by: by, group: group{parent: by.NamespacedName, namespace: namespace, selector: selector}})
		}
	}
	if m.open {
		for _, target := range targets {
			for _, by := range krt.Fetch(ctx, d.delegators, krt.FilterIndex(d.byTarget, target)) {
				add(by, target)
			}
		}
	}
	for _, parent := range m.parents {
		by := krt.FetchOne(ctx, d.delegators, krt.FilterKey(parent.String()))
		if by == nil {
			continue
		}
		for _, target := range by.groups {
			if slices.Contains(targets, target) {
				add(*by, target)
			}
		}
	}
	slices.SortFunc(found, func(a, b delegation) int { return strings.Compare(a.group.key(), b.group.key()) })
	return found
}

// targets are the groups of a route on the Gateways that need them.
func (d delegations) targets(ctx krt.HandlerContext, delegated []delegation) []target {
	var targets []target
	for _, delegation := range delegated {
		reached := map[types.NamespacedName]bool{}
		d.reach(ctx, delegation.by, map[types.NamespacedName]bool{}, reached)
		for _, gateway := range slices.SortedFunc(maps.Keys(reached), compareNames) {
			targets = append(targets, target{gateway: gateway, group: &delegation.group})
		}
	}
	return targets
}

// reach collects the Gateways to which a delegator attaches itself, or is
// attached through the routes that delegate to it, at any depth. Routes may
// delegate in circles; each is visited once.
func (d delegations) reach(ctx krt.HandlerContext, from delegator, visited, reached map[types.NamespacedName]bool) {
	if visited[from.NamespacedName] {
		return
	}
	visited[from.NamespacedName] = true
	for _, gateway := range from.gateways {
		reached[gateway] = true
	}
	for _, delegation := range d.to(ctx, from.member) {
		d.reach(ctx, delegation.by, visited, reached)
	}
}

// delegatedParents evaluates the parentRefs that name HTTPRoutes: accepted is
// what the parent delegates to, whether or not requests ever come there.
func delegatedParents(in Inputs, route source, delegated []delegation) []attachment {
	var attachments []attachment
	for _, ref := range route.parentRefs {
		ref = withDefaults(ref, route.meta.Namespace)
		parent, is := parentRoute(ref)
		if !is {
			continue
		}
		a := attachment{ref: ref, parent: gateways.Parent{Kind: httpRoute.name, NamespacedName: parent, Controller: in.Controller}}
		if !slices.ContainsFunc(delegated, func(d delegation) bool { return d.by.NamespacedName == parent }) {
			a.refusal = &refusal{reason: gwv1.RouteReasonNoMatchingParent, message: "Parent HTTPRoute does not delegate to this route"}
		}
		attachments = append(attachments, a)
	}
	return attachments
}

func compareNames(a, b types.NamespacedName) int {
	return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
}
