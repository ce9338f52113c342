package images

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFind(t *testing.T) {
	table, err := Parse("agentgateway/echo=/bin/echo,*/agentgateway=/bin/proxy -v,*=/bin/other")
	if err != nil {
		t.Fatal(err)
	}
	narrow := table[:2]
	for _, test := range []struct {
		image, want string
		table       Table
	}{
		{"agentgateway/echo", "/bin/echo", table},
		{"ghcr.io/agentgateway/echo:1.0", "/bin/echo", table},
		{"localhost/agentgateway/echo/debug@sha256:abc", "/bin/echo", table},
		{"localhost:5000/agentgateway/echo:1@sha256:abc", "/bin/echo", table},
		{"agentgateway", "/bin/proxy", table},
		{"cr.example.com/agentgateway:v1", "/bin/proxy", table},
		{"cr.example.com/deep/in/agentgateway", "/bin/proxy", table},
		{"nginx:1", "/bin/other", table},
		{"nginx:1", "", narrow},
		{"agentgateway/echoes", "", narrow},
		{"agentgateway/controller", "", narrow},
	} {
		program, err := test.table.Find(test.image)
		got := ""
		if err == nil {
			got = program.Command[0]
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.image, got, test.want)
		}
	}
}

func TestParseFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "images.yaml")
	content := `images:
- image: agentgateway/echo
  command: [./echo, -name, x]
  args: [-listen, ":80"]
  env: {A: b}
  files: {/etc/app.conf: app.conf}
  user: 1000
  workingDir: /srv
`
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	want := Table{{
		Image: "agentgateway/echo", Command: []string{filepath.Join(dir, "echo"), "-name", "x"}, Args: []string{"-listen", ":80"},
		Env: map[string]string{"A": "b"}, Files: map[string]string{"/etc/app.conf": filepath.Join(dir, "app.conf")}, User: 1000, WorkingDir: "/srv",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseMistakes(t *testing.T) {
	dir := t.TempDir()
	for content, want := range map[string]string{
		"images:\n- image: x\n":                              "images[0] needs an image and a command",
		"images:\n- image: x\n  command: [a/b]\n  nmae: x\n": `unknown field`,
	} {
		file := filepath.Join(dir, "images.yaml")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", content, err)
		}
	}
	for value, want := range map[string]string{
		"a=/b,c":                   `"c" is not of the form image=command`,
		"a=no-such-program-at-all": "executable file not found",
		"/no/such/file.yaml":       "no such file",
	} {
		if _, err := Parse(value); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", value, err)
		}
	}
}
