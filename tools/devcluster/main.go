// Command devcluster runs a Kubernetes control plane in one process: etcd,
// kube-apiserver and, when asked for, kube-controller-manager and
// kube-scheduler. It serves development and tests on machines that have
// nothing but this binary: no container runtime, no images, no second machine.
//
// With --node it is also the cluster's one node, which runs pods as processes
// (see package node). That needs the rights of root on Linux, or a user
// namespace in which to have them; all else stays on the loopback interface.
//
// It says what it does on stderr, prints exactly one JSON line on stdout when
// clients may connect (see Ready), and stays until it is told to stop.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"agentgateway.dev/controller/tools/devcluster/node"
)

// exitUnsupported is the exit code for --node on a machine that can't run pods.
const exitUnsupported = 3

func main() {
	options, err := parseOptions(os.Args[1:])
	if errors.Is(err, pflag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "devcluster:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A parent that died no longer reads what is printed here. Writing to it
	// must not end the process before it has cleaned up.
	signal.Ignore(syscall.SIGPIPE)
	if code, done := runApart(ctx, &options); done {
		os.Exit(code)
	}
	if options.ExitWithStdin {
		ctx = untilClosed(ctx, os.Stdin)
	}
	if err := run(ctx, options, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "devcluster:", err)
		if errors.Is(err, node.ErrUnsupported) {
			os.Exit(exitUnsupported)
		}
		os.Exit(1)
	}
}

// untilClosed returns a context that also ends when input has no more to
// read. A parent that holds the other end of a pipe so takes the cluster with
// it however the parent dies.
func untilClosed(ctx context.Context, input io.Reader) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		// What is read doesn't matter, and neither does why reading ended.
		_, _ = io.Copy(io.Discard, input)
	}()
	return ctx
}
