//go:build linux

package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// processesWith returns the ids of processes that run the program with the
// environment variable POD_NAME of this value; "" stands for all.
func processesWith(program, pod string) []string {
	var found []string
	entries, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, entry := range entries {
		command, err := os.ReadFile(entry)
		// In its container the program has another directory.
		if err != nil || !strings.Contains(string(command), filepath.Base(program)+"\x00serve=") {
			continue
		}
		environment, _ := os.ReadFile(filepath.Join(filepath.Dir(entry), "environ"))
		if strings.Contains(string(environment), "POD_NAME="+pod) {
			found = append(found, entry)
		}
	}
	return found
}

// nothingLeft checks that a node has left no process, device or route.
// Temporary files are checked by process.ends.
func nothingLeft(t *testing.T, form form) {
	t.Helper()
	if left := processesWith(podProgram, ""); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
	if form == asRoot {
		networkUnchanged(t)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), "devcluster") {
		t.Errorf("mounts are left:\n%s", mounts)
	}
}

// networkUnchanged checks that the machine's network is as it was.
func networkUnchanged(t *testing.T) {
	t.Helper()
	devices, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, device := range devices {
		if strings.HasPrefix(device.Name, "devcl") || strings.HasPrefix(device.Name, "dv") {
			t.Errorf("a network device is left: %s", device.Name)
		}
	}
	routes, err := os.ReadFile("/proc/net/fib_trie")
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"198.18.0.0", "10.96.0.0"} {
		if strings.Contains(string(routes), address) {
			t.Errorf("a route to %s is left", address)
		}
	}
}
