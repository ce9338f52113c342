package xds

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"agentgateway.dev/controller/pkg/resources"
)

// TestConcurrentClients has clients of several Gateways come and go while
// several writers change resources. It is there for the race detector; what the
// clients have in the end is checked too.
func TestConcurrentClients(t *testing.T) {
	const gateways, clientsPerGateway, writes, names = 3, 3, 300, 12
	r := start(t, func(o *Options) { o.Limits.NewStreamsPerSecond = 1e6; o.Limits.ResponseBytes = 300 })
	r.store.MarkSynced()
	final := make([]map[string]string, gateways)

	var writers, clients sync.WaitGroup
	for g := range gateways {
		gateway := types.NamespacedName{Namespace: "ns", Name: fmt.Sprint("gw", g)}
		final[g] = map[string]string{}
		writers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(g), 1))
			for i := range writes {
				change := set(gateway, fmt.Sprintf("route/%d", random.IntN(names)), fmt.Sprint(i))
				if random.IntN(3) == 0 {
					change.New = nil
				}
				r.store.Apply([]Change{change, setAddress(fmt.Sprintf("ns/%d", random.IntN(names)), fmt.Sprint(i), 10)})
				if change.New == nil {
					delete(final[g], change.Name)
				} else {
					final[g][change.Name] = change.New.Version
				}
			}
			r.store.Apply([]Change{set(gateway, "route/last", "1")})
			final[g]["route/last"] = "1"
		})
		for range clientsPerGateway {
			clients.Go(func() {
				held := map[string]string{}
				for reconnect := 0; ; reconnect++ {
					if follow(r, "ns~"+gateway.Name, held, 20*(reconnect+1)) {
						break
					}
				}
				writers.Wait()
				if diff := cmp.Diff(final[gateway.Name[2]-'0'], held); diff != "" {
					t.Errorf("a client of %s has something else (-want +got):\n%s", gateway, diff)
				}
			})
		}
	}
	clients.Wait()
	writers.Wait()
}

// follow keeps held up to date until the last resource has come, and then
// returns true, or for so many responses. Changes that the last resource
// overtook came with it in one round, whose end an empty reconnect shows.
func follow(r *running, role string, held map[string]string, most int) bool {
	c := r.open()
	defer c.cancel()
	c.subscribe(role, resources.AddressTypeURL)
	c.send(&discoveryv3.DeltaDiscoveryRequest{
		TypeUrl: resources.ResourceTypeURL, Node: nodeOf(role), InitialResourceVersions: maps.Clone(held),
	})
	complete := held["route/last"] != ""
	for range most {
		response, err := c.stream.Recv()
		if err != nil {
			if err != io.EOF {
				r.t.Errorf("receive: %v", err)
			}
			return true
		}
		if response.GetTypeUrl() == resources.ResourceTypeURL {
			for _, resource := range response.GetResources() {
				held[resource.GetName()] = resource.GetVersion()
			}
			for _, name := range response.GetRemovedResources() {
				delete(held, name)
			}
			if complete {
				return len(response.GetResources())+len(response.GetRemovedResources()) == 0
			}
		}
		c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: response.GetTypeUrl(), ResponseNonce: response.GetNonce()})
		if !complete && held["route/last"] != "" {
			return false
		}
	}
	return false
}
