package krtx

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"istio.io/istio/pkg/kube/krt"
)

// carrier is an item that carries keys.
type carrier struct {
	name, keys string
}

func (c carrier) ResourceName() string      { return c.name }
func (c carrier) Equals(other carrier) bool { return c == other }

func keysOf(c carrier) []string { return strings.Fields(c.keys) }

// listen returns the events of collection from now on, as lines. RegisterBatch
// without the existing state tells changes only.
func listen[T any](collection krt.Collection[T], show func(T) string) <-chan string {
	lines := make(chan string, 1000)
	collection.RegisterBatch(func(batch []krt.Event[T]) {
		for _, event := range batch {
			lines <- fmt.Sprintf("%s %s", event.Event, show(event.Latest()))
		}
	}, false)
	return lines
}

// until returns the lines up to and including last, sorted: keys of one batch
// come in no order.
func until(t *testing.T, lines <-chan string, last string) []string {
	t.Helper()
	var got []string
	// The limit only ends a test that fails.
	limit := time.After(30 * time.Second)
	for {
		select {
		case line := <-lines:
			got = append(got, line)
			if line == last {
				slices.Sort(got)
				return got
			}
		case <-limit:
			t.Fatalf("%q doesn't come; before it came %q", last, got)
		}
	}
}

func showCount(c Count) string   { return fmt.Sprintf("%s=%d", c.Key, c.N) }
func showMember(m Member) string { return m.Key }

func setUp(t *testing.T, initial ...carrier) (krt.StaticCollection[carrier], krt.OptionsBuilder) {
	t.Helper()
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	opts := krt.NewOptionsBuilder(stop, "", nil)
	return krt.NewStaticCollection(nil, initial, opts.WithName("carriers")...), opts
}

func synced[T any](t *testing.T, collection krt.Collection[T]) {
	t.Helper()
	if !collection.WaitUntilSynced(t.Context().Done()) {
		t.Fatal("never synced")
	}
}

