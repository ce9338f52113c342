package golden

import (
	"math/rand/v2"

	inferencev1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"
)

func randomInferencePool(rng *rand.Rand) *inferencev1.InferencePool {
	pool := &inferencev1.InferencePool{TypeMeta: typed("InferencePool"), ObjectMeta: named(rng, "s1", "s2", "s3")}
	pool.Spec = inferencev1.InferencePoolSpec{
		Selector:    inferencev1.LabelSelector{MatchLabels: map[inferencev1.LabelKey]inferencev1.LabelValue{"app": pick[inferencev1.LabelValue](rng, "one", "two")}},
		TargetPorts: []inferencev1.Port{{Number: pick[inferencev1.PortNumber](rng, 8000, 8001)}, {Number: 9000}},
		AppProtocol: pick[inferencev1.AppProtocol](rng, "", inferencev1.AppProtocolHTTP, inferencev1.AppProtocolH2C),
		EndpointPickerRef: inferencev1.EndpointPickerRef{
			Kind: often[inferencev1.Kind](rng, "", "Service", "Gateway"), Name: pick[inferencev1.ObjectName](rng, "s1", "s2", "s3"),
			Port:        often(rng, &inferencev1.Port{Number: 80}, &inferencev1.Port{Number: 9090}, &inferencev1.Port{Number: 1}, nil),
			FailureMode: pick(rng, "", inferencev1.EndpointPickerFailOpen, inferencev1.EndpointPickerFailClose),
		},
	}
	return pool
}
