package xds

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/google/go-cmp/cmp"

	"agentgateway.dev/controller/pkg/resources"
)

var (
	seed      = flag.Uint64("seed", 0, "run the random test with this seed only")
	histories = flag.Uint64("histories", 600, "how many histories the random test runs")
)

// TestRandom lets servers and a simulated proxy go through random histories
// and then checks that the proxy has exactly what it should have. The model to
// compare with is the plain set of resources that were not removed.
func TestRandom(t *testing.T) {
	rounds := *histories
	if testing.Short() {
		rounds = min(rounds, 200)
	}
	first := uint64(1)
	if *seed != 0 {
		first, rounds = *seed, 1
	}
	for n := first; n < first+rounds; n++ {
		w := newWorld(n)
		for range 150 {
			w.act()
			if w.proxy.fault != "" {
				break
			}
		}
		w.settleDown()
		if w.proxy.fault != "" {
			t.Fatalf("seed %d: %s\n%s", n, w.proxy.fault, strings.Join(w.log, "\n"))
		}
		if diff := cmp.Diff(w.wanted(), w.effective()); diff != "" {
			t.Fatalf("seed %d: the proxy has something else (-want +got):\n%s\n%s", n, diff, strings.Join(w.log, "\n"))
		}
		w.checkNothingKept(t, n)
	}
}

// world is two replicas, one proxy, and what is on the way between them.
type world struct {
	*rand.Rand
	log      []string
	desired  [2]map[string]resources.Resource
	replicas [2]*Store
	proxy    *simulatedProxy

	session   *Session
	connected int
	wake      chan struct{}
	// toProxy and toServer are messages under way, in order.
	toProxy  []*discoveryv3.DeltaDiscoveryResponse
	toServer []*discoveryv3.DeltaDiscoveryRequest
	timers   []timer
	content  int
}

// timer remembers which sockets have had the settle delay to close when it
// fires.
type timer struct {
	token  uint64
	closed []string
}

func newWorld(seed uint64) *world {
	w := &world{
		Rand:    rand.New(rand.NewPCG(seed, 0)),
		desired: [2]map[string]resources.Resource{{}, {}},
		proxy:   newSimulatedProxy(),
	}
	for i := range w.replicas {
		w.replicas[i] = NewStore()
	}
	w.connect(false)
	return w
}

func (w *world) note(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf(format, args...))
}

func (w *world) act() {
	switch n := w.IntN(100); {
	case n < 25:
		w.change()
	case n < 50:
		w.deliverToProxy()
	case n < 75:
		w.deliverToServer()
	case n < 85:
		w.look()
	case n < 92:
		w.fire()
	case n < 94:
		w.restart(w.IntN(2))
	default:
		w.connect(w.IntN(2) == 0)
	}
}

// change applies one batch to both replicas, in different orders.
func (w *world) change() {
	byName := map[string]Change{}
	for range 1 + w.IntN(4) {
		change := w.randomChange()
		byName[fmt.Sprint(change.Type, change.Name)] = change
	}
	changes := make([]Change, 0, len(byName))
	for _, key := range slices.Sorted(maps.Keys(byName)) {
		change := byName[key]
		changes = append(changes, change)
		if change.New == nil {
			w.note("remove %s", change.Name)
			delete(w.desired[change.Type], change.Name)
		} else {
			w.note("set %s %s", change.Name, change.New.Version)
			w.desired[change.Type][change.Name] = *change.New
		}
	}
	for _, replica := range w.replicas {
		w.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
		replica.Apply(changes)
	}
}

func (w *world) randomChange() Change {
	kinds := []string{"bind", "bind", "listener", "listener", "listener", "route", "backend", "address"}
	kind := kinds[w.IntN(len(kinds))]
	r := resources.Resource{Gateway: defaultGateway, Name: fmt.Sprintf("%s/%d", kind, w.IntN(3)), Body: make([]byte, w.IntN(80))}
	content := fmt.Sprint(w.IntN(3))
	if w.IntN(8) == 0 {
		content = "bad" + content
	}
	switch kind {
	case "bind":
		// A bind is never refused: its enums are the only reason.
		r.Version = fmt.Sprintf("id%d-%d", w.IntN(2), w.IntN(3))
	case "listener":
		key := fmt.Sprint(w.IntN(3))
		r.Parent = "bind/" + key
		r.Version = key + "-" + content
	case "address":
		r.Type = resources.TypeAddress
		r.Gateway.Name, r.Gateway.Namespace = "", ""
		r.Version = content
	default:
		r.Version = content
	}
	change := Change{Gateway: r.Gateway, Type: r.Type, Name: r.Name}
	if w.IntN(3) > 0 {
		change.New = &r
	}
	return change
}

