package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	istiolog "istio.io/istio/pkg/log"
)

// bench is the whole run.
type bench struct {
	scale string
	// controller is the path of the binary under measurement.
	controller string
	// results is the directory for everything that is written.
	results string
	profile bool
	auth    bool
	// onlyReport writes pages again without measuring.
	onlyReport bool
	began      time.Time
	figures    *figures
}

func main() {
	if address := os.Getenv(informersVariable); address != "" {
		fail(runInformers(address))
		return
	}
	b := &bench{began: time.Now()}
	var run, names, docs string
	flag.StringVar(&run, "run", "", "scenarios to run after the cold start of their worlds, comma-separated; none means all")
	flag.StringVar(&names, "worlds", "", "worlds to run, comma-separated; none means all that have a scenario to run")
	flag.StringVar(&b.scale, "scale", "small", "small, to see that it works, or full, to measure")
	flag.StringVar(&b.controller, "controller", "bin/agentgateway-controller", "the binary to measure")
	flag.StringVar(&b.results, "results", "tests/bench/results", "directory for results, logs and profiles")
	flag.StringVar(&docs, "docs", "", "page to put the tables into")
	flag.BoolVar(&b.onlyReport, "only-report", false, "measure nothing and write pages from earlier results")
	flag.BoolVar(&b.profile, "profile", false, "take CPU profiles of the controller meanwhile, which costs it a little")
	flag.BoolVar(&b.auth, "auth", false, "let clients authenticate with tokens")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	fail(b.run(ctx, list(run), list(names), docs))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func list(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' })
}

func (b *bench) run(ctx context.Context, run, names []string, docs string) error {
	all, err := worlds(b.scale)
	if err != nil {
		return err
	}
	selected, err := selectWorlds(all, names, run)
	if err != nil {
		return err
	}
	if b.controller, err = filepath.Abs(b.controller); err != nil {
		return err
	}
	if b.scale == "small" {
		b.results = filepath.Join(b.results, "small")
	}
	if err := os.MkdirAll(b.results, 0o755); err != nil {
		return err
	}
	for _, scope := range istiolog.Scopes() {
		scope.SetOutputLevel(istiolog.ErrorLevel)
	}
	if b.figures, err = loadFigures(filepath.Join(b.results, "results.json"), version(b.controller)); err != nil {
		return err
	}
	var order []string
	for _, w := range all {
		order = append(order, w.Name)
	}
	if !b.onlyReport {
		err = b.measure(ctx, selected, order)
	}
	if docs != "" {
		err = errors.Join(err, b.figures.updatePage(docs))
	}
	b.progress("results are in %s", b.results)
	return err
}

// measure runs the worlds, and saves the results after each.
func (b *bench) measure(ctx context.Context, selected []world, order []string) error {
	size, err := os.Stat(b.controller)
	if err != nil {
		return err
	}
	b.figures.add(figure{World: "all", Scenario: "binary", Name: "stripped controller", Unit: "MB", Value: float64(size.Size()) / 1e6})
	var failures error
	for _, w := range selected {
		err := b.runWorld(ctx, w)
		switch {
		case errors.Is(err, errSkipped):
			b.progress("world %s: %v", w.Name, err)
		case err != nil:
			b.progress("world %s FAILED: %v", w.Name, err)
			failures = errors.Join(failures, fmt.Errorf("world %s: %w", w.Name, err))
		}
		if err := b.figures.save(b.results, order); err != nil {
			return err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return failures
}

// progress prints a line with the time since the start.
func (b *bench) progress(format string, args ...any) {
	fmt.Printf("%7.1fs  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// scaled is a number of repetitions, fewer on the small scale.
func (b *bench) scaled(n int) int {
	if b.scale == "small" {
		return max(20, n/25)
	}
	return n
}

// version asks a controller what it is.
func version(controller string) string {
	output, err := exec.Command(controller, "--version").Output()
	var answer struct{ Version string }
	if err != nil || json.Unmarshal(output, &answer) != nil {
		return "unknown"
	}
	return answer.Version
}
