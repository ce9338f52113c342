package conformance

import (
	"fmt"
	"slices"

	"sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/gateway-api/pkg/features"
)

const captured = "the suite sends from pod to pod and wants the traffic captured on its way, which a mesh does; this controller runs gateways"

// unclaimed says why a feature of Gateway API isn't claimed.
var unclaimed = map[features.FeatureName]string{
	features.SupportUDPRoute: "the proxy forwards HTTP and TCP; its configuration has no bind for datagrams",

	features.SupportMesh:                                          captured,
	features.SupportMeshClusterIPMatching:                         captured,
	features.SupportMeshConsumerRoute:                             captured,
	features.SupportMeshHTTPRouteRewritePath:                      captured,
	features.SupportMeshHTTPRouteSchemeRedirect:                   captured,
	features.SupportMeshHTTPRouteRedirectPort:                     captured,
	features.SupportMeshHTTPRouteRedirectPath:                     captured,
	features.SupportMeshHTTPRouteBackendRequestHeaderModification: captured,
	features.SupportMeshHTTPRouteQueryParamMatching:               captured,
	features.SupportMeshHTTPRouteNamedRouteRule:                   captured,
}

// unexplained returns what is wrong with the list of claimed features: a
// feature of Gateway API is either claimed or has a reason.
func unexplained(claimed suite.FeaturesSet) []string {
	var wrong []string
	for feature := range features.AllFeatures {
		reason, has := unclaimed[feature.Name]
		switch {
		case claimed.Has(feature.Name) && has:
			wrong = append(wrong, fmt.Sprintf("feature %s is claimed, but has a reason not to be: %s", feature.Name, reason))
		case !claimed.Has(feature.Name) && !has:
			wrong = append(wrong, fmt.Sprintf("feature %s is neither claimed nor has a reason not to be", feature.Name))
		}
	}
	slices.Sort(wrong)
	return wrong
}
