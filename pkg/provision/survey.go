package provision

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"go.uber.org/zap"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// surveyPage is how many objects of a kind are read at a time. They are some
// kilobytes each.
const surveyPage = 500

// applied names what a manager has applied of an object.
type applied struct {
	place
	manager string
}

// surveyed is what a manager owns of an object.
type surveyed struct {
	digest digest
	// stamp is that of the canonical form.
	stamp string
}

// survey reads what earlier leaders have applied, so that a new one doesn't
// apply again what is as desired. It holds whole objects only while it looks at
// them. What can't be read is applied, as if it weren't there.
func (a *Applier) survey(ctx context.Context) map[applied]surveyed {
	records := map[applied]surveyed{}
	for i := range kinds {
		if err := a.surveyKind(ctx, i, records); err != nil && ctx.Err() == nil {
			a.logger.Warn("can't tell what was applied before", zap.String("kind", kinds[i].gvk.Kind), zap.Error(err))
		}
	}
	return records
}

func (a *Applier) surveyKind(ctx context.Context, kind int, records map[applied]surveyed) error {
	options := metav1.ListOptions{LabelSelector: GatewayNameLabel, Limit: surveyPage}
	for {
		list, err := a.client.Dynamic().Resource(kinds[kind].gvr).List(ctx, options)
		if err != nil {
			return fmt.Errorf("list: %w", err)
		}
		for i := range list.Items {
			a.note(kind, &list.Items[i], records)
		}
		if options.Continue = list.GetContinue(); options.Continue == "" {
			return nil
		}
	}
}

// note records what each of our managers has applied of an object.
func (a *Applier) note(kind int, object *unstructured.Unstructured, records map[applied]surveyed) {
	metadata := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{UID: object.GetUID(), ManagedFields: object.GetManagedFields()}}
	for _, entry := range metadata.ManagedFields {
		if !slices.Contains(a.controllers, entry.Manager) || !isApply(entry) {
			continue
		}
		digest, err := ownedDigest(object, entry)
		if err != nil {
			continue
		}
		key := applied{place{objectKey{kind, object.GetName()}, object.GetNamespace()}, entry.Manager}
		records[key] = surveyed{digest: digest, stamp: stamp(canonical(metadata), entry.Manager)}
	}
}

// recall takes what the survey found of an object for an application of the
// term's own, if it is how the object is now, and as desired.
func (t *term) recall(desired Desired, object Applied) (record, bool) {
	at := place{objectKey{object.kind, object.Name}, desired.Namespace}
	known, has := t.memory.recall(applied{at, desired.Controller})
	if !has {
		return record{}, false
	}
	now := t.shown(at)
	wanted, err := digestOf(object.Body)
	if now == nil || err != nil || known.digest != wanted || known.stamp != stamp(canonical(now), desired.Controller) {
		return record{}, false
	}
	return record{body: object.Body, stamp: stamp(now, desired.Controller)}, true
}

// canonical returns metadata whose managed fields are in a form that doesn't
// depend on how they were read.
func canonical(object *metav1.PartialObjectMetadata) *metav1.PartialObjectMetadata {
	out := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{UID: object.UID}}
	for _, entry := range object.ManagedFields {
		var content any
		if err := json.Unmarshal([]byte(fields(entry)), &content); err != nil {
			continue
		}
		text, err := json.Marshal(content)
		if err != nil {
			continue
		}
		entry.FieldsV1 = metav1.NewFieldsV1(string(text))
		out.ManagedFields = append(out.ManagedFields, entry)
	}
	return out
}
