package main

import (
	"fmt"
	"html"
	"slices"
	"strconv"
	"strings"
)

// plot is a chart of lines over the number of routes.
type plot struct {
	file, title, unit string
	lines             []line
}

type line struct {
	name   string
	points []point
}

// point is a value at a number of routes.
type point struct {
	routes int
	value  float64
}

// plots draws what was measured in the worlds that differ in the number of
// routes only.
func (a *figures) plots() []plot {
	latency := "change to client over the raw watch, "
	all := []plot{
		{file: "latency.svg", title: "One change to the client, over the raw watch", unit: "ms", lines: []line{
			{"p50", a.series("change", latency+"p50", false)},
			{"p90", a.series("change", latency+"p90", false)},
			{"p99", a.series("change", latency+"p99", false)},
		}},
		{file: "memory.svg", title: "Memory after a cold start", unit: "MiB", lines: []line{
			{"controller", a.series(coldStart, "memory after it", false)},
			{"bare informers", a.series(coldStart, "memory after it", true)},
			{"controller, live heap", a.series(coldStart, "live heap", false)},
			{"bare informers, live heap", a.series(coldStart, "live heap", true)},
		}},
		{file: "cold.svg", title: "Cold start", unit: "s", lines: []line{
			{"first complete response", a.series(coldStart, "start to first complete response", false)},
			{"bare informers synced", a.series(coldStart, "start to first complete response", true)},
			{"CPU until complete response", a.series(coldStart, "CPU until complete response", false)},
			{"CPU of bare informers", a.series(coldStart, "CPU until complete response", true)},
		}},
	}
	return slices.DeleteFunc(all, func(p plot) bool { return len(p.lines[0].points) < 2 })
}

// series collects a figure, or its floor, over the worlds "routes-…".
func (a *figures) series(scenario, name string, floor bool) []point {
	var points []point
	for _, f := range a.Figures {
		size, ok := strings.CutPrefix(f.World, "routes-")
		if !ok || f.Scenario != scenario || f.Name != name || floor && f.Floor == nil {
			continue
		}
		routes, err := strconv.Atoi(strings.ReplaceAll(size, "k", "000"))
		if err != nil {
			continue
		}
		value := f.Value
		if floor {
			value = *f.Floor
		}
		points = append(points, point{routes, value})
	}
	slices.SortFunc(points, func(x, y point) int { return x.routes - y.routes })
	return points
}

// The size of a plot and the room around its lines.
const (
	plotWidth, plotHeight = 640, 360
	left, right           = 60, 190
	top, bottom           = 40, 40
)

var colours = []string{"#1f77b4", "#ff7f0e", "#2ca02c", "#d62728"}

func (p plot) svg() string {
	mostRoutes, mostValue := 1, 0.0
	for _, l := range p.lines {
		for _, point := range l.points {
			mostRoutes, mostValue = max(mostRoutes, point.routes), max(mostValue, point.value)
		}
	}
	mostValue = max(mostValue*1.1, 1e-9)
	x := func(routes int) float64 {
		return left + float64(routes)/float64(mostRoutes)*(plotWidth-left-right)
	}
	y := func(value float64) float64 {
		return plotHeight - bottom - value/mostValue*(plotHeight-top-bottom)
	}
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", plotWidth, plotHeight)
	out.WriteString(`<rect width="100%" height="100%" fill="white"/>` + "\n")
	fmt.Fprintf(&out, `<text x="%d" y="22" font-size="15">%s (%s)</text>`+"\n", left, html.EscapeString(p.title), p.unit)
	for tick := range 6 {
		value := mostValue * float64(tick) / 5
		fmt.Fprintf(&out, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/>`+"\n", left, plotWidth-right, y(value), y(value))
		fmt.Fprintf(&out, `<text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", left-6, y(value)+4, amount(value, ""))
		routes := mostRoutes * tick / 5
		fmt.Fprintf(&out, `<text x="%.1f" y="%d" text-anchor="middle">%d</text>`+"\n", x(routes), plotHeight-bottom+18, routes)
	}
	fmt.Fprintf(&out, `<text x="%d" y="%d" text-anchor="middle">routes</text>`+"\n", (left+plotWidth-right)/2, plotHeight-6)
	for i, l := range p.lines {
		colour := colours[i%len(colours)]
		var path []string
		for _, point := range l.points {
			path = append(path, fmt.Sprintf("%.1f,%.1f", x(point.routes), y(point.value)))
			fmt.Fprintf(&out, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x(point.routes), y(point.value), colour)
		}
		fmt.Fprintf(&out, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(path, " "), colour)
		fmt.Fprintf(&out, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", plotWidth-right+10, top+16+i*18, colour, html.EscapeString(l.name))
	}
	out.WriteString("</svg>\n")
	return out.String()
}
