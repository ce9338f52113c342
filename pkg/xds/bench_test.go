package xds

import (
	"fmt"
	"testing"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"k8s.io/apimachinery/pkg/types"

	"agentgateway.dev/controller/pkg/resources"
)

// large is the size of configuration at which costs are looked at.
const large = 40_000

func filledStore(gateway types.NamespacedName, count int) *Store {
	store := NewStore()
	changes := make([]Change, 0, count)
	for i := range count {
		changes = append(changes, benchChange(gateway, i, "1"))
	}
	store.Apply(changes)
	return store
}

func benchChange(gateway types.NamespacedName, i int, version string) Change {
	name := fmt.Sprintf("route/ns/route-%d.00.http", i)
	r := &resources.Resource{Gateway: gateway, Name: name, Version: "aaaaaaaaaaaaaaaaaaaaaa" + version, Body: make([]byte, 400)}
	return Change{Gateway: gateway, Name: name, New: r}
}

func openBench(store *Store, gateway types.NamespacedName, have map[string]string) (*Session, *Response) {
	session := NewSession(store, gateway, func() {}, 1<<30)
	out := session.Request(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: resources.ResourceTypeURL, InitialResourceVersions: have})
	return session, out.Responses[0]
}

func ackBench(session *Session, response *Response) {
	session.Request(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: resources.ResourceTypeURL, ResponseNonce: response.Nonce})
}

// BenchmarkApply is one change among 40,000 resources, without and with 1,000
// streams of other Gateways.
func BenchmarkApply(b *testing.B) {
	for _, others := range []int{0, 1000} {
		b.Run(fmt.Sprintf("other streams=%d", others), func(b *testing.B) {
			store := filledStore(defaultGateway, large)
			for i := range others {
				openBench(store, types.NamespacedName{Namespace: "ns", Name: fmt.Sprint("other", i)}, nil)
			}
			changes := [2][]Change{{benchChange(defaultGateway, 7, "1")}, {benchChange(defaultGateway, 7, "2")}}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				store.Apply(changes[(i+1)%2])
			}
		})
	}
}

// BenchmarkStep is the way of one change from the journal through a session and
// back with the client's answer, with streams of the same and of other
// Gateways at rest.
func BenchmarkStep(b *testing.B) {
	for _, others := range []int{0, 1000} {
		b.Run(fmt.Sprintf("other streams=%d", others), func(b *testing.B) {
			store := filledStore(defaultGateway, large)
			for i := range others {
				openBench(store, types.NamespacedName{Namespace: "ns", Name: fmt.Sprint("other", i)}, nil)
			}
			session, first := openBench(store, defaultGateway, nil)
			ackBench(session, first)
			changes := [2][]Change{{benchChange(defaultGateway, 7, "1")}, {benchChange(defaultGateway, 7, "2")}}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				store.Apply(changes[(i+1)%2])
				out := session.Changed()
				if len(out.Responses) != 1 || out.Responses[0].Len() != 1 {
					b.Fatalf("unexpected output %+v", out)
				}
				ackBench(session, out.Responses[0])
			}
		})
	}
}

// BenchmarkFirstRound is what a new stream costs with 40,000 resources, for a
// proxy that has none and for one that has them all.
func BenchmarkFirstRound(b *testing.B) {
	store := filledStore(defaultGateway, large)
	all := map[string]string{}
	for name, e := range store.gateways[defaultGateway].entries {
		all[name] = e.version()
	}
	for name, have := range map[string]map[string]string{"fresh": nil, "reconnect": all} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				session, _ := openBench(store, defaultGateway, have)
				session.Close()
			}
		})
	}
}

// BenchmarkEncode is the marshalling of responses; the bytes of resources are
// not touched.
func BenchmarkEncode(b *testing.B) {
	for _, count := range []int{1, large} {
		b.Run(fmt.Sprintf("resources=%d", count), func(b *testing.B) {
			store := filledStore(defaultGateway, count)
			_, response := openBench(store, defaultGateway, nil)
			codec := newCodec()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := codec.Marshal(response); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkNewItem is the work for a resource before any client gets it.
func BenchmarkNewItem(b *testing.B) {
	change := benchChange(defaultGateway, 7, "1")
	b.ReportAllocs()
	for b.Loop() {
		newItem(change.New)
	}
}
