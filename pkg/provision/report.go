package provision

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/conditions"
)

// Outcome is a Gateway whose objects could not be applied or pruned. There is
// none for a Gateway that is as desired.
type Outcome struct {
	// Gateway is the key "<namespace>/<name>".
	Gateway string
	Failure string
}

// ResourceName is the key of the Gateway.
func (o Outcome) ResourceName() string { return o.Gateway }

// Equals compares everything.
func (o Outcome) Equals(other Outcome) bool { return o == other }

// ReasonDeploymentFailed is the reason of the condition Programmed while the
// API server refuses an object of the Gateway.
const ReasonDeploymentFailed = "DeploymentFailed"

// Report is what provisioning adds to the status of a Gateway.
type Report struct {
	types.NamespacedName
	Generation int64
	// Problem is the user's mistake that keeps the Gateway from being applied.
	Problem *Problem
	// Failure is what the API server refused, "" if nothing.
	Failure string
	// Addresses are those under which the proxies are reached, sorted.
	Addresses []gwv1.GatewayStatusAddress
}

// ResourceName is the key "<namespace>/<name>".
func (r Report) ResourceName() string { return r.String() }

// Equals compares everything.
func (r Report) Equals(other Report) bool {
	return r.NamespacedName == other.NamespacedName && r.Generation == other.Generation && r.Failure == other.Failure &&
		equalPointers(r.Problem, other.Problem) &&
		slices.EqualFunc(r.Addresses, other.Addresses, func(a, b gwv1.GatewayStatusAddress) bool {
			return a.Value == b.Value && equalPointers(a.Type, b.Type)
		})
}

// NewReports derives a Report for every Gateway of ours. services must keep
// addresses, owners and status. An event costs the Gateway that it belongs to.
func NewReports(desired krt.Collection[Desired], services krt.Collection[*corev1.Service], outcomes krt.Collection[Outcome], opts krt.OptionsBuilder) krt.Collection[Report] {
	return krt.NewCollection(desired, func(ctx krt.HandlerContext, d Desired) *Report {
		report := &Report{NamespacedName: d.NamespacedName, Generation: d.Generation, Problem: d.Problem}
		if outcome := krt.FetchOne(ctx, outcomes, krt.FilterKey(d.ResourceName())); outcome != nil && d.Problem == nil {
			report.Failure = outcome.Failure
		}
		service := krt.FetchOne(ctx, services, krt.FilterKey(d.Namespace+"/"+Name(d.Name)))
		if service != nil && ownedBy(*service, d.UID) {
			report.Addresses = addresses(*service, d.Addresses)
		}
		return report
	}, opts.WithName("provision/Reports")...)
}

func ownedBy(object metav1.Object, uid types.UID) bool {
	ref := metav1.GetControllerOf(object)
	return ref != nil && ref.UID == uid
}

// addresses are those of the load balancer, or else those of the cluster and
// what the Gateway was told it would be reached by.
func addresses(service *corev1.Service, asked []gwv1.GatewaySpecAddress) []gwv1.GatewayStatusAddress {
	var list []gwv1.GatewayStatusAddress
	if service.Spec.Type == corev1.ServiceTypeLoadBalancer {
		for _, ingress := range service.Status.LoadBalancer.Ingress {
			if ingress.Hostname != "" {
				list = append(list, address(gwv1.HostnameAddressType, ingress.Hostname))
			} else if ingress.IP != "" {
				list = append(list, address(gwv1.IPAddressType, ingress.IP))
			}
		}
	} else {
		ips := service.Spec.ClusterIPs
		if len(ips) == 0 {
			ips = []string{service.Spec.ClusterIP}
		}
		for _, ip := range ips {
			if ip != "" && ip != corev1.ClusterIPNone {
				list = append(list, address(gwv1.IPAddressType, ip))
			}
		}
		for _, a := range asked {
			if a.Value != "" {
				list = append(list, gwv1.GatewayStatusAddress(a))
			}
		}
	}
	slices.SortFunc(list, func(a, b gwv1.GatewayStatusAddress) int {
		return cmp.Or(cmp.Compare(typeOf(a), typeOf(b)), cmp.Compare(a.Value, b.Value))
	})
	return slices.CompactFunc(list, func(a, b gwv1.GatewayStatusAddress) bool { return a.Value == b.Value && typeOf(a) == typeOf(b) })
}

func address(addressType gwv1.AddressType, value string) gwv1.GatewayStatusAddress {
	return gwv1.GatewayStatusAddress{Type: &addressType, Value: value}
}

func typeOf(a gwv1.GatewayStatusAddress) gwv1.AddressType {
	if a.Type == nil {
		return gwv1.IPAddressType
	}
	return *a.Type
}

// Over puts the report over the conditions that translation gives a Gateway.
// Invalid parameters win over any verdict on acceptance, because nothing of
// the Gateway is run; a negative Programmed that translation has already is
// more specific and stays.
func (r Report) Over(translated []metav1.Condition) []metav1.Condition {
	accepted, programmed := string(gwv1.GatewayConditionAccepted), string(gwv1.GatewayConditionProgrammed)
	var mine []metav1.Condition
	switch {
	case r.Problem != nil && r.Problem.Reason == ReasonInvalidParameters:
		mine = []metav1.Condition{
			conditions.False(accepted, ReasonInvalidParameters, r.Problem.String(), r.Generation),
			conditions.False(programmed, string(gwv1.GatewayReasonInvalid), r.Problem.String(), r.Generation),
		}
	case r.Failure != "":
		mine = []metav1.Condition{conditions.False(programmed, ReasonDeploymentFailed, r.Failure, r.Generation)}
	default:
		return translated
	}
	merged := slices.Clone(translated)
	for _, condition := range mine {
		i := slices.IndexFunc(merged, func(c metav1.Condition) bool { return c.Type == condition.Type })
		switch {
		case i < 0:
			merged = append(merged, condition)
		case condition.Type == programmed && merged[i].Status == metav1.ConditionFalse:
		default:
			merged[i] = condition
		}
	}
	conditions.Sort(merged)
	return merged
}
