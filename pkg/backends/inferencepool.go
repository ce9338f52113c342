// Package backends translates the objects that routes may refer to, apart from
// Services, into what proxies need to reach them.
package backends

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	inferencev1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/conditions"
	"agentgateway.dev/controller/pkg/gateways"
	"agentgateway.dev/controller/pkg/references"
	"agentgateway.dev/controller/pkg/resources"
	"agentgateway.dev/controller/pkg/routes"
)

// InferencePoolInputs is what InferencePools are translated with.
type InferencePoolInputs struct {
	Pools  krt.Collection[*inferencev1.InferencePool]
	Owners krt.Collection[gateways.Owner]
	// Users are the Gateways whose routes use a pool.
	Users    routes.Users
	Backends references.Backends
	// Controller is the controllerName of entries that no GatewayClass is
	// behind.
	Controller string
}

// InferencePool is a pool, translated. Where its requests go is decided by its
// endpoint picker, which proxies ask for each of them; its pods are addresses.
type InferencePool struct {
	types.NamespacedName
	// Resources are what the proxies of its Gateways are sent.
	Resources []resources.Resource
	// Parents are our entries of status.parents, sorted, without transition
	// times.
	Parents []inferencev1.ParentStatus
	// Uses are the backends that its Gateways need for it, as routes.UseKey.
	Uses []string

	picker   picker
	gateways []types.NamespacedName
}

// ResourceName is the key "<namespace>/<name>".
func (p InferencePool) ResourceName() string { return p.String() }

// Equals compares everything.
func (p InferencePool) Equals(other InferencePool) bool {
	return p.NamespacedName == other.NamespacedName && slices.EqualFunc(p.Resources, other.Resources, resources.Resource.Equals) &&
		slices.EqualFunc(p.Parents, other.Parents, equalParent) && slices.Equal(p.Uses, other.Uses) &&
		p.picker == other.picker && slices.Equal(p.gateways, other.gateways)
}

func equalParent(a, b inferencev1.ParentStatus) bool {
	return a.ControllerName == b.ControllerName && a.ParentRef.Kind == b.ParentRef.Kind && a.ParentRef.Name == b.ParentRef.Name &&
		a.ParentRef.Namespace == b.ParentRef.Namespace && conditions.Equal(a.Conditions, b.Conditions)
}

// NewInferencePools translates pools. An event of a pool, or of the Service of
// its picker, costs one small resource for each Gateway that uses the pool, and
// so does a Gateway that begins to use it or ceases to.
func NewInferencePools(in InferencePoolInputs, opts krt.OptionsBuilder) krt.Collection[InferencePool] {
	return krt.NewCollection(in.Pools, func(ctx krt.HandlerContext, pool *inferencev1.InferencePool) *InferencePool {
		name := types.NamespacedName{Namespace: pool.Namespace, Name: pool.Name}
		picker := resolvePicker(ctx, in.Backends.Services, pool)
		translated := &InferencePool{
			NamespacedName: name,
			Parents:        []inferencev1.ParentStatus{},
			picker:         picker,
			gateways:       in.Users.Of(ctx, references.InferencePoolKind+"/"+name.String()),
		}
		policy := translated.routing(in.Backends)
		for _, gateway := range translated.gateways {
			translated.Resources = append(translated.Resources, resources.ForGateway(gateway, policy))
			if picker.fault == "" {
				translated.Uses = append(translated.Uses, routes.UseKey(gateway, "Service/"+picker.service.String()))
			}
			if owner := krt.FetchOne(ctx, in.Owners, krt.FilterKey(gateway.String())); owner != nil {
				translated.Parents = append(translated.Parents, parentStatus(gatewayRef(gateway), owner.Controller, picker.fault, pool.Generation))
			}
		}
		if len(translated.gateways) == 0 && picker.fault != "" {
			// Nobody would hear of the mistake otherwise.
			translated.Parents = append(translated.Parents, parentStatus(statusRef(), in.Controller, picker.fault, pool.Generation))
		}
		return translated
	}, opts.WithName("backends/InferencePools")...)
}

