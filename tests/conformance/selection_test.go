package conformance

import (
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/gateway-api/conformance/utils/suite"
)

func TestChoose(t *testing.T) {
	var all []suite.ConformanceTest
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		all = append(all, suite.ConformanceTest{ShortName: name})
	}
	for _, test := range []struct{ names, shard, want string }{
		{"", "", "abcde"},
		{"", "1/2", "ace"},
		{"", "2/2", "bd"},
		{"", "3/3", "c"},
		{"d,b", "", "bd"},
		{"d,b", "2/2", "d"},
	} {
		part, err := parseShard(test.shard)
		if err != nil {
			t.Fatal(err)
		}
		chosen, err := choose(all, suite.ParseSkipTests(test.names), part)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, c := range chosen {
			got += c.ShortName
		}
		if got != test.want {
			t.Errorf("names %q, shard %q: got %q, want %q", test.names, test.shard, got, test.want)
		}
	}
	if _, err := choose(all, []string{"a", "x"}, shard{1, 1}); err == nil || !strings.Contains(err.Error(), `"x"`) {
		t.Errorf("an unknown name gives the error %v", err)
	}
}

func TestParseShard(t *testing.T) {
	for _, bad := range []string{"0/2", "3/2", "1", "/", "a/b", "-1/2", "1/2/3"} {
		if part, err := parseShard(bad); err == nil {
			t.Errorf("%q is read as %v", bad, part)
		}
	}
	part, err := parseShard("2/3")
	if want := (shard{2, 3}); err != nil || part != want {
		t.Errorf("2/3 is read as %v, %v", part, err)
	}
}

// TestImplementation proves that the official tooling accepts who we say we
// are.
func TestImplementation(t *testing.T) {
	who := implementation("v1.0.0")
	if err := who.Validate(); err != nil {
		t.Error(err)
	}
	if slices.Contains(profiles, suite.GatewayUDPConformanceProfileName) {
		t.Error("the proxy has no UDP")
	}
}
