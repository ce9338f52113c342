package golden

import (
	"strings"

	"google.golang.org/protobuf/encoding/protojson"

	"istio.io/istio/pkg/workloadapi"

	"agentgateway.dev/controller/pkg/offline"
)

// address checks what proxies demand of a service or workload.
func (c *checker) address(shown offline.Address) {
	message := &workloadapi.Address{}
	if err := protojson.Unmarshal(shown.Address, message); err != nil {
		c.complain(shown.Name, "can't be decoded: %v", err)
		return
	}
	switch {
	case message.GetService() != nil:
		c.service(shown.Name, message.GetService())
	case message.GetWorkload() != nil:
		c.workload(shown.Name, message.GetWorkload())
	default:
		c.complain(shown.Name, "neither service nor workload")
	}
}

func (c *checker) service(name string, service *workloadapi.Service) {
	if name != service.GetNamespace()+"/"+service.GetHostname() {
		c.complain(name, "the name doesn't follow from namespace and hostname %q", service.GetHostname())
	}
	if strings.Count(name, "/") != 1 {
		c.complain(name, "a service with the name of a workload")
	}
	for _, address := range service.GetAddresses() {
		c.ip(name, address.GetAddress())
	}
	c.ports(name, service.GetPorts())
	for _, scope := range service.GetLoadBalancing().GetRoutingPreference() {
		if scope == workloadapi.LoadBalancing_UNSPECIFIED_SCOPE {
			c.complain(name, "a scope that is not specified")
		}
	}
	c.leadsTo(name, service.GetWaypoint())
	if service.GetIngressUseWaypoint() && service.GetWaypoint() == nil {
		c.complain(name, "gateways must use a waypoint that there isn't")
	}
}

func (c *checker) workload(name string, workload *workloadapi.Workload) {
	if name != workload.GetUid() || strings.Count(name, "/") < 2 {
		c.complain(name, "the name of a workload must be its uid, %q, and have two slashes", workload.GetUid())
	}
	for _, address := range workload.GetAddresses() {
		c.ip(name, address)
	}
	if len(workload.GetAddresses()) > 0 && workload.GetHostname() != "" {
		c.complain(name, "both addresses and a hostname")
	}
	if len(workload.GetAddresses()) == 0 && workload.GetHostname() == "" && workload.GetNetworkGateway() == nil {
		c.complain(name, "nowhere")
	}
	for key, list := range workload.GetServices() {
		if strings.Count(key, "/") != 1 {
			c.complain(name, "%q can't be a service", key)
		}
		c.ports(name, list.GetPorts())
	}
	c.leadsTo(name, workload.GetWaypoint())
	c.leadsTo(name, workload.GetNetworkGateway())
}

func (c *checker) ip(name string, address []byte) {
	if len(address) != 4 && len(address) != 16 {
		c.complain(name, "an IP of %d bytes", len(address))
	}
}

func (c *checker) ports(name string, ports []*workloadapi.Port) {
	for _, port := range ports {
		if port.GetServicePort() == 0 || port.GetServicePort() > 65535 || port.GetTargetPort() > 65535 {
			c.complain(name, "no port: %v", port)
		}
	}
}

func (c *checker) leadsTo(name string, gateway *workloadapi.GatewayAddress) {
	if gateway == nil {
		return
	}
	if gateway.GetHboneMtlsPort() == 0 || gateway.GetDestination() == nil {
		c.complain(name, "a gateway without destination or port")
	}
	if address := gateway.GetAddress(); address != nil {
		c.ip(name, address.GetAddress())
	}
}
