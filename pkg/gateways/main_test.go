package gateways

import (
	"os"
	"testing"

	istiolog "istio.io/istio/pkg/log"
)

// TestMain turns off the progress messages of the collection library: a
// failure shall be all that is printed.
func TestMain(m *testing.M) {
	for _, scope := range istiolog.Scopes() {
		scope.SetOutputLevel(istiolog.NoneLevel)
	}
	os.Exit(m.Run())
}
