package offline

import (
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"agentgateway.dev/controller/pkg/policies"
)

// policyStatus shows the status of a policy that no other controller has
// written to.
func policyStatus(status policies.Status) any {
	type ancestor struct {
		AncestorRef    gwv1.ParentReference   `json:"ancestorRef"`
		ControllerName gwv1.GatewayController `json:"controllerName"`
		Conditions     []condition            `json:"conditions"`
	}
	ancestors := make([]ancestor, 0, len(status.Ancestors))
	for _, a := range policies.FitAncestors(status.Ancestors, policies.MaxAncestors) {
		ancestors = append(ancestors, ancestor{a.AncestorRef, a.ControllerName, untimed(a.Conditions)})
	}
	return map[string]any{"ancestors": ancestors}
}