// connect ends the stream and opens another one, on either replica. A quick
// reconnect leaves sockets no time to close.
func (w *world) connect(quick bool) {
	if w.session != nil {
		w.session.Close()
	}
	w.connected = w.IntN(2)
	w.wake = make(chan struct{}, 1)
	w.session = NewSession(w.replicas[w.connected], defaultGateway, signal(w.wake), 60+w.IntN(400))
	w.toProxy, w.toServer, w.timers = nil, nil, nil
	w.note("connect to %d, quick %t", w.connected, quick)
	if !quick {
		clear(w.proxy.closing)
	}
	for _, kind := range []resources.Type{resources.TypeAddress, resources.TypeResource} {
		w.toServer = append(w.toServer, &discoveryv3.DeltaDiscoveryRequest{
			TypeUrl: kind.URL(), InitialResourceVersions: maps.Clone(w.proxy.known[kind]),
		})
	}
}

// restart replaces a replica by one that learns everything in another order.
func (w *world) restart(replica int) {
	w.note("restart %d", replica)
	store := NewStore()
	var changes []Change
	for kind := range w.desired {
		for _, name := range sortedNames(w.desired[kind]) {
			r := w.desired[kind][name]
			changes = append(changes, Change{Gateway: r.Gateway, Type: r.Type, Name: name, New: &r})
		}
	}
	w.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
	store.Apply(changes)
	w.replicas[replica] = store
	if w.connected == replica {
		w.connect(w.IntN(2) == 0)
	}
}

func (w *world) deliverToProxy() {
	if len(w.toProxy) == 0 {
		return
	}
	response := w.toProxy[0]
	w.toProxy = w.toProxy[1:]
	w.note("proxy takes %s", brief(response))
	w.toServer = append(w.toServer, w.proxy.receive(response))
}

func brief(response *discoveryv3.DeltaDiscoveryResponse) string {
	text := "#" + response.GetNonce()
	for _, r := range response.GetResources() {
		text += " +" + r.GetName() + "@" + r.GetVersion()
	}
	for _, name := range response.GetRemovedResources() {
		text += " -" + name
	}
	return text
}

func (w *world) deliverToServer() {
	if len(w.toServer) == 0 {
		return
	}
	request := w.toServer[0]
	w.toServer = w.toServer[1:]
	w.note("server takes %s %s %v", request.GetTypeUrl()[len("type.googleapis.com/"):], request.GetResponseNonce(), request.GetInitialResourceVersions())
	if kind, _ := resources.TypeOfURL(request.GetTypeUrl()); kind == resources.TypeResource && request.GetResponseNonce() == "" {
		w.forgetUnprovenSockets()
	}
	w.do(w.session.Request(request))
}

// forgetUnprovenSockets limits quick reconnects to what a server can know: that
// a bind was just lost shows only in listeners that the client still lists.
func (w *world) forgetUnprovenSockets() {
	for bind := range w.proxy.closing {
		proven := false
		for name, r := range w.desired[resources.TypeResource] {
			known := w.proxy.known[resources.TypeResource][name]
			proven = proven || r.Parent == "bind/"+bind && known != "" && resources.IdentityOf(known) == r.Identity()
		}
		if !proven {
			delete(w.proxy.closing, bind)
		}
	}
}

func (w *world) look() {
	select {
	case <-w.wake:
		w.note("server looks")
		w.do(w.session.Changed())
	default:
	}
}

