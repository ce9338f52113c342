package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// fleet is a number of clients.
type fleet []*client

// connect opens n clients, which are spread over the Gateways.
func (r *run) connect(ctx context.Context, n int) (fleet, error) {
	fleet := make(fleet, n)
	for i := range fleet {
		gateway, token := i%r.Gateways, ""
		if r.bench.auth {
			// The controller makes the account when it provisions.
			var err error
			untilErr := until(ctx, func() bool {
				token, err = r.cluster.token(ctx, gatewayName(gateway))
				return !apierrors.IsNotFound(err)
			})
			if err = errors.Join(err, untilErr); err != nil {
				return nil, err
			}
		}
		client, err := newClient(r.controller.xds, gatewayName(gateway), token, n)
		if err != nil {
			return nil, err
		}
		client.completeRoutes = r.routesOn(gateway)
		fleet[i] = client
	}
	for _, client := range fleet {
		client.connect(ctx)
	}
	return fleet, nil
}

// streams are the numbers of streams that the clients opened so far.
func (f fleet) streams() []int {
	counts := make([]int, len(f))
	for i, client := range f {
		client.mu.Lock()
		counts[i] = client.streams
		client.mu.Unlock()
	}
	return counts
}

// awaitServed waits until every client was answered on a stream after the
// given ones, and returns the first and last time of that.
func (f fleet) awaitServed(ctx context.Context, after []int) (first, last time.Time, err error) {
	for i, client := range f {
		at := time.Time{}
		err := until(ctx, func() (done bool) {
			at, done = client.served(after[i])
			return done
		})
		if err != nil {
			client.mu.Lock()
			defer client.mu.Unlock()
			return first, last, fmt.Errorf("waiting for client of %s: %w (last: %v)", client.gateway, err, client.lastError)
		}
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	return first, last, nil
}

// awaitComplete waits until every client holds its Gateway's routes.
func (f fleet) awaitComplete(ctx context.Context) (last time.Time, err error) {
	for _, client := range f {
		err := until(ctx, func() bool {
			client.mu.Lock()
			defer client.mu.Unlock()
			if client.completeAt.After(last) {
				last = client.completeAt
			}
			return !client.completeAt.IsZero()
		})
		if err != nil {
			return last, fmt.Errorf("client of %s holds %d of %d routes: %w (last: %v)",
				client.gateway, client.routes(), client.completeRoutes, err, client.lastError)
		}
	}
	return last, nil
}

func (f fleet) traffic() traffic {
	var sum traffic
	for _, client := range f {
		t := client.traffic()
		sum.responses += t.responses
		sum.resources += t.resources
		sum.removals += t.removals
	}
	return sum
}

func (f fleet) close() {
	for _, client := range f {
		client.close()
	}
}

// violations audits all clients and describes what was wrong, nil if nothing.
func (f fleet) violations() error {
	count, first := 0, ""
	for _, client := range f {
		client.mu.Lock()
		client.ledger.audit()
		if client.ledger.violations > 0 && first == "" {
			first = client.gateway + ": " + client.ledger.firstViolation
		}
		count += client.ledger.violations
		client.mu.Unlock()
	}
	if count == 0 {
		return nil
	}
	return fmt.Errorf("%d violations, the first one: %s", count, first)
}
