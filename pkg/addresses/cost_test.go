package addresses

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	inferencev1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"

	networkingapi "istio.io/api/networking/v1"
	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/resources"
)

// TestCost checks what is translated again by a change: the pods and services
// that the change concerns, not more, even when their results would come out
// equal.
func TestCost(t *testing.T) {
	front := map[string]string{"app": "web", "tier": "front"}
	back := map[string]string{"app": "web", "tier": "back"}
	base := func() []runtime.Object {
		return []runtime.Object{
			newNode("node-0", "eu-a"),
			newNamespace("default", "PreferClose"),
			newService("default", "front", front, 8080),
			newService("default", "web", map[string]string{"app": "web"}, 8080),
			newService("default", "by-hand", nil, 8080),
			newPod("default", "front-1", front, true),
			newPod("default", "front-2", front, true),
			newPod("default", "back-1", back, true),
			newPod("default", "alone", map[string]string{"app": "alone"}, true),
			newPod("other", "front-1", front, true),
			newSlice("default", "front-abc", "front", "", "front-1", "front-2"),
			newSlice("default", "by-hand-1", "by-hand", "", "alone", "back-1"),
			newNamespace("other", ""),
			newMeshConfig("corp.test"),
			newIstioNamespace("net-1"),
			newWaypoint("default", "waypoint", "all", "192.0.2.1", ""),
			newRemoteGateway("istio-system", "remote", "net-2", "192.0.2.2"),
			newServiceEntry("other", "selecting", front, []string{"front.test"}),
			newServiceEntry("other", "inline", nil, []string{"inline.test"}, &networkingapi.WorkloadEntry{Address: "192.0.2.3"}),
			newWorkloadEntry("other", "here", "192.0.2.4", "", front),
			newWorkloadEntry("other", "there", "192.0.2.5", "net-2", nil),
		}
	}
	everything := []string{
		"ServiceEntry other/inline", "ServiceEntry other/selecting", "WorkloadEntry other/here", "WorkloadEntry other/there",
		"default/alone", "default/back-1", "default/front-1", "default/front-2", "other/front-1",
	}
	for _, test := range []struct {
		name   string
		change func(*cluster)
		want   []string
	}{
		{
			name:   "a pod's readiness",
			change: func(c *cluster) { c.apply(newPod("default", "front-1", front, false)) },
			want:   []string{"default/front-1"},
		},
		{
			name:   "a selected pod's EndpointSlice",
			change: func(c *cluster) { c.apply(newSlice("default", "front-abc", "front", "", "front-2")) },
		},
		{
			name: "a Service's status, labels and external addresses",
			change: func(c *cluster) {
				service := newService("default", "web", map[string]string{"app": "web"}, 8080)
				service.Labels = map[string]string{"team": "new"}
				service.ResourceVersion = "2"
				service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.1"}}
				c.apply(service)
			},
		},
		{
			name:   "the target port of a Service that shares one pair of its selector",
			change: func(c *cluster) { c.apply(newService("default", "front", front, 9090)) },
			want:   []string{"default/front-1", "default/front-2", "service default/front.default.svc.cluster.local"},
		},
		{
			name:   "a selector moves from front to back",
			change: func(c *cluster) { c.apply(newService("default", "front", back, 8080)) },
			want:   []string{"default/back-1", "default/front-1", "default/front-2", "service default/front.default.svc.cluster.local"},
		},
		{
			name:   "a Service that selects nobody",
			change: func(c *cluster) { c.apply(newService("default", "new", map[string]string{"app": "nobody"}, 1)) },
			want:   []string{"service default/new.default.svc.cluster.local"},
		},
		{
			name:   "a Service goes",
			change: func(c *cluster) { c.remove(newService("default", "front", nil, 0)) },
			want:   []string{"default/front-1", "default/front-2"},
		},
		{
			name:   "a slice of a Service without a selector lets go of one pod",
			change: func(c *cluster) { c.apply(newSlice("default", "by-hand-1", "by-hand", "", "alone")) },
			want:   []string{"default/back-1"},
		},
		{
			name: "a node's heartbeat",
			change: func(c *cluster) {
				node := newNode("node-0", "eu-a")
				node.ResourceVersion = "2"
				node.Annotations = map[string]string{"beat": "2"}
				c.apply(node)
			},
		},
		{
			name:   "a Namespace's preference",
			change: func(c *cluster) { c.apply(newNamespace("default", "PreferSameNode")) },
			want: []string{
				"service default/by-hand.default.svc.cluster.local", "service default/front.default.svc.cluster.local",
				"service default/web.default.svc.cluster.local",
			},
		},
		{
			name: "the mesh configuration, but for the trust domain",
			change: func(c *cluster) {
				config := newMeshConfig("corp.test")
				config.Data["mesh"] += "\nrootNamespace: other"
				c.apply(config)
			},
		},
		{
			name:   "the trust domain",
			change: func(c *cluster) { c.apply(newMeshConfig("other.test")) },
			want:   slices.DeleteFunc(slices.Clone(everything), func(name string) bool { return name == "ServiceEntry other/selecting" }),
		},
		{
			name:   "the mesh configuration goes",
			change: func(c *cluster) { c.remove(newMeshConfig("")) },
			want:   slices.DeleteFunc(slices.Clone(everything), func(name string) bool { return name == "ServiceEntry other/selecting" }),
		},
		{
			name: "a label of a Namespace that says nothing here",
			change: func(c *cluster) {
				namespace := newNamespace("default", "PreferClose")
				namespace.Labels = map[string]string{"team": "blue"}
				c.apply(namespace)
			},
		},
		{
			name:   "a WorkloadEntry",
			change: func(c *cluster) { c.apply(newWorkloadEntry("other", "here", "192.0.2.40", "", front)) },
			want:   []string{"WorkloadEntry other/here"},
		},
		{
			name: "the port of a ServiceEntry that selects one pod and one WorkloadEntry",
			change: func(c *cluster) {
				entry := newServiceEntry("other", "selecting", front, []string{"front.test"})
				entry.Spec.Ports[0].TargetPort = 8080
				c.apply(entry)
			},
			want: []string{"ServiceEntry other/selecting", "WorkloadEntry other/here", "other/front-1", "service other/front.test"},
		},
		{
			name:   "a waypoint that nobody asks for",
			change: func(c *cluster) { c.apply(newWaypoint("default", "waypoint", "all", "192.0.2.9", "")) },
		},
		{
			name: "one pod asks for a waypoint",
			change: func(c *cluster) {
				c.apply(newPod("default", "front-1", map[string]string{"app": "web", "tier": "front", useWaypointLabel: "waypoint"}, true))
			},
			want: []string{"default/front-1"},
		},
		{
			name:   "the gateway of a network",
			change: func(c *cluster) { c.apply(newRemoteGateway("istio-system", "remote", "net-2", "192.0.2.20")) },
			want:   []string{"WorkloadEntry other/there"},
		},
		{
			name:   "the gateway of a network that nobody is on",
			change: func(c *cluster) { c.apply(newRemoteGateway("istio-system", "another", "net-3", "192.0.2.30")) },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCluster(options(t), base()...)
			got := translated(t, c, test.want, func() { test.change(c) })
			if !slices.Equal(got, test.want) {
				t.Errorf("translated %v, want %v", got, test.want)
			}
		})
	}
}

