package provision

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/apis/v1alpha1"
	"agentgateway.dev/controller/pkg/gateways"
)

// world is everything that Desired reads, to be changed by hand.
type world struct {
	gateways   krt.StaticCollection[*gwv1.Gateway]
	classes    krt.StaticCollection[*gwv1.GatewayClass]
	parameters krt.StaticCollection[*v1alpha1.AgentgatewayParameters]
	secrets    krt.StaticCollection[*corev1.Secret]
	judged     krt.StaticCollection[gateways.Gateway]
}

func newWorld() *world {
	return &world{
		gateways:   krt.NewStaticCollection[*gwv1.Gateway](nil, nil),
		classes:    krt.NewStaticCollection[*gwv1.GatewayClass](nil, nil),
		parameters: krt.NewStaticCollection[*v1alpha1.AgentgatewayParameters](nil, nil),
		secrets:    krt.NewStaticCollection[*corev1.Secret](nil, nil),
		judged:     krt.NewStaticCollection[gateways.Gateway](nil, nil),
	}
}

func (w *world) desired(t *testing.T) krt.Collection[Desired] {
	t.Helper()
	opts := options(t)
	return NewDesired(Inputs{
		Gateways: w.gateways, Classes: w.classes, Parameters: w.parameters, Secrets: w.secrets, Judged: w.judged,
		Authority: NewAuthority(w.secrets, "default", opts),
		Defaults:  DefaultsOf(settingsOf(t, "# set AGW_XDS_MODE=tls\n"), testVersion),
	}, opts)
}

func (w *world) change(random *rand.Rand) {
	name := func(prefix string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprint(prefix, random.IntN(3)), ResourceVersion: fmt.Sprint(random.Uint32())}
	}
	remove := random.IntN(4) == 0
	switch random.IntN(5) {
	case 0:
		object := &gwv1.Gateway{ObjectMeta: name("gw")}
		object.UID, object.Generation = types.UID(object.Name), int64(random.IntN(9))
		object.Spec.GatewayClassName = gwv1.ObjectName(fmt.Sprint("class", random.IntN(3)))
		if random.IntN(2) == 0 {
			object.Spec.Infrastructure = &gwv1.GatewayInfrastructure{ParametersRef: &gwv1.LocalParametersReference{
				Group: v1alpha1.GroupName, Kind: v1alpha1.AgentgatewayParametersKind, Name: fmt.Sprint("params", random.IntN(3))}}
		}
		set(w.gateways, object, remove)
	case 1:
		object := &gwv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("class", random.IntN(3))}}
		object.Spec.ControllerName = "c"
		if random.IntN(2) == 0 {
			object.Spec.ParametersRef = &gwv1.ParametersReference{Group: v1alpha1.GroupName, Kind: v1alpha1.AgentgatewayParametersKind,
				Name: fmt.Sprint("params", random.IntN(3)), Namespace: new(gwv1.Namespace("default"))}
		}
		set(w.classes, object, remove)
	case 2:
		object := &v1alpha1.AgentgatewayParameters{ObjectMeta: name("params")}
		object.Spec.Logging = &v1alpha1.AgentgatewayParametersLogging{Level: fmt.Sprint("level-", random.IntN(5))}
		set(w.parameters, object, remove)
	case 3:
		object := &corev1.Secret{ObjectMeta: name("gw"), Data: map[string][]byte{"key": []byte(fmt.Sprintf("%064d", random.IntN(3)))}}
		object.Name += "-session-key"
		if random.IntN(3) == 0 {
			object.Name, object.Data = AuthoritySecret, map[string][]byte{"ca.crt": fmt.Append(nil, random.IntN(3))}
		}
		set(w.secrets, object, remove)
	default:
		object := gateways.Gateway{NamespacedName: types.NamespacedName{Namespace: "default", Name: fmt.Sprint("gw", random.IntN(3))}, Controller: "c"}
		for range random.IntN(3) {
			object.Listeners = append(object.Listeners, gateways.Listener{Port: int32(80 + random.IntN(3)), Internal: random.IntN(4) == 0})
		}
		set(w.judged, object, remove)
	}
}

func set[T any](collection krt.StaticCollection[T], object T, remove bool) {
	if remove {
		collection.DeleteObject(krt.GetKey(object))
		return
	}
	collection.UpdateObject(object)
}

