package names

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/cache"
)

func zone(t *testing.T, endpoints int) Zone {
	t.Helper()
	services := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	slicesOf := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	named := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "shop", Name: name} }
	ports := []corev1.ServicePort{{Name: "http", Port: 80}}
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "db-1", Labels: map[string]string{discoveryv1.LabelServiceName: "db"}},
		Ports:      []discoveryv1.EndpointPort{{Name: new("http"), Port: new(int32(8080))}},
	}
	for i := range endpoints {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{fmt.Sprintf("198.18.%d.%d", i/200, i%200+1)}})
	}
	slice.Endpoints[0].Hostname = new("db-0")
	slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
		Addresses: []string{"198.18.99.99"}, Conditions: discoveryv1.EndpointConditions{Ready: new(false)},
	})
	for _, add := range []error{
		services.Add(&corev1.Service{ObjectMeta: named("web"), Spec: corev1.ServiceSpec{ClusterIP: "10.96.0.7", Ports: ports}}),
		services.Add(&corev1.Service{ObjectMeta: named("db"), Spec: corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, Ports: ports}}),
		services.Add(&corev1.Service{ObjectMeta: named("alias"), Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "web.shop.svc.cluster.local"}}),
		services.Add(&corev1.Service{ObjectMeta: named("outside"), Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "example.com"}}),
		slicesOf.Add(slice),
	} {
		if add != nil {
			t.Fatal(add)
		}
	}
	return Zone{Services: corelisters.NewServiceLister(services), Endpoints: discoverylisters.NewEndpointSliceLister(slicesOf)}
}

// localNetwork is that of the tests.
type localNetwork struct{}

func (localNetwork) Listen(address netip.AddrPort) (net.Listener, error) {
	return net.Listen("tcp4", address.String())
}

func (localNetwork) ListenPacket(address netip.AddrPort) (net.PacketConn, error) {
	return net.ListenPacket("udp4", address.String())
}

// resolver asks a server of the zone.
func resolver(t *testing.T, zone Zone, upstream string) *net.Resolver {
	t.Helper()
	server, err := Listen(localNetwork{}, netip.MustParseAddrPort("127.0.0.1:0"), zone, upstream)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		server.Run(ctx)
		close(done)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server.Address().String())
	}}
}

func TestLookup(t *testing.T) {
	r := resolver(t, zone(t, 2), "")
	for name, want := range map[string][]string{
		"web.shop.svc.cluster.local.":           {"10.96.0.7"},
		"WEB.Shop.svc.cluster.local.":           {"10.96.0.7"},
		"db.shop.svc.cluster.local.":            {"198.18.0.1", "198.18.0.2"},
		"db-0.db.shop.svc.cluster.local.":       {"198.18.0.1"},
		"198-18-0-2.db.shop.svc.cluster.local.": {"198.18.0.2"},
		"alias.shop.svc.cluster.local.":         {"10.96.0.7"},
		"198-18-0-9.shop.pod.cluster.local.":    {"198.18.0.9"},
		"nothing.shop.svc.cluster.local.":       nil,
		"web.other.svc.cluster.local.":          nil,
		"db-9.db.shop.svc.cluster.local.":       nil,
		"example.com.":                          nil,
		"svc.cluster.local.":                    nil,
	} {
		got, err := r.LookupHost(t.Context(), name)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v (%v), want %v", name, got, err, want)
		}
		var unknown *net.DNSError
		if want == nil && !(errors.As(err, &unknown) && unknown.IsNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, records, err := r.LookupSRV(t.Context(), "http", "tcp", "db.shop.svc.cluster.local.")
	if err != nil || len(records) != 2 || records[0].Port != 8080 {
		t.Errorf("SRV: %v, %v", records, err)
	}
}

// TestLongAnswer asks for more addresses than fit into a packet.
func TestLongAnswer(t *testing.T) {
	got, err := resolver(t, zone(t, 500), "").LookupHost(t.Context(), "db.shop.svc.cluster.local.")
	if err != nil || len(got) != 500 {
		t.Errorf("%d addresses, %v", len(got), err)
	}
}

// TestForward asks for names of elsewhere, by UDP and behind an alias.
func TestForward(t *testing.T) {
	upstream := elsewhere(t)
	z := zone(t, 1)
	r := resolver(t, z, upstream)
	for _, name := range []string{"example.com.", "outside.shop.svc.cluster.local."} {
		got, err := r.LookupHost(t.Context(), name)
		if err != nil || !slices.Equal(got, []string{"192.0.2.7"}) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// elsewhere is a name server that knows example.com only.
func elsewhere(t *testing.T) string {
	t.Helper()
	packets, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	streams, err := net.Listen("tcp4", packets.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		packets.Close()
		streams.Close()
	})
	answer := func(message []byte) []byte {
		var question dnsmessage.Message
		if err := question.Unpack(message); err != nil {
			t.Error(err)
			return nil
		}
		found := unknown
		if asked := question.Questions[0]; asked.Name.String() == "example.com." {
			found = addresses([]netip.Addr{netip.MustParseAddr("192.0.2.7")}, asked.Type)
		}
		return reply(question.Header, question.Questions[0], found, maxMessage)
	}
	go func() {
		for {
			buffer := make([]byte, maxMessage)
			n, from, err := packets.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = packets.WriteTo(answer(buffer[:n]), from)
		}
	}()
	go func() {
		for {
			connection, err := streams.Accept()
			if err != nil {
				return
			}
			if message, err := readFramed(connection); err == nil {
				_ = writeFramed(connection, answer(message))
			}
			connection.Close()
		}
	}()
	return packets.LocalAddr().String()
}