// translated returns, in order of their names, what is translated at least once
// because of change: pods by their key, others with their kind before it. It gives those that are wanted the time that a
// loaded machine needs.
func translated(t *testing.T, c *cluster, want []string, change func()) []string {
	opts := options(t)
	s := newSources(c.in, c.mesh, Settings{}, opts)
	var mu sync.Mutex
	seen := map[string]bool{}
	note := func(name string) {
		mu.Lock()
		defer mu.Unlock()
		seen[name] = true
	}
	counted := s.addresses(c.in, opts)
	counted.Workloads = krt.NewCollection(c.in.Pods, func(ctx krt.HandlerContext, pod *corev1.Pod) *resources.Resource {
		note(pod.Namespace + "/" + pod.Name)
		return s.podWorkload(ctx, pod)
	}, opts.WithName("CountedWorkloads")...)
	counted.EntryWorkloads = krt.NewCollection(c.in.WorkloadEntries, func(ctx krt.HandlerContext, entry *networkingv1.WorkloadEntry) *resources.Resource {
		note("WorkloadEntry " + entry.Namespace + "/" + entry.Name)
		return s.entryWorkload(ctx, entry)
	}, opts.WithName("CountedEntryWorkloads")...)
	counted.InlineWorkloads = krt.NewManyCollection(c.in.ServiceEntries, func(ctx krt.HandlerContext, entry *networkingv1.ServiceEntry) []resources.Resource {
		note("ServiceEntry " + entry.Namespace + "/" + entry.Name)
		return s.inlineWorkloads(ctx, entry)
	}, opts.WithName("CountedInlineWorkloads")...)
	serviceAddress := func(ctx krt.HandlerContext, from service) *resources.Resource {
		note("service " + from.endpointKey())
		return s.serviceAddress(ctx, from)
	}
	counted.Services = krt.JoinCollection([]krt.Collection[resources.Resource]{
		krt.NewCollection(s.services, serviceAddress, opts.WithName("CountedServices")...),
		krt.NewCollection(s.pools, serviceAddress, opts.WithName("CountedPools")...),
		krt.NewCollection(s.entries, serviceAddress, opts.WithName("CountedServiceEntries")...),
	}, opts.WithName("CountedJoin")...)
	w := newWatermark(t, c, counted)
	w.pass(t)

	mu.Lock()
	clear(seen)
	mu.Unlock()
	change()
	var names []string
	for range watermarks {
		w.pass(t)
		mu.Lock()
		names = slices.Sorted(maps.Keys(seen))
		mu.Unlock()
		names = slices.DeleteFunc(names, func(name string) bool { return strings.Contains(name, w.namespace+"/") })
		if slices.Equal(names, want) {
			break
		}
	}
	return names
}

