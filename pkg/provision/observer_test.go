package provision

import (
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// diary is an Observer that writes down what it is told.
type diary struct {
	mu sync.Mutex
	// open is how many reconciliations haven't ended, ended how many have.
	open    int
	ended   map[types.NamespacedName]int
	refused map[types.NamespacedName][]string
}

func newDiary() *diary {
	return &diary{ended: map[types.NamespacedName]int{}, refused: map[types.NamespacedName][]string{}}
}

func (d *diary) Began(gateway types.NamespacedName) func(error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open++
	return func(error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.open--
		d.ended[gateway]++
	}
}

// begin starts a new count of reconciliations.
func (d *diary) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.ended)
}

// through tells whether all these were reconciled and nothing is going on.
func (d *diary) through(gateways []Desired) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, gateway := range gateways {
		if d.ended[gateway.NamespacedName] == 0 {
			return false
		}
	}
	return d.open == 0
}

func (d *diary) Forgot(types.NamespacedName) {}

func (d *diary) Refused(gateway types.NamespacedName, reason, message string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refused[gateway] = append(d.refused[gateway], reason+": "+message)
}

// count returns how often a refusal with a prefix was told of a Gateway.
func (d *diary) count(gateway, prefix string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, text := range d.refused[types.NamespacedName{Namespace: "default", Name: gateway}] {
		if strings.HasPrefix(text, prefix) {
			n++
		}
	}
	return n
}
