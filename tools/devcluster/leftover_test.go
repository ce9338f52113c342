package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
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
func nothingLeft(t *testing.T) {
	t.Helper()
	if left := processesWith(podProgram, ""); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
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
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), "devcluster") {
		t.Errorf("mounts are left:\n%s", mounts)
	}
}

// TestNodeWithoutRights starts as a user who may not run pods: --node must say
// so with an exit code of its own, and --node=auto go on without.
func TestNodeWithoutRights(t *testing.T) {
	t.Run("required", func(t *testing.T) {
		p := prepare(t, "--node")
		takeRights(t, p.command)
		p.begin(t)
		err := p.command.Wait()
		if p.command.ProcessState.ExitCode() != exitUnsupported || !strings.Contains(p.stderr.String(), "this machine can't run pods") ||
			!strings.Contains(p.stderr.String(), "run devcluster as root") {
			t.Errorf("exit: %v\n%s", err, p.stderr)
		}
	})
	t.Run("auto", func(t *testing.T) {
		p := prepare(t, "--node=auto")
		takeRights(t, p.command)
		p.begin(t)
		p.awaitReady(t)
		p.terminate(t)
		if p.Node != "" || !strings.Contains(p.stderr.String(), "no node: this machine can't run pods") {
			t.Errorf("node %q\n%s", p.Node, p.stderr)
		}
	})
}

// takeRights lets a command run without the rights that a node needs.
func takeRights(t *testing.T, command *exec.Cmd) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	const nobody = 65534
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	// The test's own binary lies in a directory that others can't enter.
	command.Path = "/proc/self/exe"
	for _, variable := range command.Env {
		if dir, ok := strings.CutPrefix(variable, "TMPDIR="); ok {
			if err := os.Chown(dir, nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
	}
}
