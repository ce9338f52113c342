package conformance

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestRefusals(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	content := `{"level":"info","msg":"leading"}
panic: not JSON
{"level":"warn","gateway":"ns/gw","resource":"listener/a","severity":"warning","text":"no certificate"}
{"level":"warn","gateway":"ns/gw","resource":"route/b","severity":"error","text":"bad status"}
{"level":"warn","gateway":7,"severity":"error"}
{"level":"warn","gateway":"ns/gw","resource":"route/b","severity":"error","text":"bad status"}
`
	if err := os.WriteFile(log, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := refusals(log)
	if want := []string{"ns/gw refused route/b: bad status"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}
