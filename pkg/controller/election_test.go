package controller

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// candidate is a process that stands for election.
type candidate struct {
	*election
	terms atomic.Int32
	stop  func()
}

// stand starts a candidate. Its work takes a moment to end.
func stand(t *testing.T, client *fake.Clientset) *candidate {
	t.Helper()
	e, err := newElection(client, "ns", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	c := &candidate{election: e}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := e.Run(ctx, func(work context.Context) {
			c.terms.Add(1)
			<-work.Done()
			time.Sleep(100 * time.Millisecond)
		}); err != nil {
			t.Error(err)
		}
	}()
	c.stop = func() {
		cancel()
		<-done
	}
	return c
}

func holder(t *testing.T, client *fake.Clientset) string {
	t.Helper()
	lease, err := client.CoordinationV1().Leases("ns").Get(t.Context(), leaseName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return *lease.Spec.HolderIdentity
}

func TestElectionHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset()
		first := stand(t, client)
		time.Sleep(time.Minute)
		second := stand(t, client)
		time.Sleep(time.Minute)
		if !first.Leading() || second.Leading() || first.terms.Load() != 1 {
			t.Fatalf("leading: %v and %v", first.Leading(), second.Leading())
		}
		start := time.Now()
		first.stop()
		if took := time.Since(start); took > time.Second {
			t.Errorf("stopping took %v", took)
		}
		if got := holder(t, client); got != "" && got == first.lock.Identity() {
			t.Errorf("the lease is still held by %q", got)
		}
		time.Sleep(2 * retryPeriod)
		if first.Leading() || !second.Leading() {
			t.Error("a released lease was not taken over at once")
		}
		second.stop()
	})
}

// TestElectionReleasesAfterTheWork: another process must not lead while this
// one still writes.
func TestElectionReleasesAfterTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset()
		c := stand(t, client)
		time.Sleep(time.Minute)
		go c.stop()
		time.Sleep(50 * time.Millisecond)
		synctest.Wait()
		if !c.Leading() || holder(t, client) != c.lock.Identity() {
			t.Error("the lease was released while the work was ending")
		}
		time.Sleep(time.Second)
		if c.Leading() || holder(t, client) == c.lock.Identity() {
			t.Error("the lease was not released")
		}
	})
}

func TestElectionIsEnteredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset()
		var down atomic.Bool
		client.PrependReactor("*", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
			return down.Load(), nil, errors.New("the API server is down")
		})
		c := stand(t, client)
		time.Sleep(time.Minute)
		if !c.Leading() {
			t.Fatal("a single candidate does not lead")
		}
		down.Store(true)
		time.Sleep(time.Minute)
		if c.Leading() {
			t.Error("leading without a lease")
		}
		down.Store(false)
		time.Sleep(time.Minute)
		if !c.Leading() || c.terms.Load() != 2 {
			t.Errorf("leading %v in term %d after the API server came back", c.Leading(), c.terms.Load())
		}
		c.stop()
	})
}