// TestAnyOrder makes random changes and checks that what comes of them is what
// a controller that starts now would say.
func TestAnyOrder(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed-", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			w := newWorld()
			changed := w.desired(t)
			event := make(chan struct{}, 1)
			changed.Register(func(krt.Event[Desired]) {
				select {
				case event <- struct{}{}:
				default:
				}
			})
			for range 4 {
				for range 60 {
					w.change(random)
				}
				fresh := w.desired(t)
				if !fresh.WaitUntilSynced(t.Context().Done()) {
					t.Fatal("not synced")
				}
				deadline := time.After(patience)
				for diff := difference(fresh, changed); diff != ""; diff = difference(fresh, changed) {
					select {
					case <-event:
					case <-deadline:
						t.Fatalf("differs from a fresh start (-fresh +changed):\n%s", diff)
					}
				}
			}
		})
	}
}

func difference(a, b krt.Collection[Desired]) string {
	text := func(c krt.Collection[Desired]) []string {
		var lines []string
		for _, desired := range c.List() {
			line, err := json.Marshal(desired)
			if err != nil {
				return []string{err.Error()}
			}
			lines = append(lines, string(line))
		}
		slices.Sort(lines)
		return lines
	}
	return gocmp.Diff(text(a), text(b))
}

// TestStatusWakesNobody checks that what provisioning doesn't read makes no
// event: of all the changes only the last one does.
func TestStatusWakesNobody(t *testing.T) {
	w := newWorld()
	gateway := &gwv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "gw", UID: "u", Generation: 1}, Spec: gwv1.GatewaySpec{GatewayClassName: "c"}}
	class := &gwv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: "c"}, Spec: gwv1.GatewayClassSpec{ControllerName: "c"}}
	judged := gateways.Gateway{NamespacedName: types.NamespacedName{Namespace: "default", Name: "gw"}, Controller: "c",
		Listeners: []gateways.Listener{{Name: "a", Port: 80}}}
	w.gateways.UpdateObject(gateway)
	w.classes.UpdateObject(class)
	w.judged.UpdateObject(judged)
	desired := w.desired(t)
	if !desired.WaitUntilSynced(t.Context().Done()) {
		t.Fatal("not synced")
	}
	events := make(chan Desired, 16)
	registration := desired.RegisterBatch(func(batch []krt.Event[Desired]) {
		for _, event := range batch {
			events <- event.Latest()
		}
	}, false)
	if !registration.WaitUntilSynced(t.Context().Done()) {
		t.Fatal("not synced")
	}

	gateway = gateway.DeepCopy()
	gateway.ResourceVersion, gateway.Labels = "2", map[string]string{"a": "b"}
	gateway.Status.Addresses = []gwv1.GatewayStatusAddress{{Value: "203.0.113.1"}}
	w.gateways.UpdateObject(gateway)
	class = class.DeepCopy()
	class.Generation = 2
	class.Status.SupportedFeatures = []gwv1.SupportedFeature{{Name: "a"}}
	w.classes.UpdateObject(class)
	// Another name of a listener, and two on one port.
	judged.Listeners = []gateways.Listener{{Name: "b", Port: 80}, {Name: "c", Port: 80, Hostname: "c.test"}}
	judged.Generation = 7
	w.judged.UpdateObject(judged)
	w.secrets.UpdateObject(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "other"}})
	w.parameters.UpdateObject(&v1alpha1.AgentgatewayParameters{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "other"}})

	gateway = gateway.DeepCopy()
	gateway.Generation = 9
	w.gateways.UpdateObject(gateway)
	select {
	case got := <-events:
		if got.Generation != 9 {
			t.Errorf("an event without a change: %+v", got)
		}
	case <-time.After(patience):
		t.Fatal("no event")
	}
}

// TestNobodysUntilJudged checks that a Gateway which has just got another class
// isn't rendered for that class on the strength of what was said of it before.
func TestNobodysUntilJudged(t *testing.T) {
	w := newWorld()
	gateway := &gwv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "gw", UID: "u"}, Spec: gwv1.GatewaySpec{GatewayClassName: "theirs"}}
	w.gateways.UpdateObject(gateway)
	for name, controller := range map[string]gwv1.GatewayController{"ours": "c", "theirs": "d"} {
		w.classes.UpdateObject(&gwv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: gwv1.GatewayClassSpec{ControllerName: controller}})
	}
	w.judged.UpdateObject(gateways.Gateway{NamespacedName: types.NamespacedName{Namespace: "default", Name: "gw"}, Controller: "c"})
	desired := w.desired(t)
	if !desired.WaitUntilSynced(t.Context().Done()) {
		t.Fatal("not synced")
	}
	if list := desired.List(); len(list) > 0 {
		t.Errorf("rendered for another's class: %+v", list)
	}
}
