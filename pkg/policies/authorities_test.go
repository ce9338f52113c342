package policies

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestAuthorities(t *testing.T) {
	content, err := os.ReadFile("testdata/authority.pem")
	if err != nil {
		t.Fatal(err)
	}
	authority := string(content)
	lines := strings.SplitAfter(authority, "\n")
	wrong := strings.Replace(authority, lines[1], strings.ToLower(lines[1]), 1)
	key := "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
	for _, test := range []struct {
		name, text, want, err string
	}{
		{name: "one certificate", text: authority, want: authority},
		{name: "several", text: authority + authority, want: authority + authority},
		{name: "with remarks and other line ends", text: "# ours\r\n" + strings.ReplaceAll(authority, "\n", "\r\n"), want: authority},
		{name: "without the last line end", text: strings.TrimSuffix(authority, "\n"), want: authority},
		{name: "a private key beside it stays behind", text: key + authority, want: authority},
		{name: "nothing", text: "", err: "it holds no certificate in PEM form"},
		{name: "no PEM", text: "certificate", err: "it holds no certificate in PEM form"},
		{name: "a key only", text: key, err: "it holds no certificate in PEM form"},
		{name: "cut off", text: authority + lines[0] + lines[1], err: "1 of its 2 PEM blocks are malformed"},
		{name: "not a certificate inside", text: authority + wrong, err: "certificate 2 cannot be parsed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			known := newAuthorities()
			for range 2 {
				got, err := known.parse(test.text)
				switch {
				case test.err == "" && err != nil:
					t.Errorf("error %v", err)
				case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
					t.Errorf("error %v, want %q", err, test.err)
				}
				if string(got) != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
			}
		})
	}
}

// TestAuthoritiesForget checks that bundles that come and go don't pile up.
func TestAuthoritiesForget(t *testing.T) {
	known := newAuthorities()
	for i := range 3 * maxBundles {
		if _, err := known.parse(fmt.Sprint(i)); err == nil {
			t.Fatal("a number is a certificate")
		}
	}
	if len(known.read) > maxBundles {
		t.Errorf("%d bundles are remembered, at most %d should be", len(known.read), maxBundles)
	}
}

func TestServerName(t *testing.T) {
	for name, want := range map[string]bool{
		"example.com": true, "a": true, "x-1.example": true, "under_score.example": true, "10.0.0.1": true, "fd00::1": true, "1.example": true,
		strings.Repeat("a", 63) + ".b": true,
		"":                             false, ".": false, "a..b": false, "a.": false, "-a.b": false, "a-.b": false, "*.example.com": false, "a b": false,
		"1.2.3": false, "example.123": false, "fe80::1%eth0": false, "ä.example": false,
		strings.Repeat("a", 64) + ".b": false, strings.Repeat("a.", 127) + "b": false,
	} {
		if got := serverName(name); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
}
