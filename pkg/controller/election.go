package controller

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// The lease has the name that earlier controllers of agentgateway use, so that
// they and this one never lead at the same time.
const (
	leaseName     = "agentgateway-agentgateway"
	leaseDuration = 15 * time.Second
	renewDeadline = 10 * time.Second
	retryPeriod   = 2 * time.Second
)

// election decides which replica does the leader's work.
type election struct {
	lock   resourcelock.Interface
	logger *zap.Logger
	// timing is that of the constants above, shorter in tests.
	timing  timing
	leading atomic.Bool
}

type timing struct{ lease, renew, retry time.Duration }

// newElection prepares an election for the lease in namespace.
func newElection(client kubernetes.Interface, namespace string, logger *zap.Logger) (*election, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("find a name for the leader election: %w", err)
	}
	// Two replicas on one host, or a restarted one, are different candidates.
	identity := host + "_" + string(uuid.NewUUID())
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, namespace, leaseName,
		client.CoreV1(), client.CoordinationV1(), resourcelock.ResourceLockConfig{Identity: identity})
	if err != nil {
		return nil, fmt.Errorf("prepare the lease %s/%s: %w", namespace, leaseName, err)
	}
	return &election{lock: lock, logger: logger, timing: timing{leaseDuration, renewDeadline, retryPeriod}}, nil
}

// Leading reports whether lead is running.
func (e *election) Leading() bool { return e.leading.Load() }

// Run takes part in elections until ctx ends and calls lead whenever this
// process wins. lead must return soon after its context ends, which happens
// when the lease is lost, after which this process is a candidate again, or
// with ctx. The lease is released only after lead has returned.
func (e *election) Run(ctx context.Context, lead func(context.Context)) error {
	for ctx.Err() == nil {
		if err := e.term(ctx, lead); err != nil {
			return err
		}
	}
	return nil
}

// term waits for the lease, leads, and returns when it is over.
func (e *election) term(ctx context.Context, lead func(context.Context)) error {
	// The lease must be renewed until the work has ended, so its context
	// outlives ctx.
	holding, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release()
	finished := make(chan struct{})
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: e.lock, Name: leaseName, ReleaseOnCancel: true,
		LeaseDuration: e.timing.lease, RenewDeadline: e.timing.renew, RetryPeriod: e.timing.retry,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(held context.Context) {
				defer close(finished)
				e.lead(ctx, held, lead)
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return fmt.Errorf("start a leader election: %w", err)
	}
	unwatch := context.AfterFunc(ctx, func() {
		if elector.IsLeader() {
			<-finished
		}
		release()
	})
	defer unwatch()
	elector.Run(holding)
	if holding.Err() == nil {
		// Lost: the work ends with the lease, and must have ended before this
		// process may win again.
		<-finished
	}
	return nil
}

// lead runs the work until either context ends.
func (e *election) lead(ctx, held context.Context, lead func(context.Context)) {
	work, cancel := context.WithCancel(held)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	e.leading.Store(true)
	defer e.leading.Store(false)
	e.logger.Info("leading")
	lead(work)
	e.logger.Info("no longer leading")
}
