package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// figure is one measured number.
type figure struct {
	World    string    `json:"world"`
	Scenario string    `json:"scenario"`
	Name     string    `json:"name"`
	Value    float64   `json:"value"`
	Unit     string    `json:"unit,omitempty"`
	Floor    *float64  `json:"floor,omitempty"`
	FloorOf  string    `json:"floorOf,omitempty"`
	At       time.Time `json:"at"`
	Version  string    `json:"version,omitempty"`
}

func (f figure) String() string {
	text := f.Name + ": " + amount(f.Value, f.Unit)
	if f.Floor != nil {
		text += fmt.Sprintf(" (%s: %s)", f.FloorOf, amount(*f.Floor, f.Unit))
	}
	if limit, ok := f.goal(); ok {
		text += fmt.Sprintf(" [goal %s: %s]", amount(limit, f.Unit), verdict(f.Value <= limit))
	}
	return text
}

func verdict(reached bool) string {
	if reached {
		return "reached"
	}
	return "MISSED"
}

// amount writes a value with three digits that count.
func amount(value float64, unit string) string {
	digits := 0
	if value != math.Trunc(value) {
		switch magnitude := math.Abs(value); {
		case magnitude < 1:
			digits = 3
		case magnitude < 10:
			digits = 2
		case magnitude < 100:
			digits = 1
		}
	}
	text := fmt.Sprintf("%.*f", digits, value)
	if unit == "" || unit == "×" {
		return text + unit
	}
	return text + " " + unit
}

// goal is the largest value with which the figure is good, where there is one.
func (f figure) goal() (float64, bool) {
	for _, g := range goals {
		if (g.world == "" || g.world == f.World) && g.scenario == f.Scenario && strings.HasPrefix(f.Name, g.name) {
			return g.most, true
		}
	}
	return 0, false
}

// goals are upper bounds, for a machine of two cores that the API server, the
// clients and the controller share. A name stands for all that begin with it.
var goals = []struct {
	world, scenario, name string
	most                  float64
}{
	{"", "change", "change to client over the raw watch, p50", 1},
	{"", "change", "change to client over the raw watch, p99", 5},
	{"", "churn", "change to client over the raw watch, p99", 15},
	{"", "silent", "change to client over the raw watch, p99", 15},
	{"all", "change", "40,000 routes over 1,000", 1.1},
	{"routes-5k", "change", "controller CPU per change", 1.5},
	{"", "isolation", "controller CPU per change", 1.5},
	{"", "isolation", "messages to clients of other gateways", 0},
	{"routes-5k", "cold", "CPU until settled", 3},
	{"routes-5k", "cold", "memory after it", 120},
	{"routes-5k", "cold", "memory over bare informers", 1.6},
	{"routes-40k", "cold", "start to first complete response", 10},
	{"routes-40k", "cold", "peak over steady memory", 1.5},
	{"", "burst", "burst of 1000: last create to exact attachedRoutes", 1},
	{"", "burst", "burst of 1000: Gateway status writes", 25},
	{"", "reconnect", "resources resent", 0},
	{"", "restart", "resources resent", 0},
	{"gateways-1000", "restart", "first to last of 1000 clients served", 5},
	{"", "idle", "idle stream: heap and stacks", 30},
	{"", coldStart, "violations", 0},
	{"", "change", "violations", 0},
	{"", "churn", "violations", 0},
	{"", "steady", "violations", 0},
	{"", "burst", "violations", 0},
	{"", "isolation", "violations", 0},
	{"", "pods", "violations", 0},
	{"", "reconnect", "violations", 0},
	{"", "restart", "violations", 0},
	{"", "silent", "violations", 0},
	{"", "zero", "violations", 0},
	{"", "binary", "stripped controller", 85},
}

// sample is a set of durations.
type sample []time.Duration

// percentile returns the smallest duration that the given share of the sample
// doesn't exceed, in milliseconds; 0 for an empty sample.
func (s sample) percentile(share float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	index := int(math.Ceil(share*float64(len(sorted)))) - 1
	return milliseconds(sorted[max(0, index)])
}

// figures are the results of this and of earlier runs.
type figures struct {
	Machine string   `json:"machine"`
	Figures []figure `json:"figures"`

	// version is that of the controller.
	version string
	// begun are the pairs of world and scenario that this run measured.
	begun map[string]bool
}

// loadFigures reads the figures of earlier runs, so that one world can be
// measured again without the others.
func loadFigures(path, version string) (*figures, error) {
	all := &figures{version: version, begun: map[string]bool{}}
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(content, all); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return all, nil
}

// add puts a figure in place of all earlier ones of its scenario and world.
func (a *figures) add(f figure) {
	key := f.World + "/" + f.Scenario
	if !a.begun[key] {
		a.begun[key] = true
		a.Figures = slices.DeleteFunc(a.Figures, func(old figure) bool { return old.World == f.World && old.Scenario == f.Scenario })
	}
	f.At, f.Version = time.Now().UTC().Truncate(time.Second), a.version
	a.Figures = append(a.Figures, f)
}

// compareSizes adds how a change with many routes stands to one with few, once
// both are measured.
func (a *figures) compareSizes() {
	for _, rank := range []string{"p50", "p99"} {
		few, ok := a.find("routes-1k", "change", "change to client over the raw watch, "+rank)
		many, both := a.find("routes-40k", "change", "change to client over the raw watch, "+rank)
		if !ok || !both || few.Value <= 0 {
			continue
		}
		name := "40,000 routes over 1,000, " + rank
		a.Figures = slices.DeleteFunc(a.Figures, func(f figure) bool { return f.World == "all" && f.Name == name })
		a.Figures = append(a.Figures, figure{
			World: "all", Scenario: "change", Name: name, Unit: "×", Value: many.Value / few.Value, At: many.At, Version: many.Version,
		})
	}
}

// save writes the JSON, the page and the plots.
func (a *figures) save(dir string, order []string) error {
	a.Machine = machine()
	a.compareSizes()
	slices.SortStableFunc(a.Figures, func(x, y figure) int {
		return cmp.Compare(slices.Index(order, x.World), slices.Index(order, y.World))
	})
	content, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	err = os.WriteFile(filepath.Join(dir, "results.json"), append(content, '\n'), 0o644)
	page := "# Results\n\n" + a.markdown()
	for _, plot := range a.plots() {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, plot.file), []byte(plot.svg()), 0o644))
		page += fmt.Sprintf("\n![%s](%s)\n", plot.title, plot.file)
	}
	return errors.Join(err, os.WriteFile(filepath.Join(dir, "results.md"), []byte(page), 0o644))
}

// find returns the value of a figure.
func (a *figures) find(world, scenario, name string) (figure, bool) {
	for _, f := range a.Figures {
		if f.World == world && f.Scenario == scenario && f.Name == name {
			return f, true
		}
	}
	return figure{}, false
}
