package xds

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/google/go-cmp/cmp"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"k8s.io/apimachinery/pkg/types"

	"agentgateway.dev/controller/pkg/resources"
)

var update = flag.Bool("update", false, "write the outputs of the scenarios into testdata")

// TestScenarios runs the conversations in testdata. A file is a list of
// commands, each followed by "----" and what came of it; doc.go and
// testdata/README.md explain the language.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			before, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			after := newStage(t).play(string(before))
			if *update {
				if err := os.WriteFile(file, []byte(after), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(string(before), "\n"), strings.Split(after, "\n")); diff != "" {
				t.Errorf("other than written (-want +got); -update accepts it:\n%s", diff)
			}
		})
	}
}

// stage is one server and the sessions that a scenario has opened.
type stage struct {
	t      *testing.T
	store  *Store
	limit  int
	actors map[string]*actor
	out    strings.Builder
}

type actor struct {
	name    string
	session *Session
	wake    chan struct{}
	// sent maps a nonce to the type it was sent for.
	sent map[string]string
}

var defaultGateway = types.NamespacedName{Namespace: "ns", Name: "gw"}

func newStage(t *testing.T) *stage {
	return &stage{t: t, store: NewStore(), actors: map[string]*actor{}}
}

// play returns the scenario with what really happened.
func (s *stage) play(text string) string {
	var result strings.Builder
	var command []string
	skipping := false
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case skipping && line != "":
		case line == "----":
			s.out.Reset()
			s.do(command)
			s.runWoken()
			result.WriteString("----\n" + s.out.String())
			command, skipping = nil, true
		case line == "" || strings.HasPrefix(line, "#"):
			skipping = false
			result.WriteString(line + "\n")
		default:
			command = append(command, line)
			result.WriteString(line + "\n")
		}
	}
	return result.String()
}

