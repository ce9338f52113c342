package status

import "time"

const (
	// firstInterval is the distance of the second write of an object from its
	// first one. It doubles with every further write, up to lastInterval.
	firstInterval = 100 * time.Millisecond
	// lastInterval bounds how long a status may lag behind while changes keep
	// coming.
	lastInterval = 400 * time.Millisecond
	// quiet is the time without a write after which an object is written at
	// once again.
	quiet = time.Second

	// echo is how long to wait for the informer to show what was written, or
	// what someone else wrote first, before comparing without it.
	echo = 2 * time.Second
	// firstRetry and lastRetry bound the time until a failed write is tried
	// again; it doubles with every failure.
	firstRetry = 200 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// pace says when one object may be written. It is a plain state machine: the
// caller gives the time.
//
// The first write is immediate. While changes keep coming, those that gather
// between two writes become one write, so a thousand routes that attach within
// seconds cost their Gateway a few writes only.
type pace struct {
	// wrote is the time of the last write.
	wrote time.Time
	// interval must pass after wrote.
	interval time.Duration
	// stale is the resourceVersion that is known to be outdated: the informer
	// is about to replace it. It holds until patience.
	stale    string
	patience time.Time
	// failures counts the writes that failed since one succeeded, and retry is
	// when the next may start.
	failures int
	retry    time.Time
}

// wait returns how long a write based on version must wait; zero means that it
// may start now.
func (p pace) wait(version string, now time.Time) time.Duration {
	allowed := p.wrote.Add(p.interval)
	if p.retry.After(allowed) {
		allowed = p.retry
	}
	if p.stale != "" && p.stale == version && p.patience.After(allowed) {
		allowed = p.patience
	}
	return max(0, allowed.Sub(now))
}

// past reports whether the pace holds nothing that a new one wouldn't say.
func (p pace) past(now time.Time) bool {
	return p.wait(p.stale, now) == 0 && p.failures == 0 && now.Sub(p.wrote) >= quiet+p.interval
}

// written records a write that was based on one version and led to another.
func (p *pace) written(from, to string, now time.Time) {
	switch {
	case p.wrote.IsZero() || now.Sub(p.wrote) >= quiet+p.interval:
		p.interval = firstInterval
	default:
		p.interval = min(2*p.interval, lastInterval)
	}
	p.wrote = now
	p.failures, p.retry = 0, time.Time{}
	p.stale = ""
	if from != to {
		p.stale, p.patience = from, now.Add(echo)
	}
}

// conflicted records that version is not what the API server has.
func (p *pace) conflicted(version string, now time.Time) {
	p.stale, p.patience = version, now.Add(echo)
}

// failed records a write that failed otherwise. It returns the number of
// failures in a row.
func (p *pace) failed(now time.Time) int {
	delay := lastRetry
	if p.failures < 8 {
		delay = min(lastRetry, firstRetry<<p.failures)
	}
	p.failures++
	p.retry = now.Add(delay)
	return p.failures
}
