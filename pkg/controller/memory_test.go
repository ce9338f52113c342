package controller

import "testing"

// TestWorthTrimming checks when memory is given back: when it is a part of the
// whole that matters.
func TestWorthTrimming(t *testing.T) {
	const mb = 1 << 20
	for _, test := range []struct {
		name string
		use  memoryUse
		want bool
	}{
		{"after a burst", memoryUse{live: 40 * mb, spare: 35 * mb}, true},
		{"little to gain", memoryUse{live: 10 * mb, spare: 7 * mb}, false},
		{"a small part of much", memoryUse{live: 400 * mb, spare: 90 * mb}, false},
	} {
		if got := test.use.worthTrimming(); got != test.want {
			t.Errorf("%s: got %v", test.name, got)
		}
	}
	if use := readMemory(); use.allocated == 0 || use.live == 0 {
		t.Errorf("the runtime's figures are not read: %+v", use)
	}
}
