package references

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	inferencev1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	api "agentgateway.dev/controller/apis/xds"
)

// InferencePoolKind is the kind of an InferencePool.
const InferencePoolKind = "InferencePool"

// InferencePool is what a reference to an InferencePool depends on.
type InferencePool struct {
	types.NamespacedName
	// Port is the first target port, by which proxies are sent to the pool; 0
	// when there is none that could be one.
	Port uint32
}

// ResourceName is the key "<namespace>/<name>".
func (p InferencePool) ResourceName() string { return p.String() }

// Equals compares everything.
func (p InferencePool) Equals(other InferencePool) bool { return p == other }

// NewInferencePools projects pools. An event costs one small object.
func NewInferencePools(pools krt.Collection[*inferencev1.InferencePool], opts krt.OptionsBuilder) krt.Collection[InferencePool] {
	return krt.NewCollection(pools, func(_ krt.HandlerContext, pool *inferencev1.InferencePool) *InferencePool {
		projected := &InferencePool{NamespacedName: types.NamespacedName{Namespace: pool.Namespace, Name: pool.Name}}
		if ports := pool.Spec.TargetPorts; len(ports) > 0 && ports[0].Number > 0 && ports[0].Number <= maxPort {
			projected.Port = uint32(ports[0].Number)
		}
		return projected
	}, opts.WithName("references/InferencePools")...)
}

// InferencePoolHostname is the name under which proxies know an InferencePool.
func (b Backends) InferencePoolHostname(namespace, name string) string {
	return name + "." + namespace + ".inference." + b.ClusterDomain
}

// inferencePool ignores the port of the reference: the API says that it has no
// meaning there. A pool that is missing is referred to all the same, so that
// the answer of the proxy is that of any backend it doesn't know.
func (b Backends) inferencePool(ctx krt.HandlerContext, to To) Backend {
	if strings.Contains(to.Name, ".") {
		return Backend{Problem: &Problem{
			Unsupported: true,
			Reason:      string(gwv1.RouteReasonUnsupportedValue),
			Message:     fmt.Sprintf("backendRef name %q is not an InferencePool's name: give the name without its domain", to.Name),
		}}
	}
	backend := Backend{
		Key: InferencePoolKind + "/" + to.Namespace + "/" + to.Name,
		Reference: &api.BackendReference{Kind: &api.BackendReference_Service_{Service: &api.BackendReference_Service{
			Namespace: to.Namespace, Hostname: b.InferencePoolHostname(to.Namespace, to.Name),
		}}},
	}
	pool := krt.FetchOne(ctx, b.InferencePools, krt.FilterKey(to.Namespace+"/"+to.Name))
	switch {
	case pool == nil:
		backend.Problem = &Problem{
			Reason:  string(gwv1.RouteReasonBackendNotFound),
			Message: fmt.Sprintf("backendRef %s/%s not found", to.Namespace, to.Name),
		}
	case pool.Port == 0:
		return Backend{Problem: &Problem{
			Unsupported: true,
			Reason:      string(gwv1.RouteReasonUnsupportedValue),
			Message:     fmt.Sprintf("backendRef to InferencePool %s/%s: targetPorts must begin with a port from 1 to %d", to.Namespace, to.Name, maxPort),
		}}
	default:
		backend.Reference.Port = pool.Port
	}
	return backend
}
