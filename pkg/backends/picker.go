package backends

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	inferencev1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/references"
)

// picker is an endpointPickerRef, resolved.
type picker struct {
	service types.NamespacedName
	port    uint32
	// failOpen lets proxies choose an endpoint themselves when the picker can't.
	failOpen bool
	// fault says why there is no picker, "" for nothing; service and port mean
	// nothing then.
	fault string
}

// resolvePicker checks everything that can be checked, so that a user needn't
// come back for each mistake.
func resolvePicker(ctx krt.HandlerContext, services krt.Collection[references.Service], pool *inferencev1.InferencePool) picker {
	ref := pool.Spec.EndpointPickerRef
	resolved := picker{failOpen: ref.FailureMode == inferencev1.EndpointPickerFailOpen}
	var faults []string
	if ref.Group != nil && *ref.Group != "" {
		faults = append(faults, fmt.Sprintf("endpointPickerRef.group must be empty, got %q", *ref.Group))
	}
	if ref.Kind != "" && ref.Kind != "Service" {
		faults = append(faults, fmt.Sprintf("endpointPickerRef.kind must be \"Service\", got %q", ref.Kind))
	}
	resolved.service = types.NamespacedName{Namespace: pool.Namespace, Name: string(ref.Name)}
	if ref.Port == nil {
		faults = append(faults, "endpointPickerRef.port must be specified")
	} else {
		faults = append(faults, portFaults(ctx, services, resolved.service, int32(ref.Port.Number))...)
		resolved.port = uint32(ref.Port.Number)
	}
	if len(faults) > 0 {
		return picker{failOpen: resolved.failOpen, fault: strings.Join(faults, "; ")}
	}
	return resolved
}

func portFaults(ctx krt.HandlerContext, services krt.Collection[references.Service], name types.NamespacedName, number int32) []string {
	service := krt.FetchOne(ctx, services, krt.FilterKey(name.String()))
	if service == nil {
		return []string{fmt.Sprintf("endpointPickerRef Service %s not found", name)}
	}
	var faults []string
	if service.ExternalName {
		faults = append(faults, "endpointPickerRef Service must not be ExternalName")
	}
	if !slices.ContainsFunc(service.Ports, func(port references.ServicePort) bool { return port.TCP && port.Port == number }) {
		faults = append(faults, fmt.Sprintf("endpointPickerRef.port %d must reference a TCP Service port on %s", number, name))
	}
	return faults
}
