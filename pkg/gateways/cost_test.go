package gateways

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	gwv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/references"
)

// crowd is one Gateway with many ListenerSets, all on one port.
type crowd struct {
	built    Collections
	gateways krt.StaticCollection[*gwv1.Gateway]
	sets     krt.StaticCollection[*gwv1.ListenerSet]
	secrets  krt.StaticCollection[*corev1.Secret]
}

func newCrowd(t testing.TB, size int) crowd {
	t.Helper()
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	opts := krt.NewOptionsBuilder(stop, "", nil)
	var sets []*gwv1.ListenerSet
	for i := range size {
		sets = append(sets, numbered(i, gwv1.Hostname(fmt.Sprintf("h%d.example.com", i))))
	}
	c := crowd{
		gateways: krt.NewStaticCollection(nil, []*gwv1.Gateway{hosting(443)}, opts.WithName("inputs/Gateway")...),
		sets:     krt.NewStaticCollection(nil, sets, opts.WithName("inputs/ListenerSet")...),
		secrets:  krt.NewStaticCollection[*corev1.Secret](nil, nil, opts.WithName("inputs/Secret")...),
	}
	classes := NewClasses(krt.NewStaticCollection(nil, []*gwv1.GatewayClass{{
		ObjectMeta: metav1.ObjectMeta{Name: "c"}, Spec: gwv1.GatewayClassSpec{ControllerName: DefaultController},
	}}, opts.WithName("inputs/GatewayClass")...), []string{DefaultController}, "", opts)
	grants := references.NewGrants(krt.NewStaticCollection[*gwv1beta1.ReferenceGrant](nil, nil, opts.WithName("inputs/ReferenceGrant")...))
	configMaps := krt.NewStaticCollection[*corev1.ConfigMap](nil, nil, opts.WithName("inputs/ConfigMap")...)
	certificates := references.NewCertificates(c.secrets, configMaps, grants, opts)
	c.built = New(Inputs{
		Gateways: c.gateways, ListenerSets: c.sets, Classes: classes, Certificates: certificates,
		Namespaces:         krt.NewStaticCollection[*corev1.Namespace](nil, nil, opts.WithName("inputs/Namespace")...),
		ClientCertificates: NewClientCertificates(c.gateways, classes, certificates, opts),
	}, opts)
	for _, syncer := range []krt.Syncer{c.built.Gateways, c.built.ListenerSets, c.built.Parents} {
		if !syncer.WaitUntilSynced(t.Context().Done()) {
			t.Fatal("the collections aren't complete")
		}
	}
	return c
}

// hosting is the Gateway with one listener on port.
func hosting(port gwv1.PortNumber) *gwv1.Gateway {
	return &gwv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "gw"},
		Spec: gwv1.GatewaySpec{
			GatewayClassName: "c",
			Listeners:        []gwv1.Listener{{Name: "own", Protocol: gwv1.TLSProtocolType, Port: port, TLS: &gwv1.ListenerTLSConfig{Mode: new(gwv1.TLSModePassthrough)}}},
			AllowedListeners: &gwv1.AllowedListeners{Namespaces: &gwv1.ListenerNamespaces{From: new(gwv1.NamespacesFromAll)}},
		},
	}
}

// numbered is ListenerSet i. Their Secrets, one for each, needn't exist.
func numbered(i int, hostname gwv1.Hostname) *gwv1.ListenerSet {
	return &gwv1.ListenerSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("ls%04d", i), CreationTimestamp: metav1.NewTime(time.Unix(int64(i+1), 0))},
		Spec: gwv1.ListenerSetSpec{
			ParentRef: gwv1.ParentGatewayReference{Name: "gw"},
			Listeners: []gwv1.ListenerEntry{{Name: "l", Protocol: gwv1.HTTPSProtocolType, Port: 443, Hostname: &hostname, TLS: &gwv1.ListenerTLSConfig{
				CertificateRefs: []gwv1.SecretObjectReference{{Name: gwv1.ObjectName(fmt.Sprintf("secret%04d", i))}},
			}}},
		},
	}
}

// heard collects the events of all results.
type heard struct {
	mu    sync.Mutex
	lines []string
	added chan struct{}
}

