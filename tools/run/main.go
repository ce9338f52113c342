// Command run brings up everything on one machine: an embedded Kubernetes
// control plane, the controller, the quickstart manifests, a data plane for
// their Gateway and an echo server behind it. It is a development tool.
//
// On Linux, as root or where users may make user namespaces, the cluster has a
// node, and what the controller provisions runs there as pods. Elsewhere the
// data plane and the echo server are started directly.
//
// The binaries are expected beside it. AGENTGATEWAY_BIN names the real proxy,
// to be run in place of the development data plane.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	dir := flag.String("dir", "", "keep the cluster's data here (default: a temporary directory, removed at exit)")
	manifests := flag.String("manifests", "manifests/examples/quickstart", "what to apply")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *dir, *manifests); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "run:", err)
		os.Exit(1)
	}
}

// The names in the quickstart manifests.
const (
	quickstartNamespace = "quickstart"
	quickstartGateway   = "quickstart"
	quickstartPort      = 8080
	quickstartPath      = "/echo"
	controllerNamespace = "agentgateway-system"
)

// stack is what is running.
type stack struct {
	bin, dir   string
	started    time.Time
	kubeconfig string
	xdsPort    int
	// runsPods tells that the cluster has a node that runs pods; else the parts
	// that would be pods are started one by one.
	runsPods bool
	// nodeAddress is what pods reach this machine by, "" without a node.
	nodeAddress string
	children    []*child
}

func run(ctx context.Context, dir, manifests string) error {
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "agentgateway-run-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	s := &stack{bin: filepath.Dir(executable), dir: scratch, started: time.Now()}
	defer s.stop()

	if err := s.startCluster(ctx, dir); err != nil {
		return fmt.Errorf("start the cluster: %w", err)
	}
	cluster, err := connect(s.kubeconfig)
	if err != nil {
		return err
	}
	if err := cluster.prepare(ctx, manifests); err != nil {
		return fmt.Errorf("apply %s: %w", manifests, err)
	}
	s.say("applied %s", manifests)
	if err := s.startController(ctx); err != nil {
		return fmt.Errorf("start the controller: %w", err)
	}
	var address string
	if s.runsPods {
		if address, err = cluster.gatewayAddress(ctx); err != nil {
			return fmt.Errorf("wait for the address of the Gateway: %w", err)
		}
	} else {
		node := &node{cluster: cluster, stack: s, running: map[string]*child{}}
		go node.run(ctx)
		defer node.stop()
		if address, err = s.startDataPlane(ctx, cluster); err != nil {
			return fmt.Errorf("start the data plane: %w", err)
		}
	}
	url := "http://" + address + quickstartPath
	s.say("waiting for %s", url)
	if err := answers(ctx, url); err != nil {
		return fmt.Errorf("%s does not answer: %w", url, err)
	}
	s.summary(url)
	if s.runsPods {
		cluster.followProxies(ctx)
	}
	return s.wait(ctx)
}

func (s *stack) say(format string, args ...any) {
	fmt.Printf("%6.1fs  %s\n", time.Since(s.started).Seconds(), fmt.Sprintf(format, args...))
}

func (s *stack) summary(url string) {
	fmt.Println()
	fmt.Println("Running:")
	for _, c := range s.children {
		fmt.Printf("  %-12s pid %d\n", c.name, c.command.Process.Pid)
	}
	fmt.Printf("\nTry:\n  curl %s\n  export KUBECONFIG=%s\n  kubectl edit httproute -n %s echo\n\nChanges are shown below; Ctrl-C stops everything.\n\n",
		url, s.kubeconfig, quickstartNamespace)
}

// wait returns when the user stops the run, or when a part of it ended by
// itself.
func (s *stack) wait(ctx context.Context) error {
	ended := make(chan *child, len(s.children))
	for _, c := range s.children {
		go func() {
			<-c.done
			ended <- c
		}()
	}
	select {
	case <-ctx.Done():
		fmt.Println("\nstopping")
		return nil
	case c := <-ended:
		return fmt.Errorf("%s ended: %w", c.name, c.err)
	}
}
