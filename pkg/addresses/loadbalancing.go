package addresses

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"istio.io/istio/pkg/workloadapi"
)

// preferenceAnnotation stands on Services and Namespaces of clusters that are
// older than spec.trafficDistribution.
const preferenceAnnotation = "networking.istio.io/traffic-distribution"

// preference is how close to the proxy endpoints are preferred.
type preference uint8

const (
	// preferenceUnset leaves the choice to the Namespace.
	preferenceUnset preference = iota
	// preferAny is an explicit choice, of a value that means nothing to us,
	// which the Namespace cannot override.
	preferAny
	preferZone
	preferNode
)

func preferenceOfService(object *corev1.Service) preference {
	if distribution := object.Spec.TrafficDistribution; distribution != nil {
		switch *distribution {
		case corev1.ServiceTrafficDistributionPreferClose, corev1.ServiceTrafficDistributionPreferSameZone:
			return preferZone
		case corev1.ServiceTrafficDistributionPreferSameNode:
			return preferNode
		}
	}
	return preferenceOfAnnotation(object.Annotations)
}

// preferenceOfAnnotation ignores case, as no schema ever checked the value.
func preferenceOfAnnotation(annotations map[string]string) preference {
	switch value := annotations[preferenceAnnotation]; {
	case value == "":
		return preferenceUnset
	case strings.EqualFold(value, corev1.ServiceTrafficDistributionPreferClose),
		strings.EqualFold(value, corev1.ServiceTrafficDistributionPreferSameZone):
		return preferZone
	case strings.EqualFold(value, corev1.ServiceTrafficDistributionPreferSameNode):
		return preferNode
	default:
		return preferAny
	}
}

// loadBalancing returns nil when any ready endpoint will do.
func loadBalancing(from service, inherited preference) *workloadapi.LoadBalancing {
	if from.passthrough {
		return &workloadapi.LoadBalancing{Mode: workloadapi.LoadBalancing_PASSTHROUGH, HealthPolicy: workloadapi.LoadBalancing_ALLOW_ALL}
	}
	balancing := routing(from, inherited)
	if from.publishNotReady {
		if balancing == nil {
			balancing = &workloadapi.LoadBalancing{}
		}
		balancing.HealthPolicy = workloadapi.LoadBalancing_ALLOW_ALL
	}
	return balancing
}

func routing(from service, inherited preference) *workloadapi.LoadBalancing {
	if from.nodeLocal {
		return &workloadapi.LoadBalancing{
			RoutingPreference: []workloadapi.LoadBalancing_Scope{workloadapi.LoadBalancing_NODE},
			Mode:              workloadapi.LoadBalancing_STRICT,
		}
	}
	if from.source == fromPool {
		// Its picker chooses.
		return nil
	}
	preferred := from.preference
	if preferred == preferenceUnset {
		preferred = inherited
	}
	scopes := []workloadapi.LoadBalancing_Scope{
		workloadapi.LoadBalancing_NETWORK,
		workloadapi.LoadBalancing_REGION,
		workloadapi.LoadBalancing_ZONE,
	}
	switch preferred {
	case preferZone:
	case preferNode:
		scopes = append(scopes, workloadapi.LoadBalancing_SUBZONE, workloadapi.LoadBalancing_NODE)
	default:
		return nil
	}
	return &workloadapi.LoadBalancing{RoutingPreference: scopes, Mode: workloadapi.LoadBalancing_FAILOVER}
}
