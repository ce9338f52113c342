package conformance

import (
	"strings"
	"testing"

	"sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/gateway-api/pkg/features"
)

func TestUnexplained(t *testing.T) {
	claimed := features.SetsToNamesSet(features.AllFeatures)
	for name := range unclaimed {
		if !claimed.Has(name) {
			t.Errorf("%s is no feature of Gateway API", name)
		}
		claimed.Delete(name)
	}
	for _, test := range []struct {
		name   string
		change func(suite.FeaturesSet)
		want   string
	}{
		{"all is said", func(suite.FeaturesSet) {}, ""},
		{"claimed against reason", func(c suite.FeaturesSet) { c.Insert(features.SupportUDPRoute) }, "feature UDPRoute is claimed"},
		{"no reason", func(c suite.FeaturesSet) { c.Delete(features.SupportTCPRoute) }, "feature TCPRoute is neither"},
	} {
		changed := claimed.Clone()
		test.change(changed)
		got := strings.Join(unexplained(changed), "; ")
		if !strings.HasPrefix(got, test.want) || (test.want == "") != (got == "") {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
