package addresses

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"istio.io/istio/pkg/kube/krt"
	"istio.io/istio/pkg/workloadapi"
)

// subzoneLabel extends the two topology labels that Kubernetes defines.
const subzoneLabel = "topology.istio.io/subzone"

// nodeLocality is where a node is. Heartbeats and every other change of a Node
// wake nobody.
type nodeLocality struct {
	node, region, zone, subzone string
}

// projectNode returns nil for a node without a place.
func projectNode(object *corev1.Node) *nodeLocality {
	place := nodeLocality{
		node:    object.Name,
		region:  object.Labels[corev1.LabelTopologyRegion],
		zone:    object.Labels[corev1.LabelTopologyZone],
		subzone: object.Labels[subzoneLabel],
	}
	if place.region == "" && place.zone == "" && place.subzone == "" {
		return nil
	}
	return &place
}

// ResourceName is the name of the node.
func (n nodeLocality) ResourceName() string { return n.node }

// Equals compares everything.
func (n nodeLocality) Equals(other nodeLocality) bool { return n == other }

// locality returns nil when the node is unknown or its place is.
func (s *sources) locality(ctx krt.HandlerContext, node string) *workloadapi.Locality {
	if node == "" {
		return nil
	}
	place := krt.FetchOne(ctx, s.localities, krt.FilterKey(node))
	if place == nil {
		return nil
	}
	return &workloadapi.Locality{Region: place.region, Zone: place.zone, Subzone: place.subzone}
}

// parseLocality reads "<region>/<zone>/<subzone>", of which the right parts
// may be left out.
func parseLocality(text string) *workloadapi.Locality {
	if text == "" {
		return nil
	}
	region, rest, _ := strings.Cut(text, "/")
	zone, rest, _ := strings.Cut(rest, "/")
	subzone, _, _ := strings.Cut(rest, "/")
	if region == "" && zone == "" && subzone == "" {
		return nil
	}
	return &workloadapi.Locality{Region: region, Zone: zone, Subzone: subzone}
}
