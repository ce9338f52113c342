package policies

import (
	"fmt"
	"strconv"
	"strings"

	inferencev1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/references"
)

// fault is a user's mistake, as a reason and a message for a condition. The
// zero fault is none.
type fault struct {
	reason, message string
}

// reasonTargetNotFound marks a targetRef that names nothing.
const reasonTargetNotFound = string(gwv1.PolicyReasonTargetNotFound)

// target is one targetRef, resolved.
type target struct {
	// path is where it stands in the policy, for messages.
	path string
	// backend names the targeted object like references.Backend.Key does. It is
	// "" for kinds that no route can refer to, so that nobody can tell which
	// Gateways the target concerns.
	backend string
	// port is the targeted port of a Service, 0 for all of them.
	port uint32
	// fault says why the target has no effect.
	fault fault
}

// key is equal for targets that are one and the same to a proxy, however they
// are written; at most one policy of a kind may have each. Only targets
// without a fault have one.
func (t target) key() string {
	if t.port == 0 {
		return t.backend
	}
	return t.backend + ":" + strconv.FormatUint(uint64(t.port), 10)
}

// String names the target in messages.
func (t target) String() string {
	kind, object, _ := strings.Cut(t.backend, "/")
	if t.port == 0 {
		return kind + " " + object
	}
	return fmt.Sprintf("%s %s port %d", kind, object, t.port)
}

// service returns how proxies know the targeted Service, or the InferencePool,
// which is one to them.
func (t target) service(backends references.Backends) (namespace, hostname string) {
	kind, object, _ := strings.Cut(t.backend, "/")
	namespace, name, _ := strings.Cut(object, "/")
	if kind == references.InferencePoolKind {
		return namespace, backends.InferencePoolHostname(namespace, name)
	}
	return namespace, backends.ServiceHostname(namespace, name)
}

// attachment is the last part of the key of a policy on the target.
func (t target) attachment(backends references.Backends) string {
	namespace, hostname := t.service(backends)
	attachment := namespace + "/" + hostname
	if t.port != 0 {
		attachment += "/" + strconv.FormatUint(uint64(t.port), 10)
	}
	return attachment
}

// wire is what the proxy matches the target with.
func (t target) wire(backends references.Backends) *api.PolicyTarget {
	namespace, hostname := t.service(backends)
	service := &api.PolicyTarget_ServiceTarget{Namespace: namespace, Hostname: hostname}
	if t.port != 0 {
		service.Port = &t.port
	}
	return &api.PolicyTarget{Kind: &api.PolicyTarget_Service{Service: service}}
}

// resolveTarget resolves targetRef i of a policy in namespace. A target of
// which this version can't say anything to a proxy keeps its fault, and so
// shows in the status instead of vanishing.
func resolveTarget(ctx krt.HandlerContext, backends references.Backends, namespace string, i int, ref gwv1.LocalPolicyTargetReferenceWithSectionName) target {
	resolved := target{path: fmt.Sprintf("targetRefs[%d]", i)}
	object := namespace + "/" + string(ref.Name)
	switch {
	case core(ref.Group) && ref.Kind == "Service":
		resolved.backend = "Service/" + object
		if ref.SectionName != nil && *ref.SectionName != "" {
			resolved.port, resolved.fault = resolvePort(ctx, backends.Services, object, resolved.path, string(*ref.SectionName))
		}
		return resolved
	case ref.Group == inferencev1.GroupName && ref.Kind == references.InferencePoolKind && backends.InferencePools != nil:
		resolved.backend = references.InferencePoolKind + "/" + object
		if ref.SectionName != nil && *ref.SectionName != "" {
			resolved.fault = fault{reasonTargetNotFound, fmt.Sprintf("%s.sectionName: InferencePool %s has no sections; leave it out", resolved.path, object)}
		}
		return resolved
	case ref.Group == references.AgentgatewayGroup && ref.Kind == references.BackendKind:
		resolved.backend = references.BackendKind + "/" + object
	}
	resolved.fault = fault{string(gwv1.BackendTLSPolicyReasonInvalidKind),
		fmt.Sprintf("%s: %s %s is not configured: kind %q of group %q is not supported as a target; use a Service",
			resolved.path, ref.Kind, object, ref.Kind, ref.Group)}
	return resolved
}

// resolvePort returns the port of service that section names, by number or by
// name. It never returns 0, which would mean all ports, without a fault.
func resolvePort(ctx krt.HandlerContext, services krt.Collection[references.Service], service, path, section string) (uint32, fault) {
	if strings.Trim(section, "0123456789") == "" {
		number, err := strconv.ParseUint(section, 10, 16)
		if err != nil || number == 0 {
			return 0, fault{reasonTargetNotFound, fmt.Sprintf("%s.sectionName: port %s is not between 1 and 65535", path, section)}
		}
		return uint32(number), fault{}
	}
	found := krt.FetchOne(ctx, services, krt.FilterKey(service))
	if found == nil {
		return 0, fault{reasonTargetNotFound, fmt.Sprintf("%s.sectionName: Service %s not found, so nothing is known of its port %q", path, service, section)}
	}
	for _, port := range found.Ports {
		if port.Name == section {
			return uint32(port.Port), fault{}
		}
	}
	return 0, fault{reasonTargetNotFound, fmt.Sprintf("%s.sectionName: Service %s has no port named %q", path, service, section)}
}

// core reports whether group is the core group, which some write as "core".
func core(group gwv1.Group) bool { return group == "" || group == "core" }