func (s *stage) print(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

// do runs one command.
func (s *stage) do(lines []string) {
	if len(lines) == 0 {
		s.t.Fatal("---- without a command")
	}
	words := strings.Fields(lines[0])
	options := map[string]string{}
	var plain []string
	for i, word := range words[1:] {
		key, value, found := strings.Cut(word, "=")
		switch {
		case key == "error":
			value = strings.TrimPrefix(strings.Join(words[i+1:], " "), "error=")
			options[key] = value
		case options["error"] != "":
		case found:
			options[key] = value
		default:
			plain = append(plain, word)
		}
	}
	switch words[0] {
	case "limit":
		s.limit, _ = strconv.Atoi(plain[0])
	case "apply":
		s.store.Apply(s.changes(lines[1:], options))
	case "restart":
		s.store, s.actors = NewStore(), map[string]*actor{}
	case "connect":
		s.connect(plain[0], options)
	case "disconnect":
		s.actor(plain[0]).session.Close()
		delete(s.actors, plain[0])
	case "request", "ack", "nack":
		s.request(words[0], plain, options)
	case "settled":
		token, _ := strconv.ParseUint(plain[1], 10, 64)
		s.step(s.actor(plain[0]), s.actor(plain[0]).session.Settled(token))
	case "journal":
		s.journal(options)
	case "rejections":
		for _, r := range s.store.Rejections(gatewayOption(options)) {
			s.print("%s %s: %s", r.Severity, r.Name, r.Text)
		}
	default:
		s.t.Fatalf("no command %q", words[0])
	}
}

func gatewayOption(options map[string]string) types.NamespacedName {
	namespace, name, found := strings.Cut(options["gateway"], "/")
	if !found {
		return defaultGateway
	}
	return types.NamespacedName{Namespace: namespace, Name: name}
}

// changes reads "+ name version [in parent] [of bytes]" and "- name"; names
// after "address" are addresses.
func (s *stage) changes(lines []string, options map[string]string) []Change {
	var changes []Change
	for _, line := range lines {
		words := strings.Fields(line)
		change := Change{Gateway: gatewayOption(options), Type: typeOption(options), Name: words[1]}
		if words[0] == "+" {
			r := &resources.Resource{Gateway: change.Gateway, Type: change.Type, Name: words[1], Version: words[2]}
			for i := 3; i+1 < len(words); i += 2 {
				switch words[i] {
				case "in":
					r.Parent = words[i+1]
				case "of":
					size, _ := strconv.Atoi(words[i+1])
					r.Body = make([]byte, size)
				}
			}
			change.New = r
		}
		changes = append(changes, change)
	}
	return changes
}

func typeOption(options map[string]string) resources.Type {
	if options["type"] == "address" {
		return resources.TypeAddress
	}
	return resources.TypeResource
}

func (s *stage) actor(name string) *actor {
	a := s.actors[name]
	if a == nil {
		s.t.Fatalf("%s is not connected", name)
	}
	return a
}

func (s *stage) connect(name string, options map[string]string) {
	wake := make(chan struct{}, 1)
	s.actors[name] = &actor{
		name: name, wake: wake, sent: map[string]string{},
		session: NewSession(s.store, gatewayOption(options), signal(wake), s.limit),
	}
}

func (s *stage) request(verb string, plain []string, options map[string]string) {
	a := s.actor(plain[0])
	r := &discoveryv3.DeltaDiscoveryRequest{ResponseNonce: options["nonce"]}
	if verb == "request" {
		r.TypeUrl = plain[1]
		if plain[1] == "resource" || plain[1] == "address" {
			r.TypeUrl = typeOption(map[string]string{"type": plain[1]}).URL()
		}
	} else {
		r.ResponseNonce = plain[1]
		r.TypeUrl = a.sent[plain[1]]
	}
	list := func(key string) []string {
		if options[key] == "" {
			return nil
		}
		return strings.Split(options[key], ",")
	}
	r.ResourceNamesSubscribe, r.ResourceNamesUnsubscribe = list("subscribe"), list("unsubscribe")
	for _, have := range list("have") {
		name, version, _ := strings.Cut(have, "@")
		if r.InitialResourceVersions == nil {
			r.InitialResourceVersions = map[string]string{}
		}
		r.InitialResourceVersions[name] = version
	}
	if text, ok := options["error"]; ok {
		r.ErrorDetail = &rpcstatus.Status{Message: text}
	}
	s.step(a, a.session.Request(r))
}

// step prints what a session wants done.
func (s *stage) step(a *actor, out Output) {
	for _, r := range out.Rejected {
		s.print("%s: %s for %q at version %q: %s", a.name, r.Severity, r.Name, r.Version, r.Text)
		if !s.store.reject(r) {
			s.print("%s: known already", a.name)
		}
	}
	if out.Unknown != "" {
		s.print("%s: type %s is not served", a.name, out.Unknown)
	}
	for _, token := range out.Settle {
		s.print("%s: settling, timer %d", a.name, token)
	}
	for _, response := range out.Responses {
		message, err := response.Message()
		if err != nil {
			s.t.Fatalf("undecodable response: %v", err)
		}
		a.sent[message.GetNonce()] = message.GetTypeUrl()
		kind := map[string]string{resources.ResourceTypeURL: "resource", resources.AddressTypeURL: "address"}[message.GetTypeUrl()]
		s.print("%s ← %s #%s", a.name, kind, message.GetNonce())
		for _, r := range message.GetResources() {
			s.print("  + %s %s", r.GetName(), r.GetVersion())
		}
		for _, name := range message.GetRemovedResources() {
			s.print("  - %s", name)
		}
	}
}

// runWoken lets sessions look at the journal that were woken by the command.
func (s *stage) runWoken() {
	for _, name := range slices.Sorted(maps.Keys(s.actors)) {
		a := s.actors[name]
		select {
		case <-a.wake:
			s.print("%s woken", name)
			s.step(a, a.session.Changed())
		default:
		}
	}
}

// journal prints the scope of a gateway, or that of the addresses.
func (s *stage) journal(options map[string]string) {
	sc := s.store.addresses
	if options["type"] != "address" {
		sc = s.store.gateways[gatewayOption(options)]
	}
	if sc == nil {
		s.print("no scope")
		return
	}
	for e := sc.root.next; e != &sc.root; e = e.next {
		line := fmt.Sprintf("%d %s %s", e.seq, e.name, e.version())
		if e.item == nil {
			line = fmt.Sprintf("%d %s removed", e.seq, e.name)
		}
		for _, past := range e.past {
			line += fmt.Sprintf(", before: %q since %d", past.version, past.since)
		}
		s.print("%s", line)
	}
}

// signal puts one value into c, if there is room.
func signal(c chan<- struct{}) func() {
	return func() {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
