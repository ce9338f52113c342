// Package grafts makes objects that set every field of the agentgateway.dev
// kinds at every place where the schema has it, and knows which fields an object
// sets.
//
// The same types occur at many places: a TLS policy below a dozen others, for
// example. Manifests written by hand show each type once; here their parts are
// carried to the other places, together with whatever the rules there want
// beside them.
package grafts

import (
	"container/heap"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"agentgateway.dev/controller/pkg/validation"
)

// Make returns, by kind, objects that pkg/validation accepts and that set the
// leaves which the accepted manifests don't. Leaves for which no part of them
// fits are left out. The result depends on nothing but the arguments.
func Make(catalog *validation.Catalog, schemas []*Schema, accepted []map[string]any) (map[string][]map[string]any, error) {
	parts := pool{}
	for _, schema := range schemas {
		for _, manifest := range ofKind(schema, accepted) {
			if err := parts.add(schema.spec, manifest["spec"]); err != nil {
				return nil, fmt.Errorf("%s: %w", schema.Kind, err)
			}
		}
	}
	parts.sort()
	made := map[string][]map[string]any{}
	for _, schema := range schemas {
		manifests := ofKind(schema, accepted)
		if len(manifests) == 0 {
			return nil, fmt.Errorf("no manifest of kind %s", schema.Kind)
		}
		kind, err := catalog.Kind((&unstructured.Unstructured{Object: manifests[0]}).GroupVersionKind())
		if err != nil {
			return nil, err
		}
		search := &search{pool: parts, kind: kind, manifest: manifests[0], uncovered: map[string]bool{}, refused: map[*node]int{}}
		for _, leaf := range schema.Missing(manifests) {
			search.uncovered[leaf] = true
		}
		made[schema.Kind] = search.all(schema.spec)
	}
	return made, nil
}

func ofKind(schema *Schema, objects []map[string]any) []map[string]any {
	return slices.DeleteFunc(slices.Clone(objects), func(object map[string]any) bool { return object["kind"] != schema.Kind })
}

// all makes objects until no candidate covers anything more.
func (s *search) all(spec *node) []map[string]any {
	var made []map[string]any
	queue := candidates(spec, s.pool, s.uncovered)
	for queue.Len() > 0 {
		best := heap.Pop(queue).(candidate)
		if gain := best.donor.gain(best.at, s.uncovered); gain < best.gain {
			// Others covered some of it meanwhile; its turn may come later.
			if best.gain = gain; gain > 0 {
				heap.Push(queue, best)
			}
			continue
		}
		object := s.graft(best.at, best.value)
		if object == nil {
			continue
		}
		(&unstructured.Unstructured{Object: object}).SetName(fmt.Sprintf("graft-%d", len(made)))
		for path := range spec.leaves(object["spec"]) {
			delete(s.uncovered, path)
		}
		s.enrich(spec, object)
		made = append(made, object)
	}
	return made
}

// candidate is a donor for a node; gain is the number of leaves that it would
// cover, or did when this was last counted.
type candidate struct {
	donor
	at   *node
	gain int
}

// byGain is a heap of candidates, the best first.
type byGain []candidate

func (q byGain) Len() int { return len(q) }

func (q byGain) Less(i, j int) bool {
	if q[i].gain != q[j].gain {
		return q[i].gain > q[j].gain
	}
	if order := strings.Compare(q[i].at.path, q[j].at.path); order != 0 {
		return order < 0
	}
	return q[i].text < q[j].text
}

func (q byGain) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

func (q *byGain) Push(x any) { *q = append(*q, x.(candidate)) }

func (q *byGain) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

func candidates(spec *node, parts pool, uncovered map[string]bool) *byGain {
	queue := &byGain{}
	spec.all(func(n *node) {
		for _, donor := range parts.of(n) {
			if gain := donor.gain(n, uncovered); gain > 0 {
				*queue = append(*queue, candidate{donor: donor, at: n, gain: gain})
			}
		}
	})
	heap.Init(queue)
	return queue
}
