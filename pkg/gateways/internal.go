package gateways

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// InternalPortsAnnotation lists ports of the annotated object's listeners that
// no socket is opened for: they are reached from other listeners only.
const InternalPortsAnnotation = "agentgateway.dev/internal-ports"

// internalPorts parses the annotation. One bad item voids all of it: a port
// that is exposed by mistake is easier to see than a half of them.
func internalPorts(gateway *gwv1.Gateway) (map[int32]bool, *problem) {
	text, set := gateway.Annotations[InternalPortsAnnotation]
	if !set {
		return nil, nil
	}
	ports := map[int32]bool{}
	var faults []string
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		port, err := strconv.ParseUint(item, 10, 16)
		switch {
		case err != nil || port == 0:
			faults = append(faults, fmt.Sprintf("%q is not a port from 1 to 65535", item))
		case !slices.ContainsFunc(gateway.Spec.Listeners, func(l gwv1.Listener) bool { return uint64(l.Port) == port }):
			faults = append(faults, fmt.Sprintf("port %d is not defined by any listener on this resource", port))
		default:
			ports[int32(port)] = true
		}
	}
	if len(faults) > 0 {
		return nil, &problem{reason: string(gwv1.GatewayReasonInvalid),
			message: fmt.Sprintf("invalid %s annotation: %s", InternalPortsAnnotation, strings.Join(faults, "; "))}
	}
	return ports, nil
}
