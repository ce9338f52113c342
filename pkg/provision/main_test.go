package provision

import (
	"os"
	"testing"

	istiolog "istio.io/istio/pkg/log"
)

// TestMain silences the progress messages of the collection library.
func TestMain(m *testing.M) {
	for _, scope := range istiolog.Scopes() {
		scope.SetOutputLevel(istiolog.NoneLevel)
	}
	os.Exit(m.Run())
}
