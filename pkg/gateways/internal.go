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

// markInternal marks the listeners, all of one object, whose ports the
// object's annotations list. One bad item voids all of it: a port that is
// exposed by mistake is easier to see than a half of them.
func markInternal(annotations map[string]string, states []state) *problem {
	text, set := annotations[InternalPortsAnnotation]
	if !set {
		return nil
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
		case !slices.ContainsFunc(states, func(s state) bool { return uint64(s.Port) == port }):
			faults = append(faults, fmt.Sprintf("port %d is not defined by any listener on this resource", port))
		default:
			ports[int32(port)] = true
		}
	}
	if len(faults) > 0 {
		return &problem{reason: string(gwv1.GatewayReasonInvalid),
			message: fmt.Sprintf("invalid %s annotation: %s", InternalPortsAnnotation, strings.Join(faults, "; "))}
	}
	for i := range states {
		states[i].Internal = ports[states[i].Port]
	}
	return nil
}
