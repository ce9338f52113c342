package gateways

import (
	"slices"
	"testing"

	"sigs.k8s.io/gateway-api/pkg/features"
)

// TestFeatures: the API server wants the list sorted, and a name that Gateway
// API doesn't know would say nothing.
func TestFeatures(t *testing.T) {
	if !slices.IsSorted(Features) || len(slices.Compact(slices.Clone(Features))) != len(Features) {
		t.Errorf("the features are not in ascending order: %q", Features)
	}
	known := map[string]bool{}
	for feature := range features.AllFeatures {
		known[string(feature.Name)] = true
	}
	for _, name := range Features {
		if !known[name] {
			t.Errorf("Gateway API has no feature %q", name)
		}
	}
}
