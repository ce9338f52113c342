package addresses

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/resources"
)

// TestEvents checks what a proxy hears of: a change is one event for each
// resource whose content it changes, and none for any other.
func TestEvents(t *testing.T) {
	web := map[string]string{"app": "web"}
	const pod = "Kubernetes//Pod/default/web-1"
	const neighbour = "Kubernetes//Pod/default/web-2"
	const address = "default/web.default.svc.cluster.local"
	const pool = "default/pool.default.inference.cluster.local"
	objects := func() []runtime.Object {
		return []runtime.Object{
			newService("default", "web", web, 8080),
			newPod("default", "web-1", web, true),
			newPod("default", "web-2", web, true),
			newPod("default", "other", map[string]string{"app": "other"}, true),
			newPool("pool", web, "picker", 8000),
		}
	}
	for _, test := range []struct {
		name   string
		change func(*cluster)
		want   []string
	}{
		{
			name:   "one pod ceases to be ready",
			change: func(c *cluster) { c.apply(newPod("default", "web-1", web, false)) },
			want:   []string{pod},
		},
		{
			name:   "one pod leaves its Service by a label",
			change: func(c *cluster) { c.apply(newPod("default", "web-1", nil, true)) },
			want:   []string{pod},
		},
		{
			name: "a pod changes in what nobody reads",
			change: func(c *cluster) {
				same := newPod("default", "web-1", web, true)
				same.Annotations = map[string]string{"note": "1"}
				c.apply(same)
			},
		},
		{
			name:   "a Service moves to another target port",
			change: func(c *cluster) { c.apply(newService("default", "web", web, 9090)) },
			want:   []string{pod, neighbour, address},
		},
		{
			name: "a Service gets another address",
			change: func(c *cluster) {
				moved := newService("default", "web", web, 8080)
				moved.Spec.ClusterIP = "10.96.0.2"
				c.apply(moved)
			},
			want: []string{address},
		},
		{
			name:   "an InferencePool gets another picker",
			change: func(c *cluster) { c.apply(newPool("pool", web, "another", 8000)) },
		},
		{
			name:   "an InferencePool gets another port",
			change: func(c *cluster) { c.apply(newPool("pool", web, "picker", 8000, 8001)) },
			want:   []string{pod, neighbour, pool},
		},
		{
			name:   "an InferencePool comes to select other pods",
			change: func(c *cluster) { c.apply(newPool("pool", map[string]string{"app": "other"}, "picker", 8000)) },
			want:   []string{"Kubernetes//Pod/default/other", pod, neighbour},
		},
		{
			name:   "an InferencePool is deleted",
			change: func(c *cluster) { c.remove(newPool("pool", nil, "")) },
			want:   []string{pod, neighbour, pool},
		},
		{
			name:   "a pod is deleted",
			change: func(c *cluster) { c.remove(newPod("default", "web-1", nil, false)) },
			want:   []string{pod},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			opts := options(t)
			c := newCluster(opts, objects()...)
			addresses := New(c.in, c.mesh, Settings{}, opts)
			w := newWatermark(t, c, addresses)
			w.pass(t)
			// Registered on everything, and read only when all has come out.
			heard := newFeed(addresses.All()...)
			test.change(c)
			w.pass(t)
			got := heard.drain(t, c)
			slices.Sort(got)
			if !slices.Equal(got, test.want) {
				t.Errorf("events for %v, want %v", got, test.want)
			}
		})
	}
}

// drain returns the names of all events but those of the watermark, up to the
// arrival of a last pod and a last Service. Both collections that a change of
// a pod or a Service can reach are in order, so nothing comes after.
func (f feed) drain(t *testing.T, c *cluster) []string {
	t.Helper()
	c.apply(newService("end", "end", nil, 1))
	c.apply(newPod("end", "end", nil, true))
	left := map[string]bool{"end/end.end.svc.cluster.local": true, "Kubernetes//Pod/end/end": true}
	names := f.until(t, func(event krt.Event[resources.Resource]) bool {
		delete(left, event.Latest().Name)
		return len(left) == 0
	})
	return slices.DeleteFunc(names, func(name string) bool {
		return strings.Contains(name, "watermark/") || strings.Contains(name, "end/")
	})
}