func TestCountShowsTheInitialState(t *testing.T) {
	source, opts := setUp(t, carrier{"one", "a b"}, carrier{"two", "b"}, carrier{"three", ""})
	counts := NewCount(source, keysOf, opts, "counts")
	synced(t, counts)
	var got []string
	for _, count := range counts.List() {
		got = append(got, showCount(count))
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"a=1", "b=2"}, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

// Each case ends with the event of a key of its own, so that everything before
// it has arrived.
var changes = []struct {
	name   string
	change func(krt.StaticCollection[carrier])
	// counts and members are the events of both kinds of join.
	counts, members []string
}{
	{"a new carrier", func(c krt.StaticCollection[carrier]) { c.UpdateObject(carrier{"three", "a c"}) },
		[]string{"add c=1", "update a=2"}, []string{"add c"}},
	{"another carrier of the same keys", func(c krt.StaticCollection[carrier]) { c.UpdateObject(carrier{"one", "a  b"}) },
		nil, nil},
	{"the same keys in another order", func(c krt.StaticCollection[carrier]) { c.UpdateObject(carrier{"one", "b a"}) },
		nil, nil},
	{"one key less", func(c krt.StaticCollection[carrier]) { c.UpdateObject(carrier{"one", "b"}) },
		[]string{"delete a=1"}, []string{"delete a"}},
	{"a key exchanged", func(c krt.StaticCollection[carrier]) { c.UpdateObject(carrier{"two", "a"}) },
		[]string{"update a=2", "update b=1"}, nil},
	{"a carrier gone", func(c krt.StaticCollection[carrier]) { c.DeleteObject("one") },
		[]string{"delete a=1", "update b=1"}, []string{"delete a"}},
	{"a carrier gone that had no keys", func(c krt.StaticCollection[carrier]) { c.DeleteObject("none") },
		nil, nil},
	{"a key that goes from one carrier to another in one batch",
		func(c krt.StaticCollection[carrier]) { c.Reset([]carrier{{"one", "b"}, {"two", "a"}}) },
		[]string{"update b=1"}, nil},
	{"every carrier gone at once", func(c krt.StaticCollection[carrier]) { c.Reset(nil) },
		[]string{"delete a=1", "delete b=2"}, []string{"delete a", "delete b"}},
}

func TestCountTellsOnlyWhatChanges(t *testing.T) {
	for _, test := range changes {
		t.Run(test.name, func(t *testing.T) {
			source, opts := setUp(t, carrier{"one", "a b"}, carrier{"two", "b"}, carrier{"none", ""})
			counts := NewCount(source, keysOf, opts, "counts")
			synced(t, counts)
			lines := listen(counts, showCount)
			test.change(source)
			source.UpdateObject(carrier{"end", "end"})
			want := slices.Sorted(slices.Values(append(slices.Clone(test.counts), "add end=1")))
			if diff := cmp.Diff(want, until(t, lines, "add end=1")); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMembersTellOnlyTheFirstAndTheLast(t *testing.T) {
	for _, test := range changes {
		t.Run(test.name, func(t *testing.T) {
			source, opts := setUp(t, carrier{"one", "a b"}, carrier{"two", "b"}, carrier{"none", ""})
			members := NewMembers(source, keysOf, opts, "members")
			synced(t, members)
			lines := listen(members, showMember)
			test.change(source)
			source.UpdateObject(carrier{"end", "end"})
			want := slices.Sorted(slices.Values(append(slices.Clone(test.members), "add end")))
			if diff := cmp.Diff(want, until(t, lines, "add end")); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCountBatchesInitialState checks that readers of the initial state hear
// of a key once, with its final number, however many carry it.
func TestCountBatchesInitialState(t *testing.T) {
	var initial []carrier
	for i := range 100 {
		initial = append(initial, carrier{fmt.Sprint(i), "all"})
	}
	source, opts := setUp(t, initial...)
	counts := NewCount(source, keysOf, opts, "counts")
	synced(t, counts)
	if got := counts.GetKey("all"); got == nil || got.N != 100 {
		t.Errorf("count of the key that all carry: got %v, want 100", got)
	}
	if got := counts.GetKey("nobody"); got != nil {
		t.Errorf("a key that nobody carries exists: %v", got)
	}
}

// TestCountSyncsAfterItsSource checks that a count isn't taken for complete
// while its source isn't.
func TestCountSyncsAfterItsSource(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	opts := krt.NewOptionsBuilder(stop, "", nil)
	gate := gate(make(chan struct{}))
	source := krt.NewStaticCollection(gate, []carrier{{"one", "a"}}, opts.WithName("carriers")...)
	counts := NewCount(source, keysOf, opts, "counts")
	if counts.HasSynced() {
		t.Error("synced before its source")
	}
	close(gate)
	synced(t, counts)
	if got := counts.GetKey("a"); got == nil || got.N != 1 {
		t.Errorf("synced without its initial state: %v", got)
	}
}

// gate is a Syncer that is synced once it is closed.
type gate chan struct{}

func (g gate) HasSynced() bool {
	select {
	case <-g:
		return true
	default:
		return false
	}
}

func (g gate) WaitUntilSynced(stop <-chan struct{}) bool {
	select {
	case <-g:
		return true
	case <-stop:
		return false
	}
}

// TestCountOverSeveralSources counts what several collections carry that
// change at the same time.
func TestCountOverSeveralSources(t *testing.T) {
	const size = 200
	opts := krt.NewOptionsBuilder(t.Context().Done(), "", nil)
	var sources []krt.StaticCollection[carrier]
	var joined []krt.Collection[carrier]
	for i := range 3 {
		source := krt.NewStaticCollection(nil, []carrier{{fmt.Sprintf("first%d", i), "all"}}, opts.WithName(fmt.Sprintf("source%d", i))...)
		sources, joined = append(sources, source), append(joined, source)
	}
	tally := NewTally(joined...)
	counts, members := tally.Count(keysOf, opts, "counts"), tally.Members(keysOf, opts, "members")
	tally.Start()
	if !counts.WaitUntilSynced(t.Context().Done()) {
		t.Fatal("the counts aren't complete")
	}
	if got := counts.GetKey("all"); got == nil || got.N != len(sources) {
		t.Fatalf("at first: got %v, want %d", got, len(sources))
	}
	lines := listen(counts, showCount)
	for i, source := range sources {
		go func() {
			for n := range size {
				source.UpdateObject(carrier{fmt.Sprintf("%d/%d", i, n), "all"})
			}
		}()
	}
	until(t, lines, fmt.Sprintf("update all=%d", len(sources)*(size+1)))
	if members.GetKey("all") == nil {
		t.Error("the key that all carry has no member")
	}
}
