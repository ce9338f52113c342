package xds

import (
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/apimachinery/pkg/types"
)

// Keys of the node metadata that a proxy sends with its first request.
const (
	metadataRole      = "role"
	metadataName      = "NAME"
	metadataNamespace = "NAMESPACE"
)

// gatewayOf reads which Gateway a proxy belongs to from the role in its node:
// "<namespace>~<gateway>". Errors are gRPC statuses.
func gatewayOf(node *corev3.Node) (types.NamespacedName, error) {
	if node.GetId() == "" {
		return types.NamespacedName{}, status.Error(codes.InvalidArgument, "the first request has no node id")
	}
	role := metadataString(node, metadataRole)
	if role == "" {
		return types.NamespacedName{}, status.Errorf(codes.InvalidArgument, "node %q has no role in its metadata", node.GetId())
	}
	namespace, name, found := strings.Cut(role, "~")
	if !found || namespace == "" || name == "" {
		return types.NamespacedName{}, status.Errorf(codes.InvalidArgument, "role %q of node %q is not <namespace>~<gateway>", role, node.GetId())
	}
	return types.NamespacedName{Namespace: namespace, Name: name}, nil
}

// podOf names the pod of a proxy as it states it; nothing proves it.
func podOf(node *corev3.Node) types.NamespacedName {
	return types.NamespacedName{Namespace: metadataString(node, metadataNamespace), Name: metadataString(node, metadataName)}
}

func metadataString(node *corev3.Node, key string) string {
	return node.GetMetadata().GetFields()[key].GetStringValue()
}
