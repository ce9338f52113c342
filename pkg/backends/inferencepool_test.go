package backends

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	inferencev1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"

	"istio.io/istio/pkg/kube/krt"
	istiolog "istio.io/istio/pkg/log"

	"agentgateway.dev/controller/pkg/gateways"
	"agentgateway.dev/controller/pkg/krtx"
	"agentgateway.dev/controller/pkg/references"
	"agentgateway.dev/controller/pkg/resources"
	"agentgateway.dev/controller/pkg/routes"
)

func TestMain(m *testing.M) {
	// A failure shall be all that is printed.
	for _, scope := range istiolog.Scopes() {
		scope.SetOutputLevel(istiolog.ErrorLevel)
	}
	os.Exit(m.Run())
}

// stage is a pool and everything around it.
type stage struct {
	services krt.StaticCollection[references.Service]
	members  krt.StaticCollection[krtx.Member]
	owners   krt.StaticCollection[gateways.Owner]
	// covered are the ports of Services that a user's policy speaks for.
	covered krt.StaticCollection[krtx.Member]
	inputs  krt.StaticCollection[*inferencev1.InferencePool]
	pools   krt.Collection[InferencePool]
	tls     krt.Collection[resources.Resource]
}

func newStage(t *testing.T) stage {
	t.Helper()
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	opts := krt.NewOptionsBuilder(stop, "", nil)
	s := stage{
		services: krt.NewStaticCollection(nil, []references.Service{pickerService(true)}, opts.WithName("services")...),
		members:  krt.NewStaticCollection[krtx.Member](nil, nil, opts.WithName("members")...),
		owners:   krt.NewStaticCollection(nil, []gateways.Owner{{NamespacedName: own("gw"), Controller: "example.com/own"}}, opts.WithName("owners")...),
		covered:  krt.NewStaticCollection[krtx.Member](nil, nil, opts.WithName("covered")...),
		inputs:   krt.NewStaticCollection(nil, []*inferencev1.InferencePool{pool("llama", 1)}, opts.WithName("inputs")...),
	}
	backends := references.Backends{Services: s.services, ClusterDomain: "corp.test"}
	s.pools = NewInferencePools(InferencePoolInputs{
		Pools: s.inputs, Owners: s.owners, Users: routes.NewUsers(s.members), Backends: backends, Controller: "example.com/default",
	}, opts)
	s.tls = NewPickerTLS(s.pools, func(ctx krt.HandlerContext, service types.NamespacedName, port uint32) bool {
		return krt.FetchOne(ctx, s.covered, krt.FilterKey(fmt.Sprintf("%s:%d", service, port))) != nil
	}, backends, opts)
	if !s.tls.WaitUntilSynced(stop) {
		t.Fatal("never synced")
	}
	return s
}

func own(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: "default", Name: name}
}

func pickerService(tcp bool) references.Service {
	return references.Service{NamespacedName: own("picker"), Ports: []references.ServicePort{{Port: 9002, TCP: tcp}}}
}

func pool(name string, generation int64) *inferencev1.InferencePool {
	return &inferencev1.InferencePool{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Generation: generation},
		Spec:       inferencev1.InferencePoolSpec{EndpointPickerRef: inferencev1.EndpointPickerRef{Name: "picker", Port: &inferencev1.Port{Number: 9002}}},
	}
}

// heard collects the names of what changes in a collection, as "+name",
// "~name" and "-name".
func heard[T any](collection krt.Collection[T], name func(T) string) <-chan string {
	lines := make(chan string, 100)
	collection.RegisterBatch(func(events []krt.Event[T]) {
		for _, event := range events {
			lines <- map[string]string{"add": "+", "update": "~", "delete": "-"}[event.Event.String()] + name(event.Latest())
		}
	}, false)
	return lines
}

func next(t *testing.T, lines <-chan string) string {
	t.Helper()
	select {
	case line := <-lines:
		return line
	case <-time.After(30 * time.Second):
		t.Fatal("no event comes")
		return ""
	}
}

// TestPoolFollowsItsUsersAndItsPicker walks through the life of a pool; every
// step is seen, and nothing else is.
func TestPoolFollowsItsUsersAndItsPicker(t *testing.T) {
	s := newStage(t)
	pools := heard(s.pools, func(p InferencePool) string {
		reasons := []string{}
		for _, parent := range p.Parents {
			reasons = append(reasons, string(parent.ParentRef.Name)+" "+parent.Conditions[1].Reason)
		}
		return fmt.Sprint(len(p.Resources), reasons, p.Uses)
	})
	tls := heard(s.tls, resources.Resource.ResourceName)
	use := krtx.Member{Key: routes.UseKey(own("gw"), "InferencePool/default/llama")}
	resource := resources.ForGateway(own("gw"), InferencePool{NamespacedName: own("llama")}.policy("inferencetls", nil, nil)).ResourceName()
	for _, step := range []struct {
		name   string
		change func()
		pool   string
		tls    string
	}{
		{"a Gateway uses it", func() { s.members.UpdateObject(use) }, "~1 [gw ResolvedRefs] [default/gw|Service/default/picker]", "+" + resource},
		{"a policy covers the picker", func() { s.covered.UpdateObject(krtx.Member{Key: "default/picker:9002"}) }, "", "-" + resource},
		{"and no more", func() { s.covered.DeleteObject("default/picker:9002") }, "", "+" + resource},
		{"the port turns out to be of another protocol", func() { s.services.UpdateObject(pickerService(false)) }, "~1 [gw InvalidExtensionRef] []", "-" + resource},
		{"the Service goes", func() { s.services.DeleteObject("default/picker") }, "~1 [gw InvalidExtensionRef] []", ""},
		{"the Gateway doesn't use it any more", func() { s.members.DeleteObject(use.Key) }, "~0 [default InvalidExtensionRef] []", ""},
		{"the Service comes back", func() { s.services.UpdateObject(pickerService(true)) }, "~0 [] []", ""},
	} {
		step.change()
		if step.pool != "" {
			if diff := cmp.Diff(step.pool, next(t, pools)); diff != "" {
				t.Errorf("%s: the pool (-want +got):\n%s", step.name, diff)
			}
		}
		if step.tls != "" {
			if diff := cmp.Diff(step.tls, next(t, tls)); diff != "" {
				t.Errorf("%s: TLS to the picker (-want +got):\n%s", step.name, diff)
			}
		}
	}
}

