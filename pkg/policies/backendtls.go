package policies

import (
	"cmp"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/gateways"
	"agentgateway.dev/controller/pkg/references"
	"agentgateway.dev/controller/pkg/resources"
	"agentgateway.dev/controller/pkg/routes"
)

const backendTLSKind = "BackendTLSPolicy"

// BackendTLSInputs is what BackendTLSPolicies are translated with.
type BackendTLSInputs struct {
	Policies   krt.Collection[*gwv1.BackendTLSPolicy]
	ConfigMaps krt.Collection[*corev1.ConfigMap]
	Owners     krt.Collection[gateways.Owner]
	// Certificates are keyed by their Gateway, "<namespace>/<name>".
	Certificates krt.Collection[gateways.ClientCertificate]
	Users        routes.Users
	Backends     references.Backends
}

// BackendTLS is what becomes of all BackendTLSPolicies.
type BackendTLS struct {
	// Resources holds one policy for each target and Gateway that uses it.
	Resources krt.Collection[resources.Resource]
	Statuses  krt.Collection[Status]

	claims krt.Collection[claim]
}

// Covers reports whether a policy says how proxies shall speak TLS to a port of
// a Service. It costs two look-ups.
func (b BackendTLS) Covers(ctx krt.HandlerContext, service types.NamespacedName, port uint32) bool {
	for _, port := range []uint32{port, 0} {
		on := target{backend: "Service/" + service.String(), port: port}
		if krt.FetchOne(ctx, b.claims, krt.FilterKey(on.key())) != nil {
			return true
		}
	}
	return false
}

// NewBackendTLS translates BackendTLSPolicies, in steps that each depend on
// one thing more: the policy and what it refers to, the other policies on the
// same target, the Gateways that use the target, their client certificates.
//
// An event of a policy costs its targets times the Gateways that use them. A
// Gateway that begins to use a backend costs one resource for each target
// within that backend, and the statuses of the policies on it; of the other
// Gateways there only the names are looked at. Policies on one target cost each
// other a comparison.
func NewBackendTLS(in BackendTLSInputs, opts krt.OptionsBuilder) BackendTLS {
	known := newAuthorities()
	policies := krt.NewCollection(in.Policies, func(ctx krt.HandlerContext, policy *gwv1.BackendTLSPolicy) *backendTLS {
		judged := judgeBackendTLS(ctx, in, known, policy)
		return &judged
	}, opts.WithName("policies/BackendTLS")...)

	byTarget := krt.NewIndex(policies, "target", backendTLS.keys)
	claims := krt.NewCollection(byTarget.AsCollection(opts.WithName("policies/BackendTLSTargets")...), claimOf, opts.WithName("policies/BackendTLSClaims")...)
	uses := krt.NewManyCollection(claims, func(ctx krt.HandlerContext, claim claim) []use {
		var out []use
		for _, gateway := range in.Users.Of(ctx, claim.target.backend) {
			out = append(out, use{gateway: gateway, claim: claim})
		}
		return out
	}, opts.WithName("policies/BackendTLSUses")...)

	translated := krt.NewCollection(uses, func(ctx krt.HandlerContext, use use) *resources.Resource {
		policy := krt.FetchOne(ctx, policies, krt.FilterKey(use.claim.policy.String()))
		if policy == nil {
			return nil
		}
		certificate := krt.FetchOne(ctx, in.Certificates, krt.FilterKey(use.gateway.String()))
		resource := resources.ForGateway(use.gateway, policy.resource(use.claim.target, certificate, in.Backends))
		return &resource
	}, opts.WithName("policies/BackendTLSResources")...)

	return BackendTLS{Resources: translated, Statuses: newBackendTLSStatuses(policies, claims, in, opts), claims: claims}
}

// backendTLS is a BackendTLSPolicy as far as it depends neither on other
// policies nor on who uses its targets.
type backendTLS struct {
	types.NamespacedName
	// created is the time of creation in seconds.
	created    int64
	generation int64
	targets    []target
	verification
}

// ResourceName is the key "<namespace>/<name>".
func (p backendTLS) ResourceName() string { return p.String() }