func (w *world) fire() {
	if len(w.timers) == 0 {
		return
	}
	i := w.IntN(len(w.timers))
	fired := w.timers[i]
	w.timers = slices.Delete(w.timers, i, i+1)
	for _, bind := range fired.closed {
		delete(w.proxy.closing, bind)
	}
	w.note("timer %d", fired.token)
	w.do(w.session.Settled(fired.token))
}

func (w *world) do(out Output) {
	for _, token := range out.Settle {
		w.timers = append(w.timers, timer{token: token, closed: sortedNames(w.proxy.closing)})
	}
	for _, response := range out.Responses {
		message, err := response.Message()
		if err != nil {
			w.proxy.fail("undecodable response: %v", err)
			continue
		}
		w.toProxy = append(w.toProxy, message)
	}
}

// settleDown runs until nothing is under way.
func (w *world) settleDown() {
	for range 10000 {
		if len(w.toProxy)+len(w.toServer)+len(w.timers)+len(w.wake) == 0 {
			return
		}
		w.deliverToProxy()
		w.deliverToServer()
		w.look()
		w.fire()
	}
	w.proxy.fail("it never comes to rest")
}

// configuration is what matters of the state of a proxy.
type configuration struct {
	Flat      [2]map[string]string
	Binds     map[string]string
	Listeners map[string]map[string]string
}

// wanted is the model. Of a refused resource the proxy may hold any earlier
// version or none, so those are left out on both sides.
func (w *world) wanted() configuration {
	c := configuration{Flat: [2]map[string]string{{}, {}}, Binds: map[string]string{}, Listeners: map[string]map[string]string{}}
	for kind := range w.desired {
		for name, r := range w.desired[kind] {
			switch {
			case strings.Contains(r.Version, "bad"):
			case kind == int(resources.TypeAddress) || r.Parent == "" && !strings.HasPrefix(name, bindPrefix):
				c.Flat[kind][name] = r.Version
			case r.Parent == "":
				c.Binds[name] = r.Identity() + " " + r.Version
			}
		}
	}
	for name, r := range w.desired[resources.TypeResource] {
		if _, ok := w.desired[resources.TypeResource][r.Parent]; ok && !strings.Contains(r.Version, "bad") {
			if c.Listeners[r.Parent] == nil {
				c.Listeners[r.Parent] = map[string]string{}
			}
			c.Listeners[r.Parent][name] = r.Version
		}
	}
	return c
}

func (w *world) effective() configuration {
	refused := func(kind int, name string) bool { return strings.Contains(w.desired[kind][name].Version, "bad") }
	c := configuration{Flat: [2]map[string]string{{}, {}}, Binds: map[string]string{}, Listeners: map[string]map[string]string{}}
	for kind := range w.proxy.flat {
		for name, version := range w.proxy.flat[kind] {
			if !refused(kind, name) {
				c.Flat[kind][name] = version
			}
		}
	}
	for key, bind := range w.proxy.binds {
		c.Binds[bindPrefix+key] = bind.running + " " + bind.version
		for name, version := range bind.listeners {
			if refused(int(resources.TypeResource), name) {
				continue
			}
			if c.Listeners[bindPrefix+key] == nil {
				c.Listeners[bindPrefix+key] = map[string]string{}
			}
			c.Listeners[bindPrefix+key][name] = version
		}
	}
	return c
}

// checkNothingKept makes sure that a client at rest costs nothing but its
// position.
func (w *world) checkNothingKept(t *testing.T, seed uint64) {
	t.Helper()
	for _, sub := range w.session.subscriptions {
		if sub.replacing != nil || sub.reported != nil || sub.requested != nil || sub.queue != nil || sub.inFlight != nil || sub.before != nil {
			t.Fatalf("seed %d: a session at rest keeps %+v", seed, sub)
		}
		for name := range sub.refused {
			if sub.scope.version(name) == "" {
				t.Fatalf("seed %d: a session remembers the refusal of %s, which is gone", seed, name)
			}
		}
		if len(sub.scope.retained) > 0 {
			t.Fatalf("seed %d: the journal keeps what every client has passed", seed)
		}
		for name, e := range sub.scope.entries {
			if e.item == nil || e.past != nil {
				t.Fatalf("seed %d: the journal keeps the history of %s", seed, name)
			}
		}
	}
}
