package references

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	inferencev1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	gwv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	"istio.io/istio/pkg/kube/krt"

	api "agentgateway.dev/controller/apis/xds"
)

func TestResolve(t *testing.T) {
	port, other := new(gwv1.PortNumber(80)), new(gwv1.Namespace("target"))
	service := func(namespace, name string) *api.BackendReference {
		return &api.BackendReference{Port: 80, Kind: &api.BackendReference_Service_{Service: &api.BackendReference_Service{
			Namespace: namespace, Hostname: name + "." + namespace + ".svc.corp.test",
		}}}
	}
	for _, test := range []struct {
		name      string
		mode      GrantMode
		ref       gwv1.BackendObjectReference
		reference *api.BackendReference
		key       string
		reason    string
		fatal     bool
	}{
		{"a Service", GrantRoutes, gwv1.BackendObjectReference{Name: "web", Port: port}, service("own", "web"), "Service/own/web", "", false},
		{"the core group by name", GrantRoutes, gwv1.BackendObjectReference{Group: new(gwv1.Group("core")), Name: "web", Port: port}, service("own", "web"), "Service/own/web", "", false},
		{"a missing Service keeps its place", GrantRoutes, gwv1.BackendObjectReference{Name: "gone", Port: port}, service("own", "gone"), "Service/own/gone", "BackendNotFound", false},
		{"a Service without port", GrantRoutes, gwv1.BackendObjectReference{Name: "web"}, nil, "", "UnsupportedValue", true},
		{"a port of zero", GrantRoutes, gwv1.BackendObjectReference{Name: "web", Port: new(gwv1.PortNumber(0))}, nil, "", "UnsupportedValue", true},
		{"a port beyond 16 bits", GrantRoutes, gwv1.BackendObjectReference{Name: "web", Port: new(gwv1.PortNumber(65536))}, nil, "", "UnsupportedValue", true},
		{"a host name", GrantRoutes, gwv1.BackendObjectReference{Name: "web.own", Port: port}, nil, "", "UnsupportedValue", true},
		{"another namespace without a grant", GrantRoutes, gwv1.BackendObjectReference{Namespace: other, Name: "web", Port: port}, nil, "", "RefNotPermitted", false},
		{"whether it exists is nobody's business", GrantRoutesAndPolicies, gwv1.BackendObjectReference{Namespace: other, Name: "gone", Port: port}, nil, "", "RefNotPermitted", false},
		{"a kind unknown, without a grant", GrantRoutes, gwv1.BackendObjectReference{Kind: new(gwv1.Kind("X")), Namespace: other, Name: "x"}, nil, "", "RefNotPermitted", false},
		{"another namespace with a grant", GrantRoutes, gwv1.BackendObjectReference{Namespace: other, Name: "granted", Port: port}, service("target", "granted"), "Service/target/granted", "", false},
		{"no grants are wanted", GrantNone, gwv1.BackendObjectReference{Namespace: other, Name: "web", Port: port}, service("target", "web"), "Service/target/web", "", false},
		{"an unknown kind", GrantRoutes, gwv1.BackendObjectReference{Group: new(gwv1.Group("x")), Kind: new(gwv1.Kind("Y")), Name: "z"}, &api.BackendReference{}, "", "InvalidKind", false},
		{"a kind of Service of another group", GrantRoutes, gwv1.BackendObjectReference{Group: new(gwv1.Group("x")), Name: "web", Port: port}, &api.BackendReference{}, "", "InvalidKind", false},
		{"an AgentgatewayBackend", GrantRoutes, gwv1.BackendObjectReference{Group: new(gwv1.Group(AgentgatewayGroup)), Kind: new(gwv1.Kind(BackendKind)), Name: "b"},
			&api.BackendReference{Kind: &api.BackendReference_Backend{Backend: "own/b"}}, "AgentgatewayBackend/own/b", "BackendNotFound", false},
		{"an InferencePool, whose first port counts", GrantRoutes, poolReference("own", "pool"), poolBackend("own", "pool", 8000), "InferencePool/own/pool", "", false},
		{"a missing InferencePool keeps its place", GrantRoutes, poolReference("own", "gone"), poolBackend("own", "gone", 0), "InferencePool/own/gone", "BackendNotFound", false},
		{"an InferencePool without ports", GrantRoutes, poolReference("own", "portless"), nil, "", "UnsupportedValue", true},
		{"an InferencePool by its host name", GrantRoutes, poolReference("own", "pool.own"), nil, "", "UnsupportedValue", true},
		{"an InferencePool without a grant", GrantRoutes, poolReference("target", "pool"), nil, "", "RefNotPermitted", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			opts := options(t)
			var services []*corev1.Service
			for _, name := range [][2]string{{"own", "web"}, {"target", "web"}, {"target", "granted"}} {
				services = append(services, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: name[0], Name: name[1]}})
			}
			backends := Backends{
				Services: NewServices(krt.NewStaticCollection(nil, services, opts.WithName("inputs")...), opts),
				Grants: NewGrants(krt.NewStaticCollection(nil, []*gwv1beta1.ReferenceGrant{
					grant("g", routesOf("own"), toService(new(gwv1.ObjectName("granted")))),
				}, opts.WithName("grants")...)),
				InferencePools: NewInferencePools(krt.NewStaticCollection(nil, []*inferencev1.InferencePool{
					inferencePool("pool", 8000, 8001), inferencePool("portless"),
				}, opts.WithName("pools")...), opts),
				Mode:          test.mode,
				ClusterDomain: "corp.test",
			}
			backends.Services.WaitUntilSynced(t.Context().Done())
			backends.InferencePools.WaitUntilSynced(t.Context().Done())
			got := backends.Resolve(krt.TestingDummyContext{}, From{gwv1.GroupName, "HTTPRoute", "own"}, test.ref)
			if (got.Reference == nil) != (test.reference == nil) || prototext.Format(got.Reference) != prototext.Format(test.reference) {
				t.Errorf("reference: got %v, want %v", got.Reference, test.reference)
			}
			problem := Problem{}
			if got.Problem != nil {
				problem = *got.Problem
			}
			if diff := cmp.Diff([]any{test.key, test.reason, test.fatal}, []any{got.Key, problem.Reason, problem.Unsupported}); diff != "" {
				t.Errorf("key, reason, unsupported (-want +got):\n%s", diff)
			}
		})
	}
}

