package xds

import (
	"strings"
	"testing"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/anypb"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/resources"
)

// TestEncodedByHand compares with the encoding of the protobuf library.
func TestEncodedByHand(t *testing.T) {
	bind := resources.ForGateway(defaultGateway, &api.Resource{Kind: &api.Resource_Bind{Bind: &api.Bind{Key: "80/ns/gw", Port: 80}}})
	empty := resources.Resource{Type: resources.TypeResource, Name: "backend/empty", Version: "v"}
	long := resources.Resource{Type: resources.TypeResource, Name: "backend/" + strings.Repeat("x", 300), Version: "v", Body: make([]byte, 70_000)}
	response := &Response{
		Type: resources.TypeResource, url: resources.ResourceTypeURL, Nonce: "12",
		Removed: []string{"route/a", "route/b"},
		items:   []*item{newItem(&bind), newItem(&empty), newItem(&long)},
	}
	want := &discoveryv3.DeltaDiscoveryResponse{
		TypeUrl: resources.ResourceTypeURL, Nonce: "12", RemovedResources: []string{"route/a", "route/b"},
	}
	for _, r := range []resources.Resource{bind, empty, long} {
		want.Resources = append(want.Resources, &discoveryv3.Resource{
			Name: r.Name, Version: r.Version, Resource: &anypb.Any{TypeUrl: resources.ResourceTypeURL, Value: r.Body},
		})
	}
	encoded, err := newCodec().Marshal(response)
	if err != nil {
		t.Fatal(err)
	}
	got := &discoveryv3.DeltaDiscoveryResponse{}
	if err := proto.Unmarshal(encoded.Materialize(), got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("other message (-want +got):\n%s", diff)
	}
	if size := newItem(&long).size(); size > 70_000+500 || size < 70_000+300 {
		t.Errorf("the size of an item is %d", size)
	}
}

// TestOrdinaryMessagesStillEncode: the codec serves whatever else is registered
// on the server.
func TestOrdinaryMessagesStillEncode(t *testing.T) {
	want := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: "x"}
	encoded, err := newCodec().Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got := &discoveryv3.DeltaDiscoveryRequest{}
	if err := newCodec().Unmarshal(encoded, got); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(want, got) {
		t.Errorf("got %v", got)
	}
}

// TestParentOfListeners: the server has to know what a bind takes with it.
func TestParentOfListeners(t *testing.T) {
	r := resources.ForGateway(defaultGateway, &api.Resource{Kind: &api.Resource_Listener{Listener: &api.Listener{Key: "l", BindKey: "80/ns/gw"}}})
	bind := resources.ForGateway(defaultGateway, &api.Resource{Kind: &api.Resource_Bind{Bind: &api.Bind{Key: "80/ns/gw"}}})
	if r.Parent != bind.Name {
		t.Errorf("the parent is %q, want %q", r.Parent, bind.Name)
	}
	if bind.Parent != "" {
		t.Errorf("a bind has the parent %q", bind.Parent)
	}
}

// TestUnitBeyondEveryLimit: a bind with more listeners than any message takes
// opens first.
func TestUnitBeyondEveryLimit(t *testing.T) {
	listener := newItem(&resources.Resource{Name: "listener/l", Version: "1", Body: make([]byte, 600)})
	bind := newItem(&resources.Resource{Name: "bind/80", Version: "1"})
	u := &unit{bind: bind, contents: []*item{listener, listener}}
	items := packer[*item]{limit: 1000, size: (*item).size}
	u.pack(&items, 1000)
	packs := items.packs()
	if len(packs) != 2 || packs[0][0] != bind {
		t.Errorf("unexpected packs: %v", packs)
	}
}
