package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"agentgateway.dev/controller/tools/devcluster/node/images"
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
	// Node is one of the node… constants.
	Node string
	// Images say which local programs stand for the images of pods.
	Images images.Table
	// Verbose sends the components' logs to stderr.
	Verbose bool

	// refused tells why there can't be a node, if that is known.
	refused error
}

// The values of --node.
const (
	nodeNone = "false"
	nodeFull = "true"
	// nodeAuto does without a node where the machine can't run one.
	nodeAuto = "auto"
)

// proxyImage is the image of the proxy, for which AGENTGATEWAY_BIN stands.
const proxyImage = "*/agentgateway"

// aboutNode ends the help.
const aboutNode = `
With --node as root, pods are at 198.18.0.0/16, and Services of type LoadBalancer
at 198.18.255.0/24, for pods and for this machine.

With --node as anybody else, the node is in a user namespace. Services of type
LoadBalancer are then at 127.18.N.0/24, for pods and for this machine; from this
machine, ports below 1024 that it doesn't let users open are 8000 higher. Pods
and all other Services can't be reached from this machine but by way of the API
server. Programs in pods run as who started devcluster, whatever runAsUser says.

Either way, pods reach what listens on all addresses of this machine at
198.18.0.1.
`

// has tells whether the component is to run.
func (o Options) has(component string) bool { return slices.Contains(o.Components, component) }

// parseOptions reads the command line, without the program's name. It returns
// pflag.ErrHelp when help was asked for and printed.
func parseOptions(args []string) (Options, error) {
	var o Options
	var programs []string
	all := []string{componentAPIServer, componentControllerManager, componentScheduler}
	flags := pflag.NewFlagSet("devcluster", pflag.ContinueOnError)
	flags.StringVar(&o.Dir, "dir", "", "data directory, kept at exit (default: temporary, removed at exit)")
	flags.StringVar(&o.Kubeconfig, "kubeconfig", "", "where to write the admin kubeconfig (default: in the data directory)")
	flags.StringArrayVar(&o.Manifests, "crds", nil, "directory or file with CRDs and other objects to apply; repeatable")
	flags.StringSliceVar(&o.Components, "components", all, "what to run besides etcd")
	flags.StringVar(&o.ReadyFile, "ready-file", "", "file to write the ready line to, removed at exit")
	flags.BoolVar(&o.ExitWithStdin, "exit-with-stdin", false, "stop when stdin is closed")
	flags.StringVar(&o.Node, "node", nodeNone, "run pods as processes of this machine, for others than root in a user namespace; auto: if that can be")
	flags.Lookup("node").NoOptDefVal = nodeFull
	flags.StringArrayVar(&programs, "images", nil, "programs that stand for images: a YAML file, or image=command,…; repeatable")
	flags.BoolVarP(&o.Verbose, "verbose", "v", false, "send the components' logs to stderr")
	flags.SortFlags = false
	flags.Usage = func() {
		fmt.Fprintf(os.Stderr, "Usage of devcluster:\n%s%s", flags.FlagUsages(), aboutNode)
	}
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
	return o, o.readImages(programs)
}

// readImages reads the values of --images and checks what belongs to them.
func (o *Options) readImages(values []string) error {
	if !slices.Contains([]string{nodeNone, nodeFull, nodeAuto}, o.Node) {
		return fmt.Errorf("--node: %q is none of true, false, auto", o.Node)
	}
	if o.Node != nodeNone && !(o.has(componentControllerManager) && o.has(componentScheduler)) {
		return fmt.Errorf("--node needs the components %s and %s", componentControllerManager, componentScheduler)
	}
	if proxy := os.Getenv("AGENTGATEWAY_BIN"); proxy != "" {
		values = append([]string{proxyImage + "=" + proxy}, values...)
	}
	for _, value := range values {
		table, err := images.Parse(value)
		if err != nil {
			return fmt.Errorf("--images: %w", err)
		}
		o.Images = append(o.Images, table...)
	}
	return nil
}
