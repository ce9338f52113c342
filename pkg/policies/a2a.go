// Package policies translates what users attach to gateways, routes and
// backends into policies of the proxy, one for each target and kind.
package policies

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"istio.io/istio/pkg/kube/krt"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/krtx"
	"agentgateway.dev/controller/pkg/references"
	"agentgateway.dev/controller/pkg/resources"
)

// a2aProtocols are the appProtocols that mark a Service port as an A2A agent;
// the second one stands in manifests of older installations.
var a2aProtocols = []string{"agentgateway.dev/a2a", "kgateway.dev/a2a"}

// Users answers which Gateways use a backend.
type Users struct {
	members   krt.Collection[krtx.Member]
	byBackend krt.Index[string, krtx.Member]
}

// NewUsers indexes members, whose keys are routes.UseKey, by backend.
func NewUsers(members krt.Collection[krtx.Member]) Users {
	return Users{members: members, byBackend: krt.NewIndex(members, "backend", func(m krtx.Member) []string {
		_, backend, _ := strings.Cut(m.Key, "|")
		return []string{backend}
	})}
}

// Of returns the Gateways that use backend, sorted.
func (u Users) Of(ctx krt.HandlerContext, backend string) []types.NamespacedName {
	var gateways []types.NamespacedName
	for _, member := range krt.Fetch(ctx, u.members, krt.FilterIndex(u.byBackend, backend)) {
		gateway, _, _ := strings.Cut(member.Key, "|")
		namespace, name, _ := strings.Cut(gateway, "/")
		gateways = append(gateways, types.NamespacedName{Namespace: namespace, Name: name})
	}
	slices.SortFunc(gateways, func(a, b types.NamespacedName) int { return strings.Compare(a.String(), b.String()) })
	return gateways
}

// NewA2A makes a policy for every Service port marked as an A2A agent, for
// every Gateway that uses the Service. Services without such a port cost
// nothing further.
func NewA2A(services krt.Collection[references.Service], users Users, backends references.Backends, opts krt.OptionsBuilder) krt.Collection[resources.Resource] {
	return krt.NewManyCollection(services, func(ctx krt.HandlerContext, service references.Service) []resources.Resource {
		var marked []int32
		for _, port := range service.Ports {
			if slices.Contains(a2aProtocols, port.AppProtocol) {
				marked = append(marked, port.Port)
			}
		}
		if len(marked) == 0 || service.ExternalName {
			return nil
		}
		var out []resources.Resource
		for _, gateway := range users.Of(ctx, "Service/"+service.String()) {
			for _, port := range marked {
				out = append(out, resources.ForGateway(gateway, a2a(service, uint32(port), backends)))
			}
		}
		return out
	}, opts.WithName("policies/A2A")...)
}

func a2a(service references.Service, port uint32, backends references.Backends) *api.Resource {
	return &api.Resource{Kind: &api.Resource_Policy{Policy: &api.Policy{
		Key:  fmt.Sprintf("a2a/%s/%s/%d", service.Namespace, service.Name, port),
		Name: &api.TypedResourceName{Kind: "Service", Name: service.Name, Namespace: service.Namespace},
		Target: &api.PolicyTarget{Kind: &api.PolicyTarget_Service{Service: &api.PolicyTarget_ServiceTarget{
			Namespace: service.Namespace,
			Hostname:  backends.ServiceHostname(service.Namespace, service.Name),
			Port:      &port,
		}}},
		Kind: &api.Policy_Backend{Backend: &api.BackendPolicySpec{Kind: &api.BackendPolicySpec_A2A_{A2A: &api.BackendPolicySpec_A2A{}}}},
	}}}
}
