package grafts

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"agentgateway.dev/controller/pkg/validation"
)

// maxAttempts bounds the surroundings that are tried for one graft.
const maxAttempts = 60

// search makes objects of one kind.
type search struct {
	pool pool
	kind *validation.Kind
	// manifest is an object of the kind; its spec is replaced.
	manifest map[string]any
	// uncovered are the paths of the leaves that no object sets yet.
	uncovered map[string]bool
	// refused counts how often something more at a node spoiled an object.
	refused map[*node]int
}

// judge says why the kind refuses an object.
func (s *search) judge(object map[string]any) []validation.Problem {
	return s.kind.Judge(runtime.DeepCopyJSON(object))
}

// level is a node between spec and the graft, and what can surround the step to
// the next one: values of the node without that step.
type level struct {
	*node
	surroundings []map[string]any
	chosen       int
}

// graft returns an object that has the value at the node, or nil.
func (s *search) graft(at *node, value any) map[string]any {
	chain := at.chain()
	levels := make([]*level, len(chain)-1)
	for i := range levels {
		levels[i] = &level{node: chain[i], surroundings: s.surroundings(chain[i], chain[i+1].step)}
	}
	for range maxAttempts {
		object := runtime.DeepCopyJSON(s.manifest)
		spec, paths := assemble(levels, at.step, value)
		object["spec"] = spec
		problems := s.judge(object)
		if len(problems) == 0 {
			// Parts of it are the donors' own.
			return runtime.DeepCopyJSON(object)
		}
		if !advance(levels, deepest(paths, problems)) {
			return nil
		}
	}
	return nil
}

// surroundings lists values of an object node without one property: only what
// is required, then one property more, then whole donors. Lists and maps have
// no other items.
func (s *search) surroundings(n *node, step string) []map[string]any {
	if step == itemStep || step == valueStep {
		return []map[string]any{{}}
	}
	bare := map[string]any{}
	for _, name := range n.required {
		if donors := s.pool.of(n.child(name)); name != step && len(donors) > 0 {
			bare[name] = donors[0].value
		}
	}
	found := []map[string]any{bare}
	add := func(donor map[string]any) {
		surrounding := maps.Clone(bare)
		maps.Copy(surrounding, donor)
		delete(surrounding, step)
		found = append(found, surrounding)
	}
	var having, lacking []map[string]any
	single := map[string]bool{step: true}
	for _, donor := range s.pool.of(n) {
		value, isObject := donor.value.(map[string]any)
		if !isObject {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(value)) {
			if _, known := bare[name]; !known && !single[name] {
				single[name] = true
				add(map[string]any{name: value[name]})
			}
		}
		if _, has := value[step]; has {
			having = append(having, value)
		} else {
			lacking = append(lacking, value)
		}
	}
	for _, value := range slices.Concat(having, lacking) {
		add(value)
	}
	return found
}

// mapKey is the key of a grafted map entry.
const mapKey = "key"

// assemble builds a spec, and returns the path of each level in it as problems
// name it.
func assemble(levels []*level, lastStep string, value any) (spec any, paths []string) {
	path := "spec"
	steps := make([]string, len(levels))
	for i := range levels {
		steps[i] = lastStep
		if i+1 < len(levels) {
			steps[i] = levels[i+1].step
		}
		paths = append(paths, path)
		switch steps[i] {
		case itemStep:
			path += "[0]"
		case valueStep:
			path += "[" + mapKey + "]"
		default:
			path += "." + steps[i]
		}
	}
	for i, level := range slices.Backward(levels) {
		switch steps[i] {
		case itemStep:
			value = []any{value}
		case valueStep:
			value = map[string]any{mapKey: value}
		default:
			whole := maps.Clone(level.surroundings[level.chosen])
			whole[steps[i]] = value
			value = whole
		}
	}
	return value, paths
}

// deepest returns the index of the deepest path that contains a problem.
func deepest(paths []string, problems []validation.Problem) int {
	found := 0
	for i, path := range paths {
		for _, problem := range problems {
			rest, within := strings.CutPrefix(problem.Path, path)
			if within && (rest == "" || rest[0] == '.' || rest[0] == '[') {
				found = i
			}
		}
	}
	return found
}

// advance chooses the next surrounding at a level, or above it when there is
// none left.
func advance(levels []*level, at int) bool {
	for ; at >= 0 && at < len(levels); at-- {
		if levels[at].chosen+1 < len(levels[at].surroundings) {
			levels[at].chosen++
			return true
		}
		levels[at].chosen = 0
	}
	return false
}
