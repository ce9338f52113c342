package cluster

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestUpToDate(t *testing.T) {
	source, now := t.TempDir(), time.Now()
	binary := filepath.Join(t.TempDir(), "devcluster")
	write := func(path string, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want bool, why string) {
		t.Helper()
		got, err := upToDate(binary, source)
		if err != nil || got != want {
			t.Errorf("%s: got %v, %v", why, got, err)
		}
	}
	write(filepath.Join(source, "main.go"), time.Hour)
	expect(false, "no binary")
	write(binary, time.Minute)
	expect(true, "binary newer than its source")
	write(filepath.Join(source, "main_test.go"), 0)
	write(filepath.Join(source, "notes.md"), 0)
	expect(true, "only files that aren't compiled are newer")
	write(filepath.Join(source, "go.sum"), 0)
	expect(false, "a dependency changed")
}
