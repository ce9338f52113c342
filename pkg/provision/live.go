package provision

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/kclient"
	"istio.io/istio/pkg/kube/krt"
)

// live shows the objects of one kind that are in the cluster and have a
// Gateway's name on them: their metadata only, which is enough to notice that
// somebody changed what we applied.
type live struct {
	objects krt.Collection[*metav1.PartialObjectMetadata]
	// byName finds objects by "<namespace>/<value of GatewayNameLabel>".
	byName krt.Index[string, *metav1.PartialObjectMetadata]
}

func watch(client kube.Client, k kind, controllers []string, opts krt.OptionsBuilder) live {
	informer := kclient.NewMetadata(client, k.gvr, kclient.Filter{
		LabelSelector:   GatewayNameLabel,
		ObjectFilter:    client.ObjectFilter(),
		ObjectTransform: func(object any) (any, error) { return project(object, controllers), nil },
	})
	informer.Start(opts.Stop())
	objects := krt.WrapClient(informer, opts.WithName("provision/Live"+k.gvk.Kind)...)
	return live{objects: objects, byName: krt.NewIndex(objects, "gateway", func(object *metav1.PartialObjectMetadata) []string {
		return []string{object.Namespace + "/" + object.Labels[GatewayNameLabel]}
	})}
}

// project keeps identity, labels, owners, and who applied which fields as far
// as that is us.
func project(object any, controllers []string) any {
	metadata, ok := object.(*metav1.PartialObjectMetadata)
	if !ok {
		return object
	}
	metadata.Annotations = nil
	metadata.ManagedFields = slices.DeleteFunc(metadata.ManagedFields, func(entry metav1.ManagedFieldsEntry) bool {
		return !slices.Contains(controllers, entry.Manager) || !isApply(entry)
	})
	return metadata
}

// stamp changes if and only if the object was made anew, or any field that
// manager applied doesn't have the value that it applied: whoever else sets
// such a field takes it from manager's set. Neither status nor what others add
// changes it, so an object that is scaled or reports its progress costs
// nothing.
func stamp(object *metav1.PartialObjectMetadata, manager string) string {
	var text strings.Builder
	text.WriteString(string(object.UID))
	for _, entry := range object.ManagedFields {
		if entry.Manager == manager && isApply(entry) {
			text.WriteByte(' ')
			text.WriteString(fields(entry))
		}
	}
	sum := sha256.Sum256([]byte(text.String()))
	return hex.EncodeToString(sum[:])
}

// isApply tells whether an entry is that of an application of the object itself.
func isApply(entry metav1.ManagedFieldsEntry) bool {
	return entry.Operation == metav1.ManagedFieldsOperationApply && entry.Subresource == ""
}

// unchanged reports whether an event can't concern us: neither what was applied
// nor who controls the object changed.
func unchanged(before, after *metav1.PartialObjectMetadata) bool {
	return before.UID == after.UID && owner(before) == owner(after) &&
		slices.EqualFunc(before.ManagedFields, after.ManagedFields, func(a, b metav1.ManagedFieldsEntry) bool {
			return a.Manager == b.Manager && fields(a) == fields(b)
		})
}

func fields(entry metav1.ManagedFieldsEntry) string {
	if entry.FieldsV1 == nil {
		return ""
	}
	return entry.FieldsV1.GetRawString()
}

// owner returns the key of the Gateway that controls an object, "" if none
// does.
func owner(object *metav1.PartialObjectMetadata) string {
	ref := metav1.GetControllerOf(object)
	if ref == nil || ref.Kind != gatewayKind || ref.APIVersion != gwv1.GroupVersion.String() {
		return ""
	}
	return object.Namespace + "/" + ref.Name
}