// routing makes proxies ask the picker. Without one that can be used, the
// failure mode decides over all requests.
func (p InferencePool) routing(backends references.Backends) *api.Resource {
	spec := &api.BackendPolicySpec_InferenceRouting{EndpointPicker: &api.BackendReference{}, FailureMode: api.BackendPolicySpec_InferenceRouting_FAIL_CLOSED}
	if p.picker.failOpen {
		spec.FailureMode = api.BackendPolicySpec_InferenceRouting_FAIL_OPEN
	}
	if p.picker.fault == "" {
		spec.EndpointPicker = &api.BackendReference{
			Kind: &api.BackendReference_Service_{Service: &api.BackendReference_Service{
				Namespace: p.picker.service.Namespace, Hostname: backends.ServiceHostname(p.picker.service.Namespace, p.picker.service.Name),
			}},
			Port: p.picker.port,
		}
	}
	return p.policy("inference", &api.PolicyTarget_ServiceTarget{Namespace: p.Namespace, Hostname: backends.InferencePoolHostname(p.Namespace, p.Name)},
		&api.BackendPolicySpec{Kind: &api.BackendPolicySpec_InferenceRouting_{InferenceRouting: spec}})
}

// policy is one of the policies that a pool brings along.
func (p InferencePool) policy(suffix string, target *api.PolicyTarget_ServiceTarget, spec *api.BackendPolicySpec) *api.Resource {
	return &api.Resource{Kind: &api.Resource_Policy{Policy: &api.Policy{
		Key:    p.String() + ":" + suffix,
		Name:   &api.TypedResourceName{Kind: references.InferencePoolKind, Name: p.Name, Namespace: p.Namespace},
		Target: &api.PolicyTarget{Kind: &api.PolicyTarget_Service{Service: target}},
		Kind:   &api.Policy_Backend{Backend: spec},
	}}}
}

// NewPickerTLS lets proxies speak to pickers, which sign their certificates
// themselves: TLS without verification. Where covered says that a user asked
// for something better on that port, that stands alone, for a proxy that were
// sent both would apply any of them.
func NewPickerTLS(
	pools krt.Collection[InferencePool], covered func(ctx krt.HandlerContext, service types.NamespacedName, port uint32) bool,
	backends references.Backends, opts krt.OptionsBuilder,
) krt.Collection[resources.Resource] {
	return krt.NewManyCollection(pools, func(ctx krt.HandlerContext, pool InferencePool) []resources.Resource {
		service, port := pool.picker.service, pool.picker.port
		if pool.picker.fault != "" || len(pool.gateways) == 0 || covered(ctx, service, port) {
			return nil
		}
		policy := pool.policy("inferencetls",
			&api.PolicyTarget_ServiceTarget{Namespace: service.Namespace, Hostname: backends.ServiceHostname(service.Namespace, service.Name), Port: &port},
			&api.BackendPolicySpec{Kind: &api.BackendPolicySpec_BackendTls{
				BackendTls: &api.BackendPolicySpec_BackendTLS{Verification: api.BackendPolicySpec_BackendTLS_INSECURE_ALL},
			}})
		var out []resources.Resource
		for _, gateway := range pool.gateways {
			out = append(out, resources.ForGateway(gateway, policy))
		}
		return out
	}, opts.WithName("backends/PickerTLS")...)
}

func gatewayRef(gateway types.NamespacedName) inferencev1.ParentReference {
	return inferencev1.ParentReference{
		Group: new(inferencev1.Group(gwv1.GroupName)), Kind: "Gateway",
		Namespace: inferencev1.Namespace(gateway.Namespace), Name: inferencev1.ObjectName(gateway.Name),
	}
}

// statusRef stands for no Gateway in particular.
func statusRef() inferencev1.ParentReference {
	return inferencev1.ParentReference{Kind: "Status", Name: "default"}
}

func parentStatus(ref inferencev1.ParentReference, controller, fault string, generation int64) inferencev1.ParentStatus {
	resolved := conditions.True(string(inferencev1.InferencePoolConditionResolvedRefs), string(inferencev1.InferencePoolReasonResolvedRefs),
		"All InferencePool references have been resolved", generation)
	if fault != "" {
		resolved = conditions.False(string(inferencev1.InferencePoolConditionResolvedRefs), string(inferencev1.InferencePoolReasonInvalidExtensionRef),
			"error: "+fault, generation)
	}
	accepted := conditions.True(string(inferencev1.InferencePoolConditionAccepted), string(inferencev1.InferencePoolReasonAccepted),
		fmt.Sprintf("InferencePool has been accepted by controller %s", controller), generation)
	return inferencev1.ParentStatus{
		ParentRef: ref, ControllerName: inferencev1.ControllerName(controller), Conditions: []metav1.Condition{accepted, resolved},
	}
}
