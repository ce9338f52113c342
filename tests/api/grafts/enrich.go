package grafts

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
)

// maxRefused is how often something more may spoil an object before it isn't
// tried any longer at that node. Most of it excludes what is there already, by
// a rule that all objects meet.
const maxRefused = 3

// enrich adds to an accepted object whatever else covers leaves, so that few
// objects are needed.
func (s *search) enrich(spec *node, object map[string]any) {
	spec.walk(object["spec"], func(at *node, part any) {
		fields, isObject := part.(map[string]any)
		if !isObject || at.child(valueStep) != nil {
			return
		}
		for _, child := range at.children {
			present := fields[child.step]
			if items, isList := present.([]any); isList {
				s.enrichList(child.child(itemStep), object, items, func(items []any) { fields[child.step] = items })
				continue
			}
			if present != nil {
				continue
			}
			s.try(child, object, func(value any) { fields[child.step] = value }, func() { delete(fields, child.step) })
		}
	})
}

// enrichList appends items.
func (s *search) enrichList(item *node, object map[string]any, items []any, set func([]any)) {
	if item == nil {
		return
	}
	for {
		longer := items
		if !s.try(item, object, func(value any) { longer = append(slices.Clip(items), value); set(longer) }, func() { set(items) }) {
			return
		}
		items = longer
	}
}

// try adds the best donor at a node, and takes it back if the object isn't
// accepted with it.
func (s *search) try(at *node, object map[string]any, set func(any), undo func()) bool {
	if s.refused[at] >= maxRefused {
		return false
	}
	donor, found := s.pool.best(at, s.uncovered)
	if !found {
		return false
	}
	set(runtime.DeepCopyJSONValue(donor.value))
	if len(s.judge(object)) > 0 {
		undo()
		s.refused[at]++
		return false
	}
	for _, leaf := range donor.leaves {
		delete(s.uncovered, at.path+leaf)
	}
	return true
}
