package store

import (
	"strings"

	"istio.io/istio/pkg/workloadapi"
)

func reviewWorkload(workload *workloadapi.Workload, name string, r *review) {
	inspect(workload, r)
	for _, address := range workload.GetAddresses() {
		checkIP(address, r)
	}
	for service, ports := range workload.GetServices() {
		if !strings.Contains(service, "/") {
			r.errorf("workload names service %q without a namespace", service)
		}
		checkPorts(ports.GetPorts(), r)
	}
	if strings.Count(workload.GetUid(), "/") == 1 {
		r.errorf("workload uid %q looks like the name of a service, it could never be removed", workload.GetUid())
	}
	if name != workload.GetUid() {
		r.errorf("workload %q must travel under its uid", workload.GetUid())
	}
}

func reviewService(service *workloadapi.Service, name string, r *review) {
	inspect(service, r)
	for _, address := range service.GetAddresses() {
		checkIP(address.GetAddress(), r)
	}
	checkPorts(service.GetPorts(), r)
	if want := service.GetNamespace() + "/" + service.GetHostname(); name != want {
		r.errorf("service %q must travel under that name", want)
	}
}

func checkIP(address []byte, r *review) {
	if len(address) != 4 && len(address) != 16 {
		r.errorf("address of %d bytes", len(address))
	}
}

func checkPorts(ports []*workloadapi.Port, r *review) {
	for _, port := range ports {
		checkPort(port.GetServicePort(), "service port", r)
		checkPort(port.GetTargetPort(), "target port", r)
	}
}

func checkLoadBalancing(lb *workloadapi.LoadBalancing, r *review) {
	for _, scope := range lb.GetRoutingPreference() {
		if scope == workloadapi.LoadBalancing_UNSPECIFIED_SCOPE {
			r.errorf("load balancing with an unspecified scope")
		}
	}
}
