package xdsclient_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"agentgateway.dev/controller/tools/dataplane/internal/adstest"
	"agentgateway.dev/controller/tools/dataplane/internal/store"
	"agentgateway.dev/controller/tools/dataplane/xdsclient"
)

func start(t *testing.T, options xdsclient.Options) *xdsclient.Client {
	t.Helper()
	options.Namespace, options.Gateway = "ns", "gw"
	client, err := xdsclient.New(options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- client.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	})
	return client
}

func TestFirstRequests(t *testing.T) {
	server := adstest.Start(t)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, xdsclient.Options{Address: server.Address, PodName: "pod", TokenFile: token, ClusterID: "c1"})
	stream := server.Accept(t)
	if diff := cmp.Diff([]string{"Bearer secret"}, stream.Metadata.Get("authorization")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"c1"}, stream.Metadata.Get("clusterid")); diff != "" {
		t.Error(diff)
	}
	for _, want := range []store.Type{store.TypeAddress, store.TypeResource} {
		request := stream.Receive()
		if request.GetTypeUrl() != want.URL() || len(request.GetInitialResourceVersions()) != 0 || len(request.GetResourceNamesSubscribe()) != 0 {
			t.Errorf("request %v", request)
		}
		if got, want := request.GetNode().GetId(), "agentgateway~1.1.1.1~pod.ns~ns.svc.cluster.local"; got != want {
			t.Errorf("node id %q, want %q", got, want)
		}
		wantFields := map[string]any{
			"NAME": "pod", "NAMESPACE": "ns", "INSTANCE_IPS": "1.1.1.1", "NODE_NAME": "", "GATEWAY_NAME": "gw", "role": "ns~gw",
		}
		if diff := cmp.Diff(wantFields, request.GetNode().GetMetadata().AsMap()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestReconnectTellsWhatIsHeld(t *testing.T) {
	server := adstest.Start(t)
	client := start(t, xdsclient.Options{
		Address: server.Address, Record: true, OnResponse: xdsclient.Strict(),
		InitialVersions: map[string]map[string]string{store.TypeAddress.URL(): {"old": "1"}},
	})
	stream := server.Accept(t)
	if diff := cmp.Diff(map[string]string{"old": "1"}, stream.Receive().GetInitialResourceVersions()); diff != "" {
		t.Error(diff)
	}
	stream.Receive()
	workload, bind := adstest.Workload("w"), adstest.Bind("b", 80)
	stream.Accepted(store.TypeAddress, []*discovery.Resource{workload}, "old")
	broken := adstest.Bind("c", 70000)
	answer := stream.Send(store.TypeResource, []*discovery.Resource{bind, broken})
	if answer.GetErrorDetail().GetCode() != 0 || !strings.HasPrefix(answer.GetErrorDetail().GetMessage(), `[{"key":"bind/c","error":`) {
		t.Errorf("answer: %v", answer)
	}
	// An error after headers, a clean end, and a refusal at once all reconnect.
	stream.End(status.Error(codes.Internal, "for the test"))
	for range 3 {
		stream = server.Accept(t)
		if diff := cmp.Diff(map[string]string{workload.Name: workload.Version}, stream.Receive().GetInitialResourceVersions()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(map[string]string{bind.Name: bind.Version}, stream.Receive().GetInitialResourceVersions()); diff != "" {
			t.Error(diff)
		}
		stream.End(nil)
	}
	want := []xdsclient.Response{
		{TypeURL: store.TypeAddress.URL(), Nonce: "1", Stream: 1, Removed: []string{"old"},
			Resources: []xdsclient.NameVersion{{Name: workload.Name, Version: workload.Version}}},
		{TypeURL: store.TypeResource.URL(), Nonce: "2", Stream: 1, Findings: []xdsclient.Finding{{Key: "bind/c", Error: "bind port 70000 is greater than 65535"}},
			Resources: []xdsclient.NameVersion{{Name: "bind/b", Version: bind.Version}, {Name: "bind/c", Version: broken.Version}}},
	}
	if diff := cmp.Diff(want, client.History()); diff != "" {
		t.Error(diff)
	}
	held := map[string]xdsclient.Held{"bind/b": {Version: bind.Version, Body: bind.GetResource().GetValue()}}
	if diff := cmp.Diff(held, client.Held(store.TypeResource.URL())); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownTypeIsAcknowledged(t *testing.T) {
	server := adstest.Start(t)
	client := start(t, xdsclient.Options{Address: server.Address, Record: true, OnResponse: xdsclient.Strict()})
	stream := server.Accept(t)
	stream.Receive()
	stream.Receive()
	if answer := stream.SendRaw(&discovery.DeltaDiscoveryResponse{TypeUrl: "other", Nonce: "n"}); answer.GetErrorDetail() != nil {
		t.Errorf("answer: %v", answer)
	}
	if history := client.History(); len(history) != 0 {
		t.Errorf("history: %v", history)
	}
}

func TestWaitFor(t *testing.T) {
	server := adstest.Start(t)
	client := start(t, xdsclient.Options{Address: server.Address, Record: true})
	stream := server.Accept(t)
	stream.Receive()
	stream.Receive()
	stream.Accepted(store.TypeResource, []*discovery.Resource{adstest.Bind("b", 80)})
	if err := client.WaitFor(adstest.Context(t), func() bool { return len(client.Held(store.TypeResource.URL())) == 1 }); err != nil {
		t.Error(err)
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if err := client.WaitFor(over, func() bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"http://host:1": "", "https://host:1/path": "", "host:1": "",
		"host": "mandatory", "http://host": "mandatory", "ftp://host:1": "neither http nor https", "http://[::1]:1": "IPv6",
	} {
		_, err := xdsclient.New(xdsclient.Options{Address: address, Namespace: "ns", Gateway: "gw"})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := xdsclient.New(xdsclient.Options{Address: "http://host:1"}); err == nil {
		t.Error("a client without namespace and gateway was made")
	}
}
