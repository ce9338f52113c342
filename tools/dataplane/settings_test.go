package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func read(env map[string]string) (settings, error) {
	return readSettings(func(name string) string { return env[name] })
}

func TestDrainTimes(t *testing.T) {
	for _, test := range []struct {
		env         map[string]string
		least, most time.Duration
	}{
		{most: 5 * time.Second},
		{env: map[string]string{"TERMINATION_GRACE_PERIOD_SECONDS": "60", "CONNECTION_MIN_TERMINATION_DEADLINE": "10s"}, least: 10 * time.Second, most: 55 * time.Second},
		{env: map[string]string{"TERMINATION_GRACE_PERIOD_SECONDS": "10"}, most: 9 * time.Second},
		{env: map[string]string{"TERMINATION_GRACE_PERIOD_SECONDS": "1"}, most: time.Second},
		{env: map[string]string{"TERMINATION_GRACE_PERIOD_SECONDS": "60", "CONNECTION_TERMINATION_DEADLINE": "1m30s"}, most: 90 * time.Second},
	} {
		s, err := read(test.env)
		if err != nil || s.drainLeast != test.least || s.drainMost != test.most {
			t.Errorf("%v: %v and %v, %v", test.env, s.drainLeast, s.drainMost, err)
		}
	}
}

func TestValuesThatStopTheProcess(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"IPV6_ENABLED": "yes", "CONNECTION_MIN_TERMINATION_DEADLINE": "-1s", "CONNECTION_TERMINATION_DEADLINE": "10",
		"TERMINATION_GRACE_PERIOD_SECONDS": "0", "DATAPLANE_PORTS": "8000", "XDS_AUTH_TOKEN": empty,
	} {
		if _, err := read(map[string]string{name: value}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
	if _, err := read(map[string]string{"XDS_AUTH_TOKEN": "/no/such/token"}); err == nil {
		t.Error("a configured token that does not exist was accepted")
	}
}

func TestPorts(t *testing.T) {
	for value, want := range map[string]uint32{"": 80, "offset:8000": 8080, "map:443=8443,80=9000": 9000, "map:443=8443": 80} {
		s, err := read(map[string]string{"DATAPLANE_PORTS": value})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.port(80); got != want {
			t.Errorf("%q: port 80 is served on %d, want %d", value, got, want)
		}
	}
}
