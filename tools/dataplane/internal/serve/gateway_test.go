package serve_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/tools/dataplane/internal/adstest"
	"agentgateway.dev/controller/tools/dataplane/internal/serve"
	"agentgateway.dev/controller/tools/dataplane/internal/store"
)

func TestDrainLetsRequestsFinish(t *testing.T) {
	arrived, hold := make(chan struct{}), make(chan struct{})
	r := newRig(t, func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-hold
		fmt.Fprint(w, "done")
	})
	r.route(nil)
	bodies := make(chan string, 1)
	go func() {
		_, body := r.send("GET", "/")
		bodies <- body
	}()
	<-arrived
	address := r.gateway.Address("b").String()
	drained := make(chan struct{})
	go func() {
		r.gateway.Drain(context.Background(), 0, time.Minute)
		close(drained)
	}()
	// The port closes while the request is still under way.
	for {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		conn.Close()
	}
	close(hold)
	if body := <-bodies; body != "done" {
		t.Errorf("body %q", body)
	}
	<-drained
}

func TestDrainCutsWhatIsLeft(t *testing.T) {
	arrived := make(chan struct{})
	r := newRig(t, func(_ http.ResponseWriter, in *http.Request) {
		close(arrived)
		<-in.Context().Done()
	})
	r.route(nil)
	failed := make(chan error, 1)
	go func() {
		_, err := http.DefaultTransport.RoundTrip(r.request("GET", "/"))
		failed <- err
	}()
	<-arrived
	r.gateway.Drain(context.Background(), 0, time.Millisecond)
	if err := <-failed; err == nil {
		t.Error("the request was answered")
	}
}

// TestPortIsBusyUntilTheOldBindIsClosed shows what a control plane has to cope
// with: a new key on the same port fails as long as the old one holds it, and
// is not tried again.
func TestPortIsBusyUntilTheOldBindIsClosed(t *testing.T) {
	port := adstest.FreePort(t)
	state := store.New()
	gateway := serve.New(serve.Options{State: state, Host: "127.0.0.1", CloseDelay: time.Hour})
	apply := func(added []*discovery.Resource, removed ...string) {
		gateway.Applied(state.Apply(&discovery.DeltaDiscoveryResponse{
			TypeUrl: store.TypeResource.URL(), Resources: added, RemovedResources: removed,
		}).Binds)
	}
	apply([]*discovery.Resource{adstest.Bind("old", port)})
	apply([]*discovery.Resource{adstest.Bind("new", port)}, "bind/old")
	if gateway.Address("new") != nil || gateway.Address("old") != nil {
		t.Errorf("sockets: new %v, old %v", gateway.Address("new"), gateway.Address("old"))
	}
	apply([]*discovery.Resource{adstest.Of(&api.Resource{Kind: &api.Resource_Bind{Bind: &api.Bind{
		Key: "inside", Port: port, Mode: api.Bind_INTERNAL,
	}}})})
	if gateway.Address("inside") != nil {
		t.Error("an internal bind has a socket")
	}
}

// TestNobodyIsServedBeforeBothTypesWereClean uses the order in which a proxy
// starts: the socket is open, the connection waits.
func TestNobodyIsServedBeforeBothTypesWereClean(t *testing.T) {
	state := store.New()
	gateway := serve.New(serve.Options{State: state, Host: "127.0.0.1", Port: func(uint32) uint32 { return 0 }})
	t.Cleanup(func() { gateway.Drain(context.Background(), 0, 0) })
	apply := func(of store.Type, added ...*discovery.Resource) {
		gateway.Applied(state.Apply(&discovery.DeltaDiscoveryResponse{TypeUrl: of.URL(), Resources: added}).Binds)
	}
	apply(store.TypeResource, adstest.Bind("b", 80))
	statuses := make(chan int, 1)
	request, err := http.NewRequestWithContext(adstest.Context(t), http.MethodGet, "http://"+gateway.Address("b").String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			statuses <- 0
			return
		}
		response.Body.Close()
		statuses <- response.StatusCode
	}()
	select {
	case status := <-statuses:
		t.Errorf("answered with %d before the addresses came", status)
	default:
	}
	apply(store.TypeAddress)
	if status := <-statuses; status != 404 {
		t.Errorf("status %d", status)
	}
}
