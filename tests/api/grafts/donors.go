package grafts

import (
	"cmp"
	"encoding/json"
	"slices"
)

// donor is a part of an accepted manifest.
type donor struct {
	// step is the last one to it, for a preference among equal shapes.
	step  string
	value any
	text  string
	// leaves are the paths of those that it sets, below its own.
	leaves []string
}

// pool holds the parts of all accepted manifests, by shape, the smallest first.
type pool map[string][]donor

// add takes every part of a spec.
func (p pool) add(spec *node, value any) error {
	var failed error
	spec.walk(value, func(at *node, part any) {
		text, err := json.Marshal(part)
		if err != nil {
			failed = err
			return
		}
		known := slices.ContainsFunc(p[at.shape], func(d donor) bool { return d.text == string(text) && d.step == at.step })
		if known {
			return
		}
		found := donor{step: at.step, value: part, text: string(text)}
		for path := range at.leaves(part) {
			found.leaves = append(found.leaves, path[len(at.path):])
		}
		p[at.shape] = append(p[at.shape], found)
	})
	return failed
}

func (p pool) sort() {
	for _, donors := range p {
		slices.SortFunc(donors, func(a, b donor) int {
			return cmp.Or(cmp.Compare(len(a.text), len(b.text)), cmp.Compare(a.text, b.text), cmp.Compare(a.step, b.step))
		})
	}
}

// maxValues bounds what is tried at a leaf, where any string fits by its shape.
const maxValues = 12

// of returns the donors for a node, those of the same name first.
func (p pool) of(n *node) []donor {
	var same, other []donor
	for _, found := range p[n.shape] {
		if found.step == n.step {
			same = append(same, found)
		} else {
			other = append(other, found)
		}
	}
	all := append(same, other...)
	if n.isLeaf() {
		all = all[:min(len(all), maxValues)]
	}
	return all
}

// best returns the first donor for a node that sets the most uncovered leaves,
// if any does.
func (p pool) best(n *node, uncovered map[string]bool) (chosen donor, found bool) {
	most := 0
	for _, donor := range p.of(n) {
		if gain := donor.gain(n, uncovered); gain > most {
			chosen, most = donor, gain
		}
	}
	return chosen, most > 0
}

// gain is the number of uncovered leaves that the donor sets at a node.
func (d donor) gain(at *node, uncovered map[string]bool) int {
	gain := 0
	for _, leaf := range d.leaves {
		if uncovered[at.path+leaf] {
			gain++
		}
	}
	return gain
}
