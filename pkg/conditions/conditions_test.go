package conditions

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var (
	before = metav1.NewTime(time.Unix(1000, 0))
	now    = metav1.NewTime(time.Unix(2000, 0))
)

func at(c metav1.Condition, transition metav1.Time) metav1.Condition {
	c.LastTransitionTime = transition
	return c
}

func TestMerge(t *testing.T) {
	foreign := at(True("Foreign", "R", "m", 1), before)
	for _, test := range []struct {
		name                string
		live, desired, want []metav1.Condition
	}{
		{"the first write", nil, []metav1.Condition{True("A", "R", "m", 1)}, []metav1.Condition{at(True("A", "R", "m", 1), now)}},
		{"the same status keeps its time, whatever else changes",
			[]metav1.Condition{at(True("A", "Old", "old", 1), before)}, []metav1.Condition{True("A", "New", "new", 2)},
			[]metav1.Condition{at(True("A", "New", "new", 2), before)}},
		{"another status gets the time of the write",
			[]metav1.Condition{at(True("A", "R", "m", 1), before)}, []metav1.Condition{False("A", "R", "m", 1)},
			[]metav1.Condition{at(False("A", "R", "m", 1), now)}},
		{"an own condition that isn't wanted goes",
			[]metav1.Condition{at(True("A", "R", "m", 1), before), at(True("B", "R", "m", 1), before)}, []metav1.Condition{True("A", "R", "m", 1)},
			[]metav1.Condition{at(True("A", "R", "m", 1), before)}},
		{"somebody else's condition stays as it is",
			[]metav1.Condition{foreign, at(True("A", "R", "m", 1), before)}, []metav1.Condition{True("A", "R", "m", 2)},
			[]metav1.Condition{at(True("A", "R", "m", 2), before), foreign}},
		{"nothing wanted leaves what others wrote", []metav1.Condition{foreign}, nil, []metav1.Condition{foreign}},
		{"the result is sorted by type", nil, []metav1.Condition{True("B", "R", "", 1), True("A", "R", "", 1)},
			[]metav1.Condition{at(True("A", "R", "", 1), now), at(True("B", "R", "", 1), now)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			live, desired := append([]metav1.Condition{}, test.live...), append([]metav1.Condition{}, test.desired...)
			got := Merge(live, desired, []string{"A", "B"}, now)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("merged (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]any{append([]metav1.Condition{}, test.live...), append([]metav1.Condition{}, test.desired...)}, []any{live, desired}); diff != "" {
				t.Errorf("Merge changed what it was given:\n%s", diff)
			}
			again := Merge(got, desired, []string{"A", "B"}, metav1.NewTime(time.Unix(3000, 0)))
			if diff := cmp.Diff(got, again); diff != "" {
				t.Errorf("merging again changes something:\n%s", diff)
			}
		})
	}
}

func TestEqualIgnoresTransitionTimes(t *testing.T) {
	a := True("A", "R", "m", 1)
	for name, other := range map[string]metav1.Condition{
		"type": True("B", "R", "m", 1), "status": False("A", "R", "m", 1), "reason": True("A", "S", "m", 1),
		"message": True("A", "R", "n", 1), "generation": True("A", "R", "m", 2),
	} {
		if Equal([]metav1.Condition{a}, []metav1.Condition{other}) {
			t.Errorf("a different %s counts as equal", name)
		}
	}
	if !Equal([]metav1.Condition{at(a, before)}, []metav1.Condition{at(a, now)}) {
		t.Error("a different transition time counts as different")
	}
	if Equal([]metav1.Condition{a}, nil) {
		t.Error("one condition equals none")
	}
}

func TestLongMessagesAreCut(t *testing.T) {
	for _, letter := range []string{"x", "é", "世"} {
		got := True("A", "R", strings.Repeat(letter, 40000), 1).Message
		if len(got) > 32768 || !utf8.ValidString(got) || !strings.HasSuffix(got, "…") || len(got) < 32760 {
			t.Errorf("message of %q: %d bytes, ends with %q", letter, len(got), got[len(got)-8:])
		}
	}
	fits := strings.Repeat("x", 32768)
	if True("A", "R", fits, 1).Message != fits {
		t.Error("a message that fits was cut")
	}
}
