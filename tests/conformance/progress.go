package conformance

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/gateway-api/conformance/utils/suite"
)

// progress prints a line for each test that ended.
type progress struct {
	out   io.Writer
	began time.Time
	total int

	mu       sync.Mutex
	started  map[string]time.Time
	done     int
	passed   int
	failed   []string
	skipped  []string
	unserved []string
}

func newProgress(out io.Writer) *progress {
	return &progress{out: out, began: time.Now(), started: map[string]time.Time{}}
}

// say prints what happens beside the tests.
func (p *progress) say(format string, args ...any) {
	fmt.Fprintf(p.out, "%6.1fs  %s\n", time.Since(p.began).Seconds(), fmt.Sprintf(format, args...))
}

// timed returns the tests with a note of when each began: some wait for their
// turn to run in parallel.
func (p *progress) timed(tests []suite.ConformanceTest) []suite.ConformanceTest {
	p.total = len(tests)
	timed := slices.Clone(tests)
	for i := range timed {
		name, run := timed[i].ShortName, timed[i].Test
		timed[i].Test = func(t *testing.T, s *suite.ConformanceTestSuite) {
			p.mu.Lock()
			p.started[name] = time.Now()
			p.mu.Unlock()
			run(t, s)
		}
	}
	return timed
}

// ended is the suite's hook after each test.
func (p *progress) ended(t *testing.T, test suite.ConformanceTest, s *suite.ConformanceTestSuite) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	verdict := "PASS"
	switch {
	case t.Failed():
		verdict = "FAIL"
		p.failed = append(p.failed, test.ShortName)
	case t.Skipped() && !s.SupportedFeatures.HasAll(test.Features...):
		// Nothing was promised; the end tells how many these are.
		p.unserved = append(p.unserved, test.ShortName)
		return
	case t.Skipped():
		verdict = "SKIP"
		p.skipped = append(p.skipped, test.ShortName)
	default:
		p.passed++
	}
	took := time.Duration(0)
	if started, ok := p.started[test.ShortName]; ok {
		took = time.Since(started)
	}
	fmt.Fprintf(p.out, "%6.1fs  %3d/%d  %s  %-70s %6.1fs\n", time.Since(p.began).Seconds(), p.done, p.total, verdict, test.ShortName, took.Seconds())
}

// complete tells whether every test has ended.
func (p *progress) complete() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.total > 0 && p.done == p.total
}

// summary prints how it all went.
func (p *progress) summary() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, list := range []struct {
		what  string
		names []string
	}{{"failed", p.failed}, {"skipped", p.skipped}, {"of features that are not claimed", p.unserved}} {
		if len(list.names) > 0 {
			slices.Sort(list.names)
			fmt.Fprintf(p.out, "%d %s: %s\n", len(list.names), list.what, strings.Join(list.names, ", "))
		}
	}
	fmt.Fprintf(p.out, "%d passed, %d failed in %s\n", p.passed, len(p.failed), time.Since(p.began).Round(time.Second))
}