// TestWhatIsNothingToAPoolWakesNoPool ends with a change that is, which would
// come behind the others.
func TestWhatIsNothingToAPoolWakesNoPool(t *testing.T) {
	s := newStage(t)
	pools := heard(s.pools, InferencePool.ResourceName)
	changed := pool("llama", 1)
	changed.Labels = map[string]string{"a": "b"}
	changed.Spec.Selector.MatchLabels = map[inferencev1.LabelKey]inferencev1.LabelValue{"app": "other"}
	changed.Spec.TargetPorts = []inferencev1.Port{{Number: 8000}}
	s.inputs.UpdateObject(changed)
	s.services.UpdateObject(references.Service{NamespacedName: own("unrelated")})
	s.owners.UpdateObject(gateways.Owner{NamespacedName: own("unrelated")})
	s.members.UpdateObject(krtx.Member{Key: routes.UseKey(own("gw"), "InferencePool/default/another")})
	s.inputs.UpdateObject(pool("last", 1))
	if got := next(t, pools); got != "+default/last" {
		t.Errorf("%q was told", got)
	}
}

// TestPickerFaults lists what can be wrong with a reference to a picker.
func TestPickerFaults(t *testing.T) {
	s := newStage(t)
	s.services.UpdateObject(references.Service{NamespacedName: own("external"), ExternalName: true, Ports: []references.ServicePort{{Port: 9002, TCP: true}}})
	core, service := inferencev1.Group(""), inferencev1.Kind("Service")
	port := func(number inferencev1.PortNumber) *inferencev1.Port { return &inferencev1.Port{Number: number} }
	for _, test := range []struct {
		name  string
		ref   inferencev1.EndpointPickerRef
		fault string
	}{
		{"nothing", inferencev1.EndpointPickerRef{Group: &core, Kind: service, Name: "picker", Port: port(9002)}, ""},
		{"another kind", inferencev1.EndpointPickerRef{Kind: "Gateway", Name: "picker", Port: port(9002)}, `endpointPickerRef.kind must be "Service", got "Gateway"`},
		{"no port", inferencev1.EndpointPickerRef{Name: "absent"}, "endpointPickerRef.port must be specified"},
		{"no Service", inferencev1.EndpointPickerRef{Name: "absent", Port: port(9002)}, "endpointPickerRef Service default/absent not found"},
		{"ExternalName", inferencev1.EndpointPickerRef{Name: "external", Port: port(9002)}, "endpointPickerRef Service must not be ExternalName"},
		{"another port", inferencev1.EndpointPickerRef{Name: "picker", Port: port(9003)}, "endpointPickerRef.port 9003 must reference a TCP Service port on default/picker"},
	} {
		t.Run(test.name, func(t *testing.T) {
			object := pool("tested", 1)
			object.Spec.EndpointPickerRef = test.ref
			got := resolvePicker(krt.TestingDummyContext{}, s.services, object)
			if got.fault != test.fault {
				t.Errorf("fault %q, want %q", got.fault, test.fault)
			}
			if used := got.service.Name != "" || got.port != 0; used != (test.fault == "") {
				t.Errorf("a fault and a picker, or neither: %+v", got)
			}
		})
	}
}

// TestPoolsDiffer changes one thing of a pool at a time, each of which must
// wake who reads it.
func TestPoolsDiffer(t *testing.T) {
	base := func() InferencePool {
		return InferencePool{
			NamespacedName: own("llama"), Uses: []string{"u"}, gateways: []types.NamespacedName{own("gw")}, picker: picker{port: 1},
			Parents: []inferencev1.ParentStatus{parentStatus(gatewayRef(own("gw")), "c", "", 1)},
		}
	}
	if !base().Equals(base()) {
		t.Error("not equal to itself")
	}
	for name, change := range map[string]func(*InferencePool){
		"name":      func(p *InferencePool) { p.Name = "x" },
		"resources": func(p *InferencePool) { p.Resources = []resources.Resource{{}} },
		"uses":      func(p *InferencePool) { p.Uses = nil },
		"gateways":  func(p *InferencePool) { p.gateways = nil },
		"picker":    func(p *InferencePool) { p.picker.failOpen = true },
		"parent":    func(p *InferencePool) { p.Parents[0].ParentRef.Namespace = "x" },
		"condition": func(p *InferencePool) { p.Parents[0].Conditions = slices.Clone(p.Parents[0].Conditions)[:1] },
	} {
		changed := base()
		change(&changed)
		if base().Equals(changed) {
			t.Errorf("equal in spite of another %s", name)
		}
	}
}