// TestServicesTellOnlyWhatReferencesDependOn checks that routes sleep through
// the rest of a Service.
func TestServicesTellOnlyWhatReferencesDependOn(t *testing.T) {
	opts := options(t)
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "own", Name: "web"}}
	inputs := krt.NewStaticCollection(nil, []*corev1.Service{service}, opts.WithName("inputs")...)
	services := NewServices(inputs, opts)
	services.WaitUntilSynced(t.Context().Done())
	heard := make(chan string, 10)
	services.Register(func(event krt.Event[Service]) { heard <- event.Event.String() + " " + event.Latest().Name })
	want := func(event string) {
		t.Helper()
		if got := receive(t, heard); got != event {
			t.Errorf("event %q, want %q", got, event)
		}
	}
	want("add web")
	changed := service.DeepCopy()
	changed.Labels = map[string]string{"a": "b"}
	changed.Spec.Selector = map[string]string{"c": "d"}
	changed.Spec.ClusterIP = "10.0.0.1"
	inputs.UpdateObject(changed)
	// Had that been an event, it would come before this one.
	inputs.UpdateObject(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "own", Name: "next"}})
	want("add next")
	changed = changed.DeepCopy()
	changed.Spec.Ports = []corev1.ServicePort{{Port: 80, AppProtocol: new("x")}}
	inputs.UpdateObject(changed)
	want("update web")
	inputs.DeleteObject("own/web")
	want("delete web")
}

// receive returns the next event. The time limit only ends a test that fails.
func receive[T any](t *testing.T, events <-chan T) T {
	t.Helper()
	select {
	case event := <-events:
		return event
	case <-time.After(30 * time.Second):
		t.Fatal("the event doesn't come")
		panic("unreachable")
	}
}

func poolReference(namespace, name string) gwv1.BackendObjectReference {
	return gwv1.BackendObjectReference{
		Group: new(gwv1.Group(inferencev1.GroupName)), Kind: new(gwv1.Kind(InferencePoolKind)),
		Namespace: new(gwv1.Namespace(namespace)), Name: gwv1.ObjectName(name), Port: new(gwv1.PortNumber(1)),
	}
}

func poolBackend(namespace, name string, port uint32) *api.BackendReference {
	return &api.BackendReference{Port: port, Kind: &api.BackendReference_Service_{Service: &api.BackendReference_Service{
		Namespace: namespace, Hostname: name + "." + namespace + ".inference.corp.test",
	}}}
}

func inferencePool(name string, ports ...inferencev1.PortNumber) *inferencev1.InferencePool {
	pool := &inferencev1.InferencePool{ObjectMeta: metav1.ObjectMeta{Namespace: "own", Name: name}}
	for _, port := range ports {
		pool.Spec.TargetPorts = append(pool.Spec.TargetPorts, inferencev1.Port{Number: port})
	}
	return pool
}