func (c crowd) listen(t testing.TB) *heard {
	t.Helper()
	h := &heard{added: make(chan struct{}, 1)}
	c.built.Gateways.RegisterBatch(func(events []krt.Event[Gateway]) {
		for _, event := range events {
			h.add("Gateway " + event.Event.String() + " " + event.Latest().Name)
		}
	}, false)
	c.built.ListenerSets.RegisterBatch(func(events []krt.Event[ListenerSet]) {
		for _, event := range events {
			change := event.Event.String()
			if event.New != nil && event.New.pending {
				continue
			}
			if event.Old != nil && event.Old.pending {
				change = "add"
			}
			h.add("ListenerSet " + change + " " + event.Latest().Name)
		}
	}, false)
	return h
}

func (h *heard) add(line string) {
	h.mu.Lock()
	h.lines = append(h.lines, line)
	h.mu.Unlock()
	select {
	case h.added <- struct{}{}:
	default:
	}
}

// until returns what was heard once all of want was. The time limit only ends
// a test that fails.
func (h *heard) until(t testing.TB, want ...string) []string {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		h.mu.Lock()
		lines := slices.Clone(h.lines)
		h.mu.Unlock()
		if !slices.ContainsFunc(want, func(line string) bool { return !slices.Contains(lines, line) }) {
			slices.Sort(lines)
			return lines
		}
		select {
		case <-h.added:
		case <-limit:
			t.Fatalf("got only %q, want %q", lines, want)
		}
	}
}

