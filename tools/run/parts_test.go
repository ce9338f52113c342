package main

import (
	"strings"
	"testing"
)

// TestPodsOrProcesses checks what the ready line of devcluster decides: whether
// pods run there, or their programs are started here.
func TestPodsOrProcesses(t *testing.T) {
	for _, test := range []struct {
		name, line string
		runsPods   bool
		address    string
	}{
		{"node", `{"kubeconfig":"/k","server":"https://127.0.0.1:1","node":"devcluster","nodeAddress":"198.18.0.1"}`, true, "198.18.0.1"},
		{"no node", `{"kubeconfig":"/k","server":"https://127.0.0.1:1"}`, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &stack{}
			if err := s.readReady(strings.NewReader(test.line + "\n")); err != nil {
				t.Fatal(err)
			}
			if s.kubeconfig != "/k" || s.runsPods != test.runsPods || s.nodeAddress != test.address {
				t.Errorf("got %+v", s)
			}
		})
	}
	if err := (&stack{}).readReady(strings.NewReader("")); err == nil {
		t.Error("a cluster that says nothing is taken for ready")
	}
}
