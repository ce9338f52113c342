package controller

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// startPercent is the garbage collector's target while the process starts:
	// reading everything and writing all status would otherwise leave it with
	// twice the memory that it needs from then on, and its pod's limit has to
	// allow for the peak. Afterwards it is Go's own.
	startPercent, restPercent = 75, 100
	// startTime bounds that time where a cluster never comes to rest.
	startTime = 5 * time.Minute
	// restInterval is the time between two looks.
	restInterval = 2 * time.Second
	// restBytes is what a process at rest may allocate in it: bookmarks of
	// watches, the lease. A few changes of routes are more.
	restBytes = 256 << 10
	// restLooks is how many times in a row it must have been at rest: a
	// collection in a short pause takes CPU from what comes next.
	restLooks = 2
	// trimBytes is the least that is worth a collection.
	trimBytes = 8 << 20
)

// keepMemoryLow gives memory back to the system when a burst is over, which Go
// does only minutes later. It ends with ctx. A GOGC of the user's is left alone.
func keepMemoryLow(ctx context.Context) {
	tune := os.Getenv("GOGC") == ""
	if tune {
		debug.SetGCPercent(startPercent)
	}
	started := time.Now()
	ticker := time.NewTicker(restInterval)
	defer ticker.Stop()
	atRest := 0
	for last := readMemory(); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := readMemory()
		if atRest++; now.allocated-last.allocated > restBytes {
			atRest = 0
		}
		last = now
		trim := atRest >= restLooks && now.worthTrimming()
		if tune && (trim || time.Since(started) > startTime) {
			debug.SetGCPercent(restPercent)
			tune = false
		}
		if trim {
			debug.FreeOSMemory()
		}
	}
}

// memoryUse is what the process has taken, in bytes.
type memoryUse struct {
	// allocated counts everything since the start.
	allocated uint64
	// live is what the last collection found in use.
	live uint64
	// spare is what isn't in use, or was allocated since then.
	spare uint64
}

var memoryMetrics = []string{
	"/gc/heap/allocs:bytes", "/gc/heap/live:bytes",
	"/memory/classes/heap/objects:bytes", "/memory/classes/heap/unused:bytes", "/memory/classes/heap/free:bytes",
}

func readMemory() memoryUse {
	samples := make([]metrics.Sample, len(memoryMetrics))
	for i, name := range memoryMetrics {
		samples[i].Name = name
	}
	metrics.Read(samples)
	value := func(i int) uint64 {
		if samples[i].Value.Kind() != metrics.KindUint64 {
			return 0
		}
		return samples[i].Value.Uint64()
	}
	use := memoryUse{allocated: value(0), live: value(1), spare: value(3) + value(4)}
	if objects := value(2); objects > use.live {
		use.spare += objects - use.live
	}
	return use
}

// worthTrimming reports whether the process holds much more than it needs.
func (u memoryUse) worthTrimming() bool { return u.spare >= max(trimBytes, u.live/4) }
