package proxies

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
)

// load asks for the same thing all the time, until it is stopped.
type load struct {
	stop     context.CancelFunc
	running  sync.WaitGroup
	served   atomic.Int64
	mu       sync.Mutex
	failures []string
}

// startLoad asks over connections that are kept, and over one for each request.
func (e *environment) startLoad(url string) *load {
	e.Helper()
	ctx, cancel := context.WithCancel(e.ctx)
	l := &load{stop: cancel}
	for _, transport := range []*http.Transport{{}, {}, {DisableKeepAlives: true}, {DisableKeepAlives: true}} {
		client := &http.Client{Transport: transport}
		l.running.Go(func() {
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				if code, body, err := fetch(client, url); err != nil || code != http.StatusOK {
					l.fail(fmt.Sprintf("%d %s %v", code, body, err))
				}
				l.served.Add(1)
			}
		})
	}
	return l
}

func (l *load) fail(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = append(l.failures, text)
}

// end stops the load and returns how many requests there were, and what went
// wrong.
func (l *load) end() (int64, []string) {
	l.stop()
	l.running.Wait()
	return l.served.Load(), l.failures
}

// A rollout replaces the proxies one by one: whoever is asked, answers.
func TestRolloutLosesNoRequest(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t)
	e.start()
	e.apply(`
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayParameters
metadata: {name: quick}
spec:
  resources: {requests: {}}
  shutdown: {min: 3, max: 10}
  deployment: {spec: {replicas: 2}}
`)
	e.createGateway("gw", "/", 8080)
	address := e.address("gw")
	e.rolledOut("gw", func(d *appsv1.Deployment) error {
		if *d.Spec.Replicas != 2 {
			return fmt.Errorf("%d replicas", *d.Spec.Replicas)
		}
		return nil
	})
	e.answers(address, 8080, "/", http.StatusOK)
	before := e.runs("gw")

	l := e.startLoad(fmt.Sprintf("http://%s:8080/", address))
	e.patch(parameters, "quick", `{"spec": {"env": [{"name": "ROLLED", "value": "out"}]}}`)
	e.rolledOut("gw", func(d *appsv1.Deployment) error {
		if got := variable(d, "ROLLED"); got != "out" {
			return fmt.Errorf("ROLLED is %q", got)
		}
		return nil
	})
	served, failures := l.end()
	t.Logf("%d requests", served)
	if len(failures) > 0 || served == 0 {
		t.Errorf("%d of %d requests failed, the first: %v", len(failures), served, failures[:min(5, len(failures))])
	}
	for uid := range e.runs("gw") {
		if _, stayed := before[uid]; stayed {
			t.Errorf("pod %s was not replaced", uid)
		}
	}
}
