package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// The components that --components may name. etcd always runs.
const (
	componentAPIServer         = "apiserver"
	componentControllerManager = "controller-manager"
	componentScheduler         = "scheduler"
)

// Options is what the command line may choose.
type Options struct {
	// Dir keeps the cluster's data between starts. Empty means a temporary
	// directory that is removed at exit.
	Dir string
	// Kubeconfig is where the administrator's kubeconfig is written; empty
	// means a file in the data directory.
	Kubeconfig string
	// Manifests are files or directories whose objects are applied before the
	// cluster calls itself ready.
	Manifests []string
	// Components are the parts to run besides etcd.
	Components []string
	// ReadyFile receives the same JSON line as stdout; empty means none. It is
	// removed at exit.
	ReadyFile string
	// ExitWithStdin stops the cluster when stdin is closed.
	ExitWithStdin bool
	// Verbose sends the components' logs to stderr.
	Verbose bool
}

// has tells whether the component is to run.
func (o Options) has(component string) bool { return slices.Contains(o.Components, component) }

// parseOptions reads the command line, without the program's name. It returns
// pflag.ErrHelp when help was asked for and printed.
func parseOptions(args []string) (Options, error) {
	var o Options
	all := []string{componentAPIServer, componentControllerManager, componentScheduler}
	flags := pflag.NewFlagSet("devcluster", pflag.ContinueOnError)
	flags.StringVar(&o.Dir, "dir", "", "data directory, kept at exit (default: temporary, removed at exit)")
	flags.StringVar(&o.Kubeconfig, "kubeconfig", "", "where to write the admin kubeconfig (default: in the data directory)")
	flags.StringArrayVar(&o.Manifests, "crds", nil, "directory or file with CRDs and other objects to apply; repeatable")
	flags.StringSliceVar(&o.Components, "components", all, "what to run besides etcd")
	flags.StringVar(&o.ReadyFile, "ready-file", "", "file to write the ready line to, removed at exit")
	flags.BoolVar(&o.ExitWithStdin, "exit-with-stdin", false, "stop when stdin is closed")
	flags.BoolVarP(&o.Verbose, "verbose", "v", false, "send the components' logs to stderr")
	flags.SortFlags = false
	if err := flags.Parse(args); err != nil {
		return Options{}, err
	}
	if flags.NArg() > 0 {
		return Options{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	for _, c := range o.Components {
		if !slices.Contains(all, c) {
			return Options{}, fmt.Errorf("--components: unknown component %q (known: %s)", c, strings.Join(all, ", "))
		}
	}
	if !o.has(componentAPIServer) {
		return Options{}, fmt.Errorf("--components: %s is required", componentAPIServer)
	}
	for _, path := range o.Manifests {
		if _, err := os.Stat(path); err != nil {
			return Options{}, fmt.Errorf("--crds: %w", err)
		}
	}
	return o, nil
}