// watermarks is how many watermarks may pass before a translation counts as not
// done: the one of another pod can overtake it.
const watermarks = 20

// watermark sends one change down every path from an input to an output.
// Collections keep the order of events, so when all of them have come out,
// everything that was sent before has too.
type watermark struct {
	namespace string
	cluster   *cluster
	addresses Addresses
	feed      feed
	round     int
}

func newWatermark(t *testing.T, c *cluster, addresses Addresses) *watermark {
	t.Helper()
	w := &watermark{namespace: "watermark", cluster: c, addresses: addresses}
	contents(t, addresses)
	w.feed = newFeed(addresses.All()...)
	return w
}

func (w *watermark) objects() []runtime.Object {
	selector := map[string]string{"round": "any"}
	pod := newPod(w.namespace, "pod", selector, true)
	pod.Spec.NodeName = "watermark"
	pod.Spec.ServiceAccountName = fmt.Sprint(w.round)
	slice := newSlice(w.namespace, "slice", "by-hand", fmt.Sprintf("10.1.%d.%d", w.round/256, w.round%256), "pod")
	slice.Ports[0].Port = new(int32(10000 + w.round))
	round := slice.Ports[0]
	round.Name = new("round")
	slice.Ports = append(slice.Ports, round)
	slice.Endpoints[1].NodeName = new("watermark")
	byHand := newService(w.namespace, "by-hand", nil, 1)
	// Reaches the pod through its reference, and the endpoint outside.
	byHand.Spec.Ports = append(byHand.Spec.Ports, corev1.ServicePort{Name: "round", Port: int32(20000 + w.round)})
	node := newNode("watermark", fmt.Sprint("zone-", w.round))
	distribution := "PreferClose"
	if w.round%2 == 0 {
		distribution = "PreferSameNode"
	}
	pool := newPool("pool", selector, "picker", inferencev1.PortNumber(1000+w.round))
	pool.Namespace = w.namespace
	namespace := newNamespace(w.namespace, distribution)
	namespace.Labels = map[string]string{useWaypointLabel: "waypoint"}
	// What istiod and other networks add, each with a way of its own.
	network, address := "watermark", fmt.Sprintf("10.3.%d.%d", w.round/256, w.round%256)
	entry := newServiceEntry(w.namespace, "entry", nil, []string{"watermark.test"}, &networkingapi.WorkloadEntry{Address: address})
	entry.Spec.Ports[0].Number = uint32(40000 + w.round)
	machine := newWorkloadEntry(w.namespace, "machine", address, network, selector)
	remote := newRemoteGateway(w.namespace, "remote", network, address)
	waypoint := newWaypoint(w.namespace, "waypoint", "all", address, "")
	return []runtime.Object{
		namespace, node, byHand, newService(w.namespace, "selecting", selector, 30000+w.round), pool, slice, pod,
		entry, machine, remote, waypoint,
	}
}

// pass returns when every change made so far has had its effect.
func (w *watermark) pass(t *testing.T) {
	t.Helper()
	w.round++
	want := translate(t, append(w.objects(), w.cluster.ofMesh()...), Settings{})
	for _, object := range w.objects() {
		w.cluster.apply(object)
	}
	deadline := time.After(patience)
	for {
		got := contents(t, w.addresses)
		if includes(got, want) {
			return
		}
		select {
		case <-w.feed:
		case <-deadline:
			t.Fatalf("the watermark did not come out (-want +got):\n%s", cmp.Diff(show(t, want), show(t, only(got, want))))
		}
	}
}

func includes(all, some map[string]resources.Resource) bool {
	for name, resource := range some {
		if other, ok := all[name]; !ok || !other.Equals(resource) {
			return false
		}
	}
	return true
}

// only returns those of all that some has too.
func only(all, some map[string]resources.Resource) map[string]resources.Resource {
	kept := map[string]resources.Resource{}
	for name := range some {
		if resource, ok := all[name]; ok {
			kept[name] = resource
		}
	}
	return kept
}
