package provision

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// apply sends the objects that aren't in the cluster as desired, in order. The
// first failure ends it: a workload must not start without what it mounts.
// Without an error it is incomplete when the session Secret isn't as desired
// says: desired will change, and then the rest follows.
func (t *term) apply(ctx context.Context, desired Desired) (complete bool, err error) {
	records := t.memory.records(desired.ResourceName())
	wanted := map[objectKey]bool{}
	for _, object := range desired.Objects {
		key := objectKey{kind: object.kind, name: object.Name}
		wanted[key] = true
		isSession := kinds[object.kind].gvk.Kind == secretKind
		if isSession && desired.AwaitsKey {
			made, err := t.makeKey(ctx, desired, object)
			if made.body != "" {
				records[key] = made
			}
			return false, err
		}
		if _, known := records[key]; !known {
			if last, recalled := t.recall(desired, object); recalled {
				records[key] = last
			}
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
		answer, err := t.send(ctx, desired, object, sent)
		if err != nil {
			delete(records, key)
			if isSession && apierrors.IsConflict(err) {
				return false, nil
			}
			return false, err
		}
		records[key] = record{body: object.Body, stamp: stamp(answer, desired.Controller)}
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
// and nobody changed any of it since, as far as the watch shows. What the watch
// doesn't show yet wakes the Gateway when it does.
func (t *term) current(desired Desired, object Applied, last record) bool {
	if last.body != object.Body {
		return false
	}
	at := place{objectKey{object.kind, object.Name}, desired.Namespace}
	found := t.shown(at)
	if found != nil && stamp(found, desired.Controller) == last.stamp {
		return true
	}
	return t.memory.behind(at, versionOf(found))
}

// shown is an object as the watch shows it, nil if it doesn't.
func (t *term) shown(at place) *metav1.PartialObjectMetadata {
	found := t.live[at.kind].objects.GetKey(at.namespace + "/" + at.name)
	if found == nil {
		return nil
	}
	return *found
}

func versionOf(object *metav1.PartialObjectMetadata) string {
	if object == nil {
		return ""
	}
	return object.ResourceVersion
}

// send applies body, which is the object's own or says a little more.
func (t *term) send(ctx context.Context, desired Desired, object Applied, body string) (*metav1.PartialObjectMetadata, error) {
	at := place{objectKey{object.kind, object.Name}, desired.Namespace}
	t.memory.await(at, versionOf(t.shown(at)))
	answer, err := t.client.Metadata().Resource(kinds[object.kind].gvr).Namespace(desired.Namespace).Patch(ctx, object.Name,
		types.ApplyPatchType, []byte(body), metav1.PatchOptions{FieldManager: desired.Controller, Force: new(true)})
	t.count(object.kind, "apply", err)
	if err != nil {
		t.memory.sighted(at)
		if kinds[object.kind].gvk.Kind == secretKind {
			err = conceal(err, body)
		}
		return nil, fmt.Errorf("apply %s: %w", describe(object.kind, desired.Namespace, object.Name), err)
	}
	return answer, nil
}

// makeKey makes the session Secret of a Gateway that has none. What was seen
// of the cluster may be late, and another key would end all sessions, so the
// cluster is asked; and only a Secret that isn't there is created. It returns
// what it applied, nothing if there was a Secret.
func (t *term) makeKey(ctx context.Context, desired Desired, object Applied) (record, error) {
	what := describe(object.kind, desired.Namespace, object.Name)
	_, err := t.client.Kube().CoreV1().Secrets(desired.Namespace).Get(ctx, object.Name, metav1.GetOptions{})
	if err == nil {
		// It will be seen, and then used.
		return record{}, nil
	}
	if !apierrors.IsNotFound(err) {
		return record{}, fmt.Errorf("look for %s: %w", what, err)
	}
	body, err := withKey(object.Body, NewSessionKey())
	if err != nil {
		return record{}, fmt.Errorf("encode %s: %w", what, err)
	}
	answer, err := t.send(ctx, desired, object, body)
	if err != nil {
		return record{}, err
	}
	return record{body: body, stamp: stamp(answer, desired.Controller)}, nil
}

// withKey puts a key into the body of a session Secret, which then is as it is
// rendered when the key is known.
func withKey(body, key string) (string, error) {
	var content map[string]any
	if err := json.Unmarshal([]byte(body), &content); err != nil {
		return "", err
	}
	content["data"] = map[string]any{sessionDataKey: []byte(key)}
	text, err := json.Marshal(content)
	return string(text), err
}
