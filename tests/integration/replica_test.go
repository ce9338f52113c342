package integration

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"agentgateway.dev/controller/pkg/resources"
	"agentgateway.dev/controller/tests/replica"
	"agentgateway.dev/controller/tools/dataplane/xdsclient"
)

// running is a controller in this process.
type running struct {
	*replica.Replica
	e *environment
}

// startReplica runs a controller for the environment and returns when it
// serves proxies. variables are further environment variables of it.
func (e *environment) startReplica(variables ...map[string]string) *running {
	e.t.Helper()
	values := map[string]string{
		"AGW_CONTROLLER_NAME":         e.Controller,
		"AGW_AGENTGATEWAY_CLASS_NAME": e.Name,
		"POD_NAMESPACE":               e.System,
		"KUBECONFIG":                  e.cluster.Kubeconfig,
		"AGW_DISABLE_LEADER_ELECTION": "true",
	}
	for _, more := range variables {
		maps.Copy(values, more)
	}
	return &running{Replica: replica.Start(e.t, values, nil), e: e}
}

// metric returns the value of a metric without labels, 0 if there is none.
func (r *running) metric(name string) float64 {
	r.e.t.Helper()
	_, body := r.Get("metrics", "/metrics")
	found := regexp.MustCompile(`(?m)^` + name + `(?:\{[^}]*\})? (\S+)$`).FindStringSubmatch(body)
	if found == nil {
		return 0
	}
	value, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		r.e.t.Fatal(err)
	}
	return value
}

// proxy is a recording client in place of a proxy.
type proxy struct {
	*xdsclient.Client
	e    *environment
	stop func()
	// lastEnd is how the last stream ended, for when a test fails.
	lastEnd atomic.Value
}

// connect connects a proxy of gateway to a replica. known are versions it has
// from before.
func (r *running) connect(gateway string, known map[string]map[string]string, change ...func(*xdsclient.Options)) *proxy {
	r.e.t.Helper()
	options := xdsclient.Options{
		Address:   "http://" + r.Addresses["xds"],
		Namespace: r.e.Namespace, Gateway: gateway,
		Token:           r.e.token(gateway),
		InitialVersions: known,
		OnResponse:      xdsclient.Strict(),
		Record:          true,
	}
	p := &proxy{e: r.e}
	options.OnStreamEnd = func(reason xdsclient.EndReason, err error) { p.lastEnd.Store(fmt.Sprintf("%v: %v", reason, err)) }
	for _, adjust := range change {
		adjust(&options)
	}
	client, err := xdsclient.New(options)
	if err != nil {
		r.e.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.e.ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = client.Run(ctx)
	}()
	p.Client = client
	p.stop = sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	r.e.t.Cleanup(func() {
		p.stop()
		if r.e.t.Failed() {
			r.e.t.Logf("proxy of %s: %d streams, last end: %v", gateway, client.Streams(), p.lastEnd.Load())
		}
	})
	return p
}

// names lists what the proxy holds of a type.
func (p *proxy) names(typeURL string) []string {
	return slices.Sorted(maps.Keys(p.Held(typeURL)))
}

// holds waits until the proxy holds exactly these resources.
func (p *proxy) holds(names ...string) {
	p.e.t.Helper()
	slices.Sort(names)
	p.e.eventually(func() error {
		if held := p.names(resources.ResourceTypeURL); !slices.Equal(held, names) {
			return fmt.Errorf("the proxy holds %q, not %q", held, names)
		}
		return nil
	})
}

// until waits for a state of the proxy.
func (p *proxy) until(what string, done func() bool) {
	p.e.t.Helper()
	p.e.eventually(func() error {
		if !done() {
			return fmt.Errorf("%s: not yet; it holds %q", what, p.names(resources.ResourceTypeURL))
		}
		return nil
	})
}

// received lists the responses of a type since the one with index from.
func (p *proxy) received(typeURL string, from int) []xdsclient.Response {
	var out []xdsclient.Response
	for _, response := range p.History()[from:] {
		if response.TypeURL == typeURL {
			out = append(out, response)
		}
	}
	return out
}