// Equals compares everything.
func (p backendTLS) Equals(other backendTLS) bool {
	return p.NamespacedName == other.NamespacedName && p.created == other.created && p.generation == other.generation &&
		slices.Equal(p.targets, other.targets) && p.refused == other.refused && p.unresolved == other.unresolved &&
		proto.Equal(p.tls, other.tls)
}

func judgeBackendTLS(ctx krt.HandlerContext, in BackendTLSInputs, known *authorities, policy *gwv1.BackendTLSPolicy) backendTLS {
	judged := backendTLS{
		NamespacedName: types.NamespacedName{Namespace: policy.Namespace, Name: policy.Name},
		created:        policy.CreationTimestamp.Unix(),
		generation:     policy.Generation,
		verification:   validate(ctx, in, known, policy.Namespace, policy.Spec.Validation),
	}
	for i, ref := range policy.Spec.TargetRefs {
		judged.targets = append(judged.targets, resolveTarget(ctx, in.Backends, policy.Namespace, i, ref))
	}
	return judged
}

// keys returns the targets that the policy lays claim to, each once: a port
// may stand there by number and by name.
func (p backendTLS) keys() []string {
	var keys []string
	for _, target := range p.targets {
		if key := target.key(); target.fault == (fault{}) && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// claim says which policy has a target.
type claim struct {
	target target
	rank
}

// rank decides between policies on one target: the oldest one has it, then the
// first by name.
type rank struct {
	// created is the time of creation in seconds.
	created int64
	policy  types.NamespacedName
}

func (r rank) compare(other rank) int {
	return cmp.Or(cmp.Compare(r.created, other.created), compareNames(r.policy, other.policy))
}

func (p backendTLS) rank() rank { return rank{created: p.created, policy: p.NamespacedName} }

// ResourceName is the key of the target.
func (c claim) ResourceName() string { return c.target.key() }

// Equals compares everything.
func (c claim) Equals(other claim) bool { return c == other }

// claimOf decides between the policies on one target. A proxy that were sent
// several would apply any of them.
func claimOf(_ krt.HandlerContext, group krt.IndexObject[string, backendTLS]) *claim {
	if len(group.Objects) == 0 {
		return nil
	}
	winner := slices.MinFunc(group.Objects, func(a, b backendTLS) int { return a.rank().compare(b.rank()) })
	for _, target := range winner.targets {
		if target.fault == (fault{}) && target.key() == group.Key {
			// Where the policy says so is none of the proxies' business.
			target.path = ""
			return &claim{target: target, rank: winner.rank()}
		}
	}
	return nil
}

// use says that the proxies of a Gateway need the policy of a claim.
type use struct {
	gateway types.NamespacedName
	claim   claim
}

// ResourceName is unique for Gateway and target.
func (u use) ResourceName() string { return u.gateway.String() + "|" + u.claim.ResourceName() }

// Equals compares everything.
func (u use) Equals(other use) bool { return u == other }

// resource is what the proxies of a Gateway with this client certificate, nil
// for none, are sent for a target.
func (p backendTLS) resource(target target, certificate *gateways.ClientCertificate, backends references.Backends) *api.Resource {
	tls := &api.BackendPolicySpec_BackendTLS{
		Root: p.tls.Root, Verification: p.tls.Verification, Hostname: p.tls.Hostname, VerifySubjectAltNames: p.tls.VerifySubjectAltNames,
	}
	switch {
	case certificate == nil:
	case certificate.Invalid:
		tls.Root = trustNothing()
	default:
		tls.Cert, tls.Key = certificate.Certificate, certificate.Key
	}
	return &api.Resource{Kind: &api.Resource_Policy{Policy: &api.Policy{
		Key:    fmt.Sprintf("%s:backend-tls:%s", p.NamespacedName, target.attachment(backends)),
		Name:   &api.TypedResourceName{Kind: backendTLSKind, Name: p.Name, Namespace: p.Namespace},
		Target: target.wire(backends),
		Kind:   &api.Policy_Backend{Backend: &api.BackendPolicySpec{Kind: &api.BackendPolicySpec_BackendTls{BackendTls: tls}}},
	}}}
}
