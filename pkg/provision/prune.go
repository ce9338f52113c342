package provision

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// prune deletes what the Gateway controls and no longer wants, of the kinds
// that may be deleted. All deletions are tried.
func (t *term) prune(ctx context.Context, desired Desired) error {
	wanted := map[objectKey]bool{}
	for _, object := range desired.Objects {
		wanted[objectKey{kind: object.kind, name: object.Name}] = true
	}
	var failures []error
	for i, k := range kinds {
		if !k.pruned {
			continue
		}
		for _, found := range t.live[i].byName.Lookup(desired.Namespace + "/" + Name(desired.Name)) {
			if wanted[objectKey{kind: i, name: found.Name}] || !controls(desired, found) || found.DeletionTimestamp != nil {
				continue
			}
			err := t.client.Metadata().Resource(k.gvr).Namespace(found.Namespace).Delete(ctx, found.Name, metav1.DeleteOptions{
				// The object that was judged, and no other of its name.
				Preconditions:     &metav1.Preconditions{UID: &found.UID},
				PropagationPolicy: new(metav1.DeletePropagationBackground),
			})
			// Another object has the name now, or none.
			if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
				err = nil
			}
			t.count(i, "delete", err)
			if err != nil {
				failures = append(failures, fmt.Errorf("delete %s: %w", describe(i, found.Namespace, found.Name), err))
			}
		}
	}
	return errors.Join(failures...)
}

// controls reports whether the Gateway is the controller of an object. An
// object that only bears its name is the user's.
func controls(desired Desired, object *metav1.PartialObjectMetadata) bool {
	if owner(object) != desired.ResourceName() {
		return false
	}
	ref := metav1.GetControllerOf(object)
	return desired.UID == "" || ref.UID == desired.UID
}
