package status

import (
	"testing"
	"time"
)

// TestPaceUnderLoad changes an object all the time and writes whenever that is
// allowed.
func TestPaceUnderLoad(t *testing.T) {
	for _, test := range []struct {
		name string
		load time.Duration
		most int
	}{
		{"a single change", 0, 1},
		{"one second", time.Second, 5},
		{"five seconds", 5 * time.Second, 15},
		{"nine seconds", 9 * time.Second, 25},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, start := &pace{}, time.Unix(1000, 0)
			writes, longest := 0, time.Duration(0)
			last := start
			for now := start; !now.After(start.Add(test.load)); now = now.Add(time.Millisecond) {
				if p.wait("1", now) > 0 {
					continue
				}
				p.written("1", "1", now)
				longest = max(longest, now.Sub(last))
				last = now
				writes++
			}
			if writes == 0 || writes > test.most {
				t.Errorf("%d writes, want 1 to %d", writes, test.most)
			}
			if longest > lastInterval {
				t.Errorf("a status lagged behind for %v", longest)
			}
		})
	}
}

func TestPaceAfterQuiet(t *testing.T) {
	p, now := &pace{}, time.Unix(1000, 0)
	for range 6 {
		now = now.Add(p.wait("1", now))
		p.written("1", "1", now)
	}
	if got := p.wait("1", now); got != lastInterval {
		t.Fatalf("under load the next write may start after %v, want %v", got, lastInterval)
	}
	now = now.Add(quiet + lastInterval)
	if got := p.wait("1", now); got != 0 {
		t.Errorf("after quiet a write waits %v", got)
	}
	p.written("1", "1", now)
	if got := p.wait("1", now); got != firstInterval {
		t.Errorf("after quiet the second write may start after %v, want %v", got, firstInterval)
	}
}

// TestPaceWaitsForTheInformer: comparing with what is known to be outdated
// would only end in a conflict.
func TestPaceWaitsForTheInformer(t *testing.T) {
	p, now := &pace{}, time.Unix(1000, 0)
	p.written("1", "2", now)
	later := now.Add(firstInterval)
	if got := p.wait("1", later); got != echo-firstInterval {
		t.Errorf("a write based on an outdated object waits %v", got)
	}
	if got := p.wait("2", later); got != 0 {
		t.Errorf("a write based on the new object waits %v", got)
	}
	p.conflicted("2", later)
	if got := p.wait("2", later); got != echo {
		t.Errorf("after a conflict the same object waits %v", got)
	}
	if got := p.wait("3", later); got != 0 {
		t.Errorf("after a conflict the next object waits %v", got)
	}
}

func TestPaceOfFailures(t *testing.T) {
	p, now := &pace{}, time.Unix(1000, 0)
	before := time.Duration(0)
	for n := 1; n <= 20; n++ {
		if got := p.failed(now); got != n {
			t.Fatalf("failure %d is counted as %d", n, got)
		}
		delay := p.wait("1", now)
		if delay < before || delay > lastRetry {
			t.Fatalf("after %d failures the delay is %v, before it was %v", n, delay, before)
		}
		before, now = delay, now.Add(delay)
	}
	if before != lastRetry {
		t.Errorf("the delay ends at %v, want %v", before, lastRetry)
	}
	p.written("1", "1", now)
	if p.failed(now) != 1 || p.wait("1", now) != firstRetry {
		t.Error("a success does not start over")
	}
}
