package provision

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// apply sends the objects that aren't in the cluster as desired, in order. The
// first failure ends it: a workload must not start without what it mounts.
// Without an error it is incomplete when the session Secret isn't as desired
// says: desired will change, and then the rest follows.
func (t *term) apply(ctx context.Context, desired Desired) (complete bool, err error) {
	records := t.records(desired.ResourceName())
	wanted := map[objectKey]bool{}
	for _, object := range desired.Objects {
		key := objectKey{kind: object.kind, name: object.Name}
		wanted[key] = true
		isSession := kinds[object.kind].gvk.Kind == secretKind
		if isSession && desired.AwaitsKey {
			return false, t.makeKey(ctx, desired, object)
		}
		if t.current(desired, object, records[key]) {
			continue
		}
		sent := object.Body
		if isSession {
			if sent, err = ifUnchanged(object.Body, desired); err != nil {
				return false, fmt.Errorf("encode %s: %w", describe(object.kind, desired.Namespace, object.Name), err)
			}
		}
		applied, err := t.send(ctx, desired, object, sent)
		if err != nil {
			delete(records, key)
			if isSession && apierrors.IsConflict(err) {
				return false, nil
			}
			return false, err
		}
		records[key] = record{body: object.Body, stamp: stamp(applied, desired.Controller)}
	}
	for key := range records {
		if !wanted[key] {
			delete(records, key)
		}
	}
	return true, nil
}

// ifUnchanged makes an application of the session Secret fail with a conflict
// if it isn't what was read any more: whoever deletes it wants another key, and
// whoever sets another key wants that one.
func ifUnchanged(body string, desired Desired) (string, error) {
	var content map[string]any
	if err := json.Unmarshal([]byte(body), &content); err != nil {
		return "", err
	}
	metadata := at(content, "metadata")
	metadata["uid"], metadata["resourceVersion"] = string(desired.SessionUID), desired.SessionVersion
	text, err := json.Marshal(content)
	return string(text), err
}

// current reports whether the last application holds: it was of the same body,
// and nobody changed any of it since.
func (t *term) current(desired Desired, object Applied, last record) bool {
	if last.body != object.Body {
		return false
	}
	found := t.live[object.kind].objects.GetKey(desired.Namespace + "/" + object.Name)
	return found != nil && stamp(*found, desired.Controller) == last.stamp
}

// send applies body, which is the object's own or says a little more.
func (t *term) send(ctx context.Context, desired Desired, object Applied, body string) (*metav1.PartialObjectMetadata, error) {
	applied, err := t.client.Metadata().Resource(kinds[object.kind].gvr).Namespace(desired.Namespace).Patch(ctx, object.Name,
		types.ApplyPatchType, []byte(body), metav1.PatchOptions{FieldManager: desired.Controller, Force: new(true)})
	t.count(object.kind, "apply", err)
	if err != nil {
		return nil, fmt.Errorf("apply %s: %w", describe(object.kind, desired.Namespace, object.Name), err)
	}
	return applied, nil
}

// makeKey makes the session Secret of a Gateway that has none. What was seen
// of the cluster may be late, and another key would end all sessions, so the
// cluster is asked; and only a Secret that isn't there is created.
func (t *term) makeKey(ctx context.Context, desired Desired, object Applied) error {
	secrets := t.client.Kube().CoreV1().Secrets(desired.Namespace)
	_, err := secrets.Get(ctx, object.Name, metav1.GetOptions{})
	if err == nil {
		// It will be seen, and then used.
		return nil
	}
	if !apierrors.IsNotFound(err) {
		return fmt.Errorf("look for %s: %w", describe(object.kind, desired.Namespace, object.Name), err)
	}
	var secret corev1.Secret
	if err := json.Unmarshal([]byte(object.Body), &secret); err != nil {
		return fmt.Errorf("decode %s: %w", describe(object.kind, desired.Namespace, object.Name), err)
	}
	secret.Data = map[string][]byte{sessionDataKey: []byte(NewSessionKey())}
	body, err := json.Marshal(&secret)
	if err != nil {
		return fmt.Errorf("encode %s: %w", describe(object.kind, desired.Namespace, object.Name), err)
	}
	_, err = t.send(ctx, desired, object, string(body))
	return err
}
