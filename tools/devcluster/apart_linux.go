package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"agentgateway.dev/controller/tools/devcluster/node"
)

// apartVariable tells a process that it was started in namespaces of its own.
const apartVariable = "DEVCLUSTER_APART"

// runApart runs the cluster in namespaces of its own, if it is to have a node
// and this process hasn't the rights for one: in a user namespace it has them.
// The process that runs there keeps the machine's network, where the API server
// listens; only the node's network is another one. It has a process table of
// its own, so all that runs there ends with it.
//
// It returns the exit code when that has ended. If nothing was done, this
// process goes on: with a node, or with the reason why there is none.
func runApart(ctx context.Context, options *Options) (code int, done bool) {
	if options.Node == nodeNone {
		return 0, false
	}
	if os.Getenv(apartVariable) != "" {
		options.refused = settleApart()
		return 0, false
	}
	_, here := node.Check()
	if here == nil {
		return 0, false
	}
	code, err := startApart(ctx)
	if err != nil {
		options.refused = fmt.Errorf("%w (making one: %w%s)", here, err, restrictions())
		return 0, false
	}
	return code, true
}

// startApart runs this program once more, in the namespaces that settleApart
// expects, and returns its exit code.
func startApart(ctx context.Context) (int, error) {
	command := exec.Command("/proc/self/exe", os.Args[1:]...)
	command.Args[0] = os.Args[0]
	command.Env = append(os.Environ(), apartVariable+"=1")
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID,
		// Others can't be mapped without help of root.
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
		// Time to clean up, if this process is killed.
		Pdeathsig: syscall.SIGTERM,
	}
	// That signal comes when the thread ends that has started the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := command.Start(); err != nil {
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() { _ = command.Process.Signal(syscall.SIGTERM) })
	defer stop()
	var ended *exec.ExitError
	if err := command.Wait(); err != nil && !errors.As(err, &ended) {
		return 0, err
	}
	state := command.ProcessState
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		// What a shell would say.
		return 128 + int(status.Signal()), nil
	}
	return state.ExitCode(), nil
}

// settleApart completes the namespaces that this process was started in. Its
// error tells why they are of no use.
func settleApart() error {
	// Programs in pods have no use for it.
	os.Unsetenv(apartVariable)
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("%w: in a user namespace, mounting /proc: %w%s", node.ErrUnsupported, err, restrictions())
	}
	if _, err := node.Check(); err != nil {
		return fmt.Errorf("%w (in a user namespace%s)", err, restrictions())
	}
	return nil
}

// restrictions names the kernel's settings that keep users from having user
// namespaces, or from being of use in them.
func restrictions() string {
	var found strings.Builder
	for _, each := range []struct{ name, forbids string }{
		{"user.max_user_namespaces", "0"},
		{"user.max_net_namespaces", "0"},
		{"kernel.unprivileged_userns_clone", "0"},
		{"kernel.apparmor_restrict_unprivileged_userns", "1"},
	} {
		value, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(each.name, ".", "/"))
		if err == nil && strings.TrimSpace(string(value)) == each.forbids {
			fmt.Fprintf(&found, "; %s is %s", each.name, each.forbids)
		}
	}
	return found.String()
}
