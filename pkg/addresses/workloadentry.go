package addresses

import (
	"cmp"
	"maps"
	"strings"

	"google.golang.org/protobuf/types/known/wrapperspb"
	networkingapi "istio.io/api/networking/v1"

	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
	"istio.io/istio/pkg/kube/krt"
	"istio.io/istio/pkg/workloadapi"

	"agentgateway.dev/controller/pkg/resources"
)

// entryWorkload translates one WorkloadEntry, nil if nobody could reach it. It
// runs when the entry changes, a service that selects it or ceases to, the
// gateway of its network, or what it inherits from its Namespace.
func (s *sources) entryWorkload(ctx krt.HandlerContext, entry *networkingv1.WorkloadEntry) *resources.Resource {
	uid := "/networking.istio.io/WorkloadEntry/" + entry.Namespace + "/" + entry.Name
	workload, inherited := s.newWorkload(ctx, entry.Namespace, entry.Name, uid)
	if !s.locate(ctx, workload, &entry.Spec) {
		return nil
	}
	// Users put labels in either place; those of the object win.
	labels := merged(entry.Spec.GetLabels(), entry.Labels)
	name := cmp.Or(entry.Annotations[registrationAnnotation], labels[workloadNameLabel], entry.Name)
	describe(workload, name, labels, entry.Annotations)
	s.bind(ctx, workload, bindingsOf(labels), inherited)
	workload.Services = servedBy(s.selecting(ctx, entry.Namespace, labels), entry.Spec.GetPorts())
	return workloadResource(workload)
}

// inlineWorkloads translates the endpoints that a ServiceEntry lists; if
// proxies resolve its hosts and it lists none, each host is one. It runs when
// the entry changes, who has its hosts, the gateway of a network, or what it
// inherits from its Namespace.
func (s *sources) inlineWorkloads(ctx krt.HandlerContext, entry *networkingv1.ServiceEntry) []resources.Resource {
	endpoints := entry.Spec.GetEndpoints()
	if len(endpoints) == 0 && !resolves(entry) {
		return nil
	}
	services := s.byEntry.Fetch(ctx, entry.Namespace+"/"+entry.Name)
	if len(services) == 0 {
		// Somebody else has all of its hosts.
		return nil
	}
	var workloads []resources.Resource
	if len(endpoints) == 0 {
		for _, host := range services {
			implied := &networkingapi.WorkloadEntry{Address: host.hostname}
			if workload, _ := s.inlineWorkload(ctx, entry, implied, []service{host}); workload != nil {
				workloads = append(workloads, *workloadResource(workload))
			}
		}
		return workloads
	}
	seen := map[string]bool{}
	for _, endpoint := range endpoints {
		workload, inherited := s.inlineWorkload(ctx, entry, endpoint, services)
		// Two endpoints of one address would have one uid; the first counts.
		if workload == nil || seen[workload.Uid] {
			continue
		}
		seen[workload.Uid] = true
		// The labels of the entry itself are about its services.
		s.bind(ctx, workload, bindingsOf(endpoint.GetLabels()), inherited)
		workloads = append(workloads, *workloadResource(workload))
	}
	return workloads
}

// inlineWorkload returns nil for an endpoint that nobody could reach.
func (s *sources) inlineWorkload(
	ctx krt.HandlerContext, entry *networkingv1.ServiceEntry, endpoint *networkingapi.WorkloadEntry, services []service,
) (*workloadapi.Workload, workloadDefaults) {
	// What is behind the gateway of another network may have no address.
	uid := "/networking.istio.io/ServiceEntry/" + entry.Namespace + "/" + entry.Name + "/" + cmp.Or(endpoint.GetAddress(), endpoint.GetNetwork())
	workload, inherited := s.newWorkload(ctx, entry.Namespace, entry.Name, uid)
	if !s.locate(ctx, workload, endpoint) {
		return nil, inherited
	}
	describe(workload, entry.Name, merged(entry.Labels, endpoint.GetLabels()), entry.Annotations)
	workload.Services = servedBy(services, endpoint.GetPorts())
	return workload, inherited
}

// locate fills in where an endpoint is, and who. It returns false if nobody
// could reach it: proxies know no sockets of files, and an endpoint without an
// address must be behind the gateway of another network.
func (s *sources) locate(ctx krt.HandlerContext, workload *workloadapi.Workload, endpoint *networkingapi.WorkloadEntry) bool {
	s.move(ctx, workload, endpoint.GetNetwork())
	address := endpoint.GetAddress()
	if strings.Contains(address, "/") || address == "" && workload.NetworkGateway == nil {
		return false
	}
	if address != "" {
		setAddress(workload, address)
	}
	workload.ServiceAccount = endpoint.GetServiceAccount()
	workload.Locality = parseLocality(endpoint.GetLocality())
	workload.Status = workloadapi.WorkloadStatus_HEALTHY
	if weight := endpoint.GetWeight(); weight > 0 {
		workload.Capacity = wrapperspb.UInt32(weight)
	}
	return true
}

// merged returns both, with over's values where both have one.
func merged(under, over map[string]string) map[string]string {
	if len(under) == 0 {
		return over
	}
	both := maps.Clone(under)
	maps.Copy(both, over)
	return both
}
