// Package policies translates what users attach to gateways, routes and
// backends into policies of the proxy, one for each target and kind.
package policies

import (
	"fmt"
	"slices"

	"istio.io/istio/pkg/kube/krt"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/references"
	"agentgateway.dev/controller/pkg/resources"
	"agentgateway.dev/controller/pkg/routes"
)

// a2aProtocols are the appProtocols that mark a Service port as an A2A agent;
// the second one stands in manifests of older installations.
var a2aProtocols = []string{"agentgateway.dev/a2a", "kgateway.dev/a2a"}

// NewA2A makes a policy for every Service port marked as an A2A agent, for
// every Gateway that uses the Service. Services without such a port cost
// nothing further.
func NewA2A(services krt.Collection[references.Service], users routes.Users, backends references.Backends, opts krt.OptionsBuilder) krt.Collection[resources.Resource] {
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