// TestListenerSetWakesOnlyThoseItConcerns makes one change among many
// ListenerSets on one port of one Gateway.
func TestListenerSetWakesOnlyThoseItConcerns(t *testing.T) {
	const size = 300
	for _, test := range []struct {
		name   string
		change func(crowd)
		want   []string
	}{
		{"a Secret of one", func(c crowd) {
			c.secrets.UpdateObject(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "secret0007"}})
		}, []string{"ListenerSet update ls0007"}},
		{"another host for one", func(c crowd) { c.sets.UpdateObject(numbered(7, "new.example.com")) }, []string{"ListenerSet update ls0007"}},
		{"one more", func(c crowd) { c.sets.UpdateObject(numbered(size, "new.example.com")) }, []string{"ListenerSet add ls0300"}},
		{"one more that loses", func(c crowd) { c.sets.UpdateObject(numbered(size, "h7.example.com")) }, []string{"ListenerSet add ls0300"}},
		{"one that takes the host of another", func(c crowd) { c.sets.UpdateObject(numbered(7, "h9.example.com")) },
			[]string{"ListenerSet update ls0007", "ListenerSet update ls0009"}},
		{"one less", func(c crowd) { c.sets.DeleteObject("default/ls0007") }, []string{"ListenerSet delete ls0007"}},
		{"a port of its own", func(c crowd) {
			set := numbered(7, "h7.example.com")
			set.Spec.Listeners[0].Port = 8443
			c.sets.UpdateObject(set)
		}, []string{"Gateway update gw", "ListenerSet update ls0007"}},
		{"another port for the Gateway's own listener", func(c crowd) { c.gateways.UpdateObject(hosting(444)) }, []string{"Gateway update gw"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCrowd(t, size)
			h := c.listen(t)
			test.change(c)
			h.until(t, test.want...)
			// What comes after ends the wait for what must not come.
			another := hosting(1)
			another.Name = "end"
			c.gateways.UpdateObject(another)
			end := numbered(9999, "end.example.com")
			end.Spec.ParentRef.Name = "end"
			c.sets.UpdateObject(end)
			got := slices.DeleteFunc(h.until(t, "Gateway add end", "ListenerSet add ls9999"), func(line string) bool {
				return strings.HasSuffix(line, " end") || strings.HasSuffix(line, " ls9999")
			})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLateLoss checks that a ListenerSet that stops losing is served.
func TestLateLoss(t *testing.T) {
	c := newCrowd(t, 10)
	h := c.listen(t)
	c.sets.UpdateObject(numbered(10, "h3.example.com"))
	h.until(t, "ListenerSet add ls0010")
	c.sets.DeleteObject("default/ls0003")
	h.until(t, "ListenerSet delete ls0003", "ListenerSet update ls0010")
	if set := c.built.ListenerSets.GetKey("default/ls0010"); set == nil || !set.Listeners[0].Served || len(set.Resources) != 1 {
		t.Errorf("the ListenerSet that was second: %+v", set)
	}
}

// TestIdentity: a listener that moves to another port and a port that changes
// its protocol can't be updated in place by a proxy.
func TestIdentity(t *testing.T) {
	gateway := types.NamespacedName{Namespace: "default", Name: "gw"}
	listener := state{Listener: Listener{Key: "default/gw.l", Name: "l", Port: 80, Protocol: gwv1.HTTPProtocolType}}
	moved, renamed := listener, listener
	moved.Port = 81
	renamed.Hostname = "a.example.com"
	before := listener.wire(gateway, types.NamespacedName{})
	if after := moved.wire(gateway, types.NamespacedName{}); after.Name != before.Name || after.Identity() == before.Identity() {
		t.Errorf("a moved listener: %s %s, before %s %s", after.Name, after.Version, before.Name, before.Version)
	}
	if after := renamed.wire(gateway, types.NamespacedName{}); after.Identity() != before.Identity() || after.Version == before.Version {
		t.Errorf("another hostname: version %s, before %s", after.Version, before.Version)
	}
	bind := port{number: 443, group: "HTTP", asStandard: true}.wire(gateway)
	for name, changed := range map[string]port{
		"TLS": {number: 443, group: "TLS", asStandard: true}, "a tunnel": {number: 443, group: "HBONE", asStandard: true}, "internal": {number: 443, group: "HTTP", asInternal: true},
	} {
		if after := changed.wire(gateway); after.Name != bind.Name || after.Identity() == bind.Identity() {
			t.Errorf("%s: %s %s, before %s %s", name, after.Name, after.Version, bind.Name, bind.Version)
		}
	}
}

// BenchmarkListenerSetChange measures from the change of one ListenerSet's
// host, to and fro one that another one has, to its result.
func BenchmarkListenerSetChange(b *testing.B) {
	for _, size := range []int{100, 2500} {
		b.Run(fmt.Sprintf("listenersets=%d", size), func(b *testing.B) {
			c := newCrowd(b, size)
			changed := make(chan struct{}, 1000)
			c.built.ListenerSets.Register(func(event krt.Event[ListenerSet]) {
				if event.Latest().Name == "ls0050" {
					changed <- struct{}{}
				}
			})
			<-changed
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				c.sets.UpdateObject(numbered(50, gwv1.Hostname(fmt.Sprintf("n%d.example.com", i))))
				<-changed
			}
		})
	}
}

// TestPorts: a port that only a ListenerSet asks for is one of the Gateway's,
// and internal only as long as nobody wants it otherwise.
func TestPorts(t *testing.T) {
	c := newCrowd(t, 0)
	set := func(i int, internal string, port gwv1.PortNumber) *gwv1.ListenerSet {
		set := numbered(i, "a.example.com")
		set.Annotations = map[string]string{InternalPortsAnnotation: internal}
		set.Spec.Listeners[0].Port = port
		return set
	}
	reached := make(chan []Port, 100)
	c.built.Gateways.Register(func(event krt.Event[Gateway]) { reached <- event.Latest().Ports })
	want := func(ports ...Port) {
		t.Helper()
		limit := time.After(30 * time.Second)
		var got []Port
		for !slices.Equal(got, ports) {
			select {
			case got = <-reached:
			case <-limit:
				t.Fatalf("ports %v, want %v", got, ports)
			}
		}
	}
	want(Port{Number: 443})
	c.sets.UpdateObject(set(0, "8443", 8443))
	want(Port{Number: 443}, Port{Number: 8443, Internal: true})
	// The second one loses against the first, and is asked all the same.
	c.sets.UpdateObject(set(1, "", 8443))
	want(Port{Number: 443}, Port{Number: 8443})
	c.sets.DeleteObject("default/ls0001")
	c.sets.DeleteObject("default/ls0000")
	want(Port{Number: 443})
}
