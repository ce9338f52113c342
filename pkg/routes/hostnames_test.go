package routes

import "testing"

// TestIntersects is the table of Gateway API: a wildcard stands for one or
// more labels, and an unset hostname for all.
func TestIntersects(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"", "", true},
		{"", "a.b", true},
		{"", "*.a.b", true},
		{"*", "a.b", true},
		{"a.b", "a.b", true},
		{"a.b", "A.B", true},
		{"a.b", "c.b", false},
		{"a.b", "x.a.b", false},
		{"*.a.b", "x.a.b", true},
		{"*.a.b", "X.A.B", true},
		{"*.a.b", "x.y.a.b", true},
		{"*.a.b", "a.b", false},
		{"*.a.b", ".a.b", false},
		{"*.a.b", "xa.b", false},
		{"*.a.b", "x.a.b.c", false},
		{"*.a.b", "*.a.b", true},
		{"*.a.b", "*.c.a.b", true},
		{"*.a.b", "*.b", true},
		{"*.a.b", "*.c.b", false},
		{"*.a.b", "*.xa.b", false},
	} {
		for _, pair := range [][2]string{{test.a, test.b}, {test.b, test.a}} {
			if got := intersects(pair[0], pair[1]); got != test.want {
				t.Errorf("intersects(%q, %q): got %v, want %v", pair[0], pair[1], got, test.want)
			}
		}
	}
}

func TestAnyIntersects(t *testing.T) {
	for _, test := range []struct {
		listener string
		route    []string
		want     bool
	}{
		{"a.b", nil, true},
		{"a.b", []string{"c.d"}, false},
		{"a.b", []string{"c.d", "a.b"}, true},
		{"", []string{"c.d"}, true},
	} {
		if got := anyIntersects(test.listener, test.route); got != test.want {
			t.Errorf("anyIntersects(%q, %q): got %v, want %v", test.listener, test.route, got, test.want)
		}
	}
}
