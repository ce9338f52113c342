// Package references resolves what one object says about another, once for
// everybody: grants, backends, certificates and their authorities.
package references

import (
	"strings"

	gwv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	"istio.io/istio/pkg/kube/krt"
)

// From is the referring side of a reference.
type From struct {
	Group, Kind, Namespace string
}

// To is the referred side of a reference.
type To struct {
	Group, Kind, Namespace, Name string
}

// Grants answers whether a reference may cross namespaces.
type Grants struct {
	grants  krt.Collection[*gwv1beta1.ReferenceGrant]
	byTuple krt.Index[string, *gwv1beta1.ReferenceGrant]
}

// NewGrants indexes grants by every combination of from and to that they
// allow, so that a reference costs two look-ups and depends on nothing else.
func NewGrants(grants krt.Collection[*gwv1beta1.ReferenceGrant]) Grants {
	return Grants{grants: grants, byTuple: krt.NewIndex(grants, "tuple", tuples)}
}

// Permit reports whether from may refer to to: always within a namespace,
// else when a ReferenceGrant in the target's namespace says so.
func (g Grants) Permit(ctx krt.HandlerContext, from From, to To) bool {
	if from.Namespace == to.Namespace {
		return true
	}
	for _, name := range []string{to.Name, anyName} {
		key := tuple(from.Group, from.Kind, from.Namespace, to.Group, to.Kind, to.Namespace, name)
		if len(krt.Fetch(ctx, g.grants, krt.FilterIndex(g.byTuple, key))) > 0 {
			return true
		}
	}
	return false
}

// anyName stands for a grant without a name; no object can have this name.
const anyName = "*"

func tuples(grant *gwv1beta1.ReferenceGrant) []string {
	keys := make([]string, 0, len(grant.Spec.From)*len(grant.Spec.To))
	for _, from := range grant.Spec.From {
		for _, to := range grant.Spec.To {
			name := anyName
			if to.Name != nil && *to.Name != "" {
				name = string(*to.Name)
			}
			keys = append(keys, tuple(coreGroup(string(from.Group)), string(from.Kind), string(from.Namespace),
				coreGroup(string(to.Group)), string(to.Kind), grant.Namespace, name))
		}
	}
	return keys
}

func tuple(parts ...string) string { return strings.Join(parts, "/") }

// coreGroup maps the spelling "core", which Gateway API tolerates for the core
// group in places, to the empty group.
func coreGroup(group string) string {
	if group == "core" {
		return ""
	}
	return group
}
