package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestVersion(t *testing.T) {
	for _, flag := range []string{"-v", "--version"} {
		var out, errOut bytes.Buffer
		if code := run(t.Context(), []string{flag}, &out, &errOut); code != 0 {
			t.Fatalf("%s: exit code %d: %s", flag, code, &errOut)
		}
		var got map[string]string
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatalf("%s printed %q: %v", flag, &out, err)
		}
		for _, key := range []string{"version", "commit", "buildDate", "runtimeOS", "runtimeArch"} {
			if _, there := got[key]; !there {
				t.Errorf("%s: %q is missing in %v", flag, key, got)
			}
		}
	}
}

func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"an unknown flag", []string{"--nope"}, exitUsage, "unknown flag: --nope"},
		{"an argument", []string{"extra"}, exitUsage, `unexpected argument "extra"`},
		{"a malformed value", []string{"--xds-mode=mtls"}, exitFailure, "plaintext, tls or either"},
		{"no cluster", []string{"--kubeconfig=/does/not/exist"}, exitFailure, "/does/not/exist"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			if code := run(t.Context(), test.args, &out, &errOut); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if !strings.Contains(errOut.String(), test.want) || out.Len() > 0 {
				t.Errorf("printed %q and %q", &out, &errOut)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	var out, errOut bytes.Buffer
	if code := run(t.Context(), []string{"--help"}, &out, &errOut); code != 0 || !strings.Contains(out.String(), "--health-address") {
		t.Errorf("exit code %d, printed %q and %q", code, &out, &errOut)
	}
}
