package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// writers is how many requests to the API server a bulk change has under way.
const writers = 16

// each calls f for 0 to n-1, several at a time, until one fails.
func each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var running sync.WaitGroup
	for range min(writers, n) {
		running.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := f(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	running.Wait()
	return context.Cause(ctx)
}

// paced starts f n times, one call an interval, without waiting for the call
// before, and returns how long all of it took. When too many calls are under
// way it falls behind, so the duration tells whether the pace was held.
func paced(ctx context.Context, n int, interval time.Duration, f func(ctx context.Context, i int) error) (time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	places := make(chan struct{}, 4*writers)
	began := time.Now()
	for i := range n {
		if wait := time.Until(began.Add(time.Duration(i) * interval)); wait > 0 {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			break
		}
		places <- struct{}{}
		running.Go(func() {
			if err := f(ctx, i); err != nil {
				cancel(err)
			}
			<-places
		})
	}
	running.Wait()
	return time.Since(began), context.Cause(ctx)
}

// until asks every few milliseconds until done returns true, and returns an
// error when ctx ends first.
func until(ctx context.Context, done func() bool) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
	return nil
}

// pause waits, or returns an error when ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
