package addresses

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/resources"
)

// BenchmarkPodFlip measures from a pod's readiness change to the new address,
// in one namespace with 1,000 Services and 10,000 pods of ten labels each.
func BenchmarkPodFlip(b *testing.B) {
	const services, pods = 1000, 10000
	labels := func(app int) map[string]string {
		own := map[string]string{"app": fmt.Sprint("app-", app)}
		for i := range 9 {
			own[fmt.Sprint("label-", i)] = "value"
		}
		return own
	}
	opts := options(b)
	objects := []runtime.Object{newNode("node-0", "eu-a")}
	for i := range services {
		objects = append(objects, newService("default", fmt.Sprint("service-", i), map[string]string{"app": fmt.Sprint("app-", i)}, 8080))
	}
	for i := range pods {
		objects = append(objects, newPod("default", fmt.Sprint("pod-", i), labels(i%services), true))
	}
	c := newCluster(opts, objects...)
	addresses := New(c.in, c.mesh, Settings{}, opts)
	if got := len(contents(b, addresses)); got != services+pods {
		b.Fatalf("%d resources", got)
	}
	changed := make(chan resources.Resource)
	addresses.Workloads.RegisterBatch(func(events []krt.Event[resources.Resource]) {
		for _, event := range events {
			changed <- event.Latest()
		}
	}, false)

	ready := true
	b.ReportAllocs()
	for b.Loop() {
		ready = !ready
		c.apply(newPod("default", "pod-77", labels(77), ready))
		if name := (<-changed).Name; name != "Kubernetes//Pod/default/pod-77" {
			b.Fatalf("%s changed", name)
		}
	}
}
