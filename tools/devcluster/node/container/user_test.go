//go:build linux

package container

import (
	"slices"
	"testing"
)

func TestCapabilities(t *testing.T) {
	const chown, netBind, netAdmin = 0, 10, 12
	for _, test := range []struct {
		name      string
		drop, add []string
		has, not  []int
	}{
		{"usual", nil, nil, []int{chown, netBind}, []int{netAdmin}},
		{"all dropped", []string{"ALL"}, nil, nil, []int{chown, netBind, netAdmin}},
		{"all but one dropped", []string{"ALL"}, []string{"NET_BIND_SERVICE"}, []int{netBind}, []int{chown, netAdmin}},
		{"all added", nil, []string{"ALL"}, []int{chown, netBind, netAdmin}, nil},
		{"all but one added", []string{"CAP_CHOWN"}, []string{"ALL"}, []int{netBind, netAdmin}, []int{chown}},
	} {
		got, err := Capabilities(test.drop, test.add)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		for _, number := range test.has {
			if !slices.Contains(got, number) {
				t.Errorf("%s: %d is missing", test.name, number)
			}
		}
		for _, number := range test.not {
			if slices.Contains(got, number) {
				t.Errorf("%s: %d is there", test.name, number)
			}
		}
	}
	if _, err := Capabilities([]string{"FLY"}, nil); err == nil {
		t.Error("an unknown capability is accepted")
	}
}
