package xds

import (
	"slices"

	"agentgateway.dev/controller/pkg/resources"
)

// plan is what one round sends, by rank.
type plan struct {
	items [rankCount][]*item
	// units are binds that the client gets as new, each with its listeners.
	units   []*unit
	removed [rankCount][]string
}

// unit is a bind together with what is in it, and is not split. Should the
// stream end between the two, the proxy would be left in a state that its next
// first request doesn't show: it lists listeners that it dropped with an
// earlier bind, and keeps listeners without a bind where no removal reaches
// them.
type unit struct {
	bind     *item
	contents []*item
}

func (p *plan) add(e *entry) { p.items[e.rank] = append(p.items[e.rank], e.item) }

func (p *plan) remove(name string, rank rank) { p.removed[rank] = append(p.removed[rank], name) }

func (p *plan) empty() bool {
	for rank := range rankCount {
		if len(p.items[rank]) > 0 || len(p.removed[rank]) > 0 {
			return false
		}
	}
	return len(p.units) == 0
}

// responses cuts the plan into messages of at most limit bytes; only a single
// resource or unit that is larger makes a larger message. A plan that fits is
// one message, and an empty plan one empty message. Otherwise additions and
// updates go first, removals after, and new binds last: when a bind opens, the
// client must have dropped what it still lists of an earlier one. Nonces are
// given when a response is sent.
func (p *plan) responses(kind resources.Type, limit int) []*Response {
	items := packer[*item]{limit: limit, size: (*item).size}
	for _, ranked := range p.items {
		for _, item := range ranked {
			items.add(item)
		}
	}
	units := packer[*item]{limit: limit, size: (*item).size}
	for _, unit := range p.units {
		unit.pack(&units, maxItemBytes)
	}
	removed := packer[string]{limit: limit, size: removalSize}
	for _, names := range slices.Backward(p.removed[:]) {
		for _, name := range names {
			removed.add(name)
		}
	}
	url := kind.URL()
	split := len(items.full)+len(units.full)+len(removed.full) > 0
	if !split && items.bytes+units.bytes+removed.bytes <= limit {
		all := append(items.open, units.open...)
		return []*Response{{Type: kind, url: url, items: all, Removed: removed.open}}
	}
	var responses []*Response
	for _, items := range items.packs() {
		responses = append(responses, &Response{Type: kind, url: url, items: items})
	}
	for _, removed := range removed.packs() {
		responses = append(responses, &Response{Type: kind, url: url, Removed: removed})
	}
	for _, items := range units.packs() {
		responses = append(responses, &Response{Type: kind, url: url, items: items})
	}
	return responses
}

// pack puts the unit into one message, the bind last, so that its socket opens
// with everything in place. Only if that were more than most bytes, which no
// client takes, the bind goes first and the rest follows.
func (u *unit) pack(items *packer[*item], most int) {
	all := append(slices.Clip(u.contents), u.bind)
	if items.total(all) <= most {
		items.add(all...)
		return
	}
	items.add(u.bind)
	for _, item := range u.contents {
		items.add(item)
	}
}

func removalSize(name string) int { return sizeField(responseRemoved, len(name)) }

// packer fills packs of at most limit bytes.
type packer[T any] struct {
	limit int
	size  func(T) int
	full  [][]T
	open  []T
	bytes int
}

// add puts values into one pack, a new one if they don't fit into the open one.
func (p *packer[T]) add(values ...T) {
	bytes := p.total(values)
	if len(p.open) > 0 && p.bytes+bytes > p.limit {
		p.full = append(p.full, p.open)
		p.open, p.bytes = nil, 0
	}
	p.open = append(p.open, values...)
	p.bytes += bytes
}

func (p *packer[T]) packs() [][]T {
	if len(p.open) == 0 {
		return p.full
	}
	return append(p.full, p.open)
}

func (p *packer[T]) total(values []T) int {
	total := 0
	for _, value := range values {
		total += p.size(value)
	}
	return total
}
