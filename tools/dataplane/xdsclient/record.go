package xdsclient

import (
	"context"
	"maps"
	"slices"
	"sync"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	"agentgateway.dev/controller/tools/dataplane/internal/store"
)

// Response is a recorded response.
type Response struct {
	TypeURL string
	Nonce   string
	// Stream counts the streams of the client, starting at 1.
	Stream int
	// Resources are in list order.
	Resources []NameVersion
	Removed   []string
	// Findings is what was answered: empty for an ACK.
	Findings []Finding
}

// NameVersion is a resource without its content.
type NameVersion struct{ Name, Version string }

// Held is a resource as the client has it.
type Held struct {
	Version string
	// Body is the value of the Any; it is kept only while recording.
	Body []byte
}

// record is what the client knows. It is changed by the goroutine of Run and
// read by anybody.
type record struct {
	mu      sync.Mutex
	held    map[string]map[string]Held
	history []Response
	streams int
	// changed is closed and replaced whenever something was recorded.
	changed chan struct{}
}

func newRecord(initial map[string]map[string]string) *record {
	r := &record{held: map[string]map[string]Held{}, changed: make(chan struct{})}
	for typeURL, versions := range initial {
		r.held[typeURL] = map[string]Held{}
		for name, version := range versions {
			r.held[typeURL][name] = Held{Version: version}
		}
	}
	return r
}

func (r *record) notify() {
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *record) streamOpened() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streams++
	r.notify()
}

// take updates what is held: resources without an error-level finding become
// known, those with one keep the version they had.
func (r *record) take(response *discovery.DeltaDiscoveryResponse, findings []Finding, full bool) {
	rejected := map[string]bool{}
	for _, finding := range findings {
		if store.HasErrors([]Finding{finding}) {
			rejected[finding.Key] = true
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	held := r.held[response.GetTypeUrl()]
	if held == nil {
		held = map[string]Held{}
		r.held[response.GetTypeUrl()] = held
	}
	entry := Response{
		TypeURL: response.GetTypeUrl(), Nonce: response.GetNonce(), Stream: r.streams,
		Removed: response.GetRemovedResources(), Findings: findings,
	}
	for _, resource := range response.GetResources() {
		entry.Resources = append(entry.Resources, NameVersion{resource.GetName(), resource.GetVersion()})
		if rejected[resource.GetName()] {
			continue
		}
		taken := Held{Version: resource.GetVersion()}
		if full {
			taken.Body = resource.GetResource().GetValue()
		}
		held[resource.GetName()] = taken
	}
	for _, name := range response.GetRemovedResources() {
		delete(held, name)
	}
	if full {
		r.history = append(r.history, entry)
	}
	r.notify()
}

func (r *record) versions(typeURL string) map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	versions := make(map[string]string, len(r.held[typeURL]))
	for name, held := range r.held[typeURL] {
		versions[name] = held.Version
	}
	return versions
}

// History returns every response so far, oldest first; it is empty unless
// Options.Record is set.
func (c *Client) History() []Response {
	c.record.mu.Lock()
	defer c.record.mu.Unlock()
	return slices.Clone(c.record.history)
}

// Held returns what the client holds of a type, by name.
func (c *Client) Held(typeURL string) map[string]Held {
	c.record.mu.Lock()
	defer c.record.mu.Unlock()
	return maps.Clone(c.record.held[typeURL])
}

// Versions returns name and version of all that the client holds, in the form
// of Options.InitialVersions.
func (c *Client) Versions() map[string]map[string]string {
	c.record.mu.Lock()
	urls := slices.Collect(maps.Keys(c.record.held))
	c.record.mu.Unlock()
	versions := map[string]map[string]string{}
	for _, url := range urls {
		versions[url] = c.record.versions(url)
	}
	return versions
}

// Streams counts the streams opened so far.
func (c *Client) Streams() int {
	c.record.mu.Lock()
	defer c.record.mu.Unlock()
	return c.record.streams
}

// WaitFor blocks until done returns true, asking again after every response and
// every new stream. It returns the error of ctx if that ends first.
func (c *Client) WaitFor(ctx context.Context, done func() bool) error {
	for {
		c.record.mu.Lock()
		changed := c.record.changed
		c.record.mu.Unlock()
		if done() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
