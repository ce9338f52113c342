package main

import (
	"strings"
	"testing"
)

func TestParseOptions(t *testing.T) {
	o, err := parseOptions([]string{"--crds", "testdata", "--crds", "testdata/manifests/widgets.yaml", "-v"})
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Manifests) != 2 || !o.Verbose || o.ExitWithStdin {
		t.Errorf("got %+v", o)
	}
	for _, component := range []string{"apiserver", "controller-manager", "scheduler"} {
		if !o.has(component) {
			t.Errorf("%s doesn't run by default", component)
		}
	}
}

func TestParseOptionsRejects(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"--components=kubelet,apiserver", `unknown component "kubelet"`},
		{"--components=scheduler", "apiserver is required"},
		{"--crds=testdata/missing", "no such file"},
		{"extra", `unexpected argument "extra"`},
		{"--unknown", "unknown flag"},
	} {
		t.Run(test.args, func(t *testing.T) {
			_, err := parseOptions([]string{test.args})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
