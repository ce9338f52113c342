package offline

import (
	inferencev1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"

	"agentgateway.dev/controller/pkg/backends"
)

// poolStatus shows the status of a pool that no other controller has written
// to.
func poolStatus(pool backends.InferencePool) any {
	type parent struct {
		ParentRef      inferencev1.ParentReference `json:"parentRef"`
		ControllerName inferencev1.ControllerName  `json:"controllerName"`
		Conditions     []condition                 `json:"conditions"`
	}
	parents := make([]parent, 0, len(pool.Parents))
	for _, p := range pool.Parents {
		parents = append(parents, parent{p.ParentRef, p.ControllerName, untimed(p.Conditions)})
	}
	return map[string]any{"parents": parents}
}
