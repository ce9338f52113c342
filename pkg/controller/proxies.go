package controller

import (
	"k8s.io/apimachinery/pkg/types"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/gateways"
	"agentgateway.dev/controller/pkg/provision"
	"agentgateway.dev/controller/pkg/xds"
)

// proxies are what is run for Gateways, and what that says about their status.
type proxies struct {
	applier *provision.Applier
	// statuses are those of the graph with the reports of provisioning over
	// them: neither side knows the other, and there is one writer.
	statuses krt.Collection[gateways.Status]
}

// newProxies reads the graph and its inputs, which must be there.
func (c *controller) newProxies(opts krt.OptionsBuilder) *proxies {
	s, in := c.Settings, c.inputs
	wanted := provision.Inputs{
		Gateways:   in.Gateways,
		Classes:    in.GatewayClasses,
		Parameters: in.AgentgatewayParameters,
		Secrets:    in.Secrets,
		Judged:     c.graph.Gateways,
		Mesh:       c.graph.Mesh,
		Defaults:   provision.DefaultsOf(s, c.Build.Version),
	}
	desired := provision.NewDesired(wanted, opts)
	applier := provision.NewApplier(provision.ApplierInputs{
		Client: c.client, Desired: desired, Controllers: s.Controllers, Logger: c.logs.Component("provision"), Registry: c.registry,
		Observer: observer{c.reconciliations, c.events},
	}, opts)
	reports := provision.NewReports(desired, in.Services, applier.Outcomes(), opts)
	return &proxies{applier: applier, statuses: withReports(c.graph.GatewayStatuses, reports, opts)}
}

// observer makes metrics and Events of what happens in provisioning.
type observer struct {
	reconciliations *reconciliations
	events          *gatewayEvents
}

// Began implements provision.Observer.
func (o observer) Began(gateway types.NamespacedName) func(error) {
	return o.reconciliations.begin(gatewayReconciler, gateway.Namespace, gateway.Name)
}

// Forgot implements provision.Observer.
func (o observer) Forgot(gateway types.NamespacedName) {
	o.reconciliations.forget(gatewayReconciler, gateway.Namespace, gateway.Name)
}

// Refused implements provision.Observer.
func (o observer) Refused(gateway types.NamespacedName, reason, message string) {
	o.events.warn(gateway.String(), reason, message)
}

// withReports puts the report of each Gateway over its status.
func withReports(statuses krt.Collection[gateways.Status], reports krt.Collection[provision.Report], opts krt.OptionsBuilder) krt.Collection[gateways.Status] {
	return krt.NewCollection(statuses, func(ctx krt.HandlerContext, status gateways.Status) *gateways.Status {
		report := krt.FetchOne(ctx, reports, krt.FilterKey(status.ResourceName()))
		if report != nil {
			status.Conditions = report.Over(status.Conditions)
			status.Provisioned, status.Addresses = true, report.Addresses
		}
		return &status
	}, opts.WithName("controller/GatewayStatuses")...)
}

// provisionedFor tells whether a proxy that authenticated as peer belongs to
// gateway: its pod runs under the service account made for the Gateway, whose
// name is shortened where the Gateway's is too long.
func provisionedFor(peer xds.Peer, gateway types.NamespacedName) bool {
	return peer.Namespace == gateway.Namespace && peer.ServiceAccount == provision.Name(gateway.Name)
}
