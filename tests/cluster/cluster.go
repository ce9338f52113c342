// Package cluster gives tests a real Kubernetes API server: it runs the
// devcluster binary of tools/devcluster as a child process and hands out
// clients' configuration.
//
// A test binary usually wants one cluster for all its tests:
//
//	var shared *cluster.Cluster
//
//	func TestMain(m *testing.M) {
//		os.Exit(cluster.Main(m, cluster.Options{}, &shared))
//	}
//
// The child lives no longer than the process that started it, however that
// ends. Several clusters can run side by side: each has its own port and its
// own temporary directory.
package cluster

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// The parts of a control plane that Options.Components may name.
const (
	APIServer         = "apiserver"
	ControllerManager = "controller-manager"
	Scheduler         = "scheduler"
)

// stopPatience is how long the child may take to end. It takes about a second;
// after this time it is killed.
const stopPatience = 20 * time.Second

// Options chooses what a cluster has. The zero value is what most tests want.
type Options struct {
	// Components to run besides etcd; nil means only APIServer, which starts
	// fastest. Without ControllerManager nothing fills namespaces with service
	// accounts, deletes what owners leave behind, or finishes the deletion of
	// namespaces.
	Components []string
	// GatewayAPI is the release and channel of the Gateway API CRDs.
	GatewayAPI GatewayAPI
	// WithoutProjectCRDs leaves out manifests/crds of this repository.
	WithoutProjectCRDs bool
	// Manifests are more files, or directories of files, to apply. Where an
	// object occurs again, the last one counts.
	Manifests []string
	// Node makes the cluster run pods as local processes, with all components.
	// Where the machine can't, New fails with ErrNoNode.
	Node bool
	// Images are the programs that stand for the images of pods, in the form
	// of devcluster's flag.
	Images []string
	// Dir keeps the cluster's data, so that another cluster can be started on
	// it later; empty means that the data goes with the cluster.
	Dir string
	// Log receives what the child writes to stderr; nil means that it is shown
	// only when the child fails.
	Log io.Writer
	// Verbose makes the child log all that its components say.
	Verbose bool
}

// ErrNoNode tells that this machine can't run pods; the text says why.
var ErrNoNode = errors.New("no pods can run here")

// exitUnsupported is devcluster's exit code for that.
const exitUnsupported = 3

// Cluster is a running control plane.
type Cluster struct {
	// Kubeconfig is the path of the administrator's kubeconfig.
	Kubeconfig string
	// Server is the URL of the API server.
	Server string
	// RESTConfig is the administrator's configuration, without a limit on the
	// client's side. Copy it before changing it.
	RESTConfig *rest.Config

	process *os.Process
	stdin   io.Closer
	stderr  *tail
	// ended is closed when the child is gone; outcome is then how it went.
	ended   chan struct{}
	outcome error
	stop    sync.Once
}

// Main runs a test binary's tests on one cluster, which it stores in shared,
// and returns the exit code. It is to be called by TestMain.
func Main(m *testing.M, options Options, shared **Cluster) int {
	c, err := New(options)
	if err != nil {
		fmt.Fprintln(os.Stderr, "starting a cluster for the tests:", err)
		return 1
	}
	*shared = c
	code := m.Run()
	if err := c.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the cluster of the tests:", err)
		return max(code, 1)
	}
	return code
}

// Start starts a cluster for one test and stops it when the test ends.
func Start(t testing.TB, options Options) *Cluster {
	t.Helper()
	c, err := New(options)
	if err != nil {
		t.Fatalf("starting a cluster: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Errorf("stopping the cluster: %v", err)
		}
	})
	return c
}

// New starts a cluster and returns when it is ready. Whoever calls it must
// call Stop.
func New(options Options) (*Cluster, error) {
	root, err := repositoryRoot()
	if err != nil {
		return nil, err
	}
	binary, err := findBinary(root)
	if err != nil {
		return nil, err
	}
	args, err := options.arguments(root)
	if err != nil {
		return nil, err
	}
	command := exec.Command(binary, args...)
	return launch(command, options.Log)
}

func (o Options) arguments(root string) ([]string, error) {
	components := o.Components
	if components == nil {
		components = []string{APIServer}
		if o.Node {
			components = []string{APIServer, ControllerManager, Scheduler}
		}
	}
	args := []string{"--exit-with-stdin", "--components", strings.Join(components, ",")}
	manifests, err := o.GatewayAPI.manifests(root)
	if err != nil {
		return nil, err
	}
	if !o.WithoutProjectCRDs {
		manifests = append(manifests, projectCRDs(root)...)
	}
	for _, path := range append(manifests, o.Manifests...) {
		args = append(args, "--crds", path)
	}
	if o.Node {
		args = append(args, "--node")
	}
	for _, image := range o.Images {
		args = append(args, "--images", image)
	}
	if o.Dir != "" {
		args = append(args, "--dir", o.Dir)
	}
	if o.Verbose {
		args = append(args, "-v")
	}
	return args, nil
}

// launch starts the child and waits for its ready line.
func launch(command *exec.Cmd, log io.Writer) (*Cluster, error) {
	c := &Cluster{stderr: &tail{next: log}, ended: make(chan struct{})}
	command.Stderr = c.stderr
	dieWithParent(command)
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	c.stdin = stdin
	// Not StdoutPipe: Wait closes it, and Wait runs all the time.
	stdout, childStdout, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdout.Close()
	command.Stdout = childStdout

	started := make(chan error)
	go func() {
		// Linux kills the child when the thread that started it ends, so that
		// thread is kept until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := command.Start()
		childStdout.Close()
		started <- err
		if err == nil {
			c.outcome = command.Wait()
			close(c.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", command.Path, err)
	}
	c.process = command.Process
	if err := c.awaitReady(stdout); err != nil {
		err = errors.Join(err, c.Stop())
		var exit *exec.ExitError
		if errors.As(c.outcome, &exit) && exit.ExitCode() == exitUnsupported {
			err = fmt.Errorf("%w: %s", ErrNoNode, c.stderr)
		}
		return nil, err
	}
	return c, nil
}

// awaitReady reads the ready line, or finds that the child has ended, which
// closes its stdout.
func (c *Cluster) awaitReady(stdout io.Reader) error {
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("devcluster ended before it was ready: %w", err)
	}
	var ready struct {
		Kubeconfig string `json:"kubeconfig"`
		Server     string `json:"server"`
	}
	if err := json.Unmarshal(line, &ready); err != nil {
		return fmt.Errorf("devcluster's ready line %q: %w", line, err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", ready.Kubeconfig)
	if err != nil {
		return fmt.Errorf("reading the cluster's kubeconfig: %w", err)
	}
	config.QPS = -1
	c.Kubeconfig, c.Server, c.RESTConfig = ready.Kubeconfig, ready.Server, config
	return nil
}

// Stop ends the cluster and returns when it is gone. Its error tells that the
// cluster had failed or had to be killed, and shows the end of its log. Later
// calls return nil.
func (c *Cluster) Stop() error {
	var err error
	c.stop.Do(func() { err = c.end() })
	return err
}

func (c *Cluster) end() error {
	// The child may have gone and taken its end of the pipe with it.
	_ = c.stdin.Close()
	select {
	case <-c.ended:
	case <-time.After(stopPatience):
		err := c.process.Kill()
		<-c.ended
		return errors.Join(fmt.Errorf("devcluster didn't end within %s of being asked to and was killed\n%s", stopPatience, c.stderr), err)
	}
	if c.outcome != nil {
		return fmt.Errorf("devcluster: %w\n%s", c.outcome, c.stderr)
	}
	return nil
}

// tail keeps the last of what is written to it, and passes everything on.
type tail struct {
	next io.Writer

	mu   sync.Mutex
	last []byte
}

// tailBytes is how much a tail keeps: more than a failed start's message.
const tailBytes = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	t.last = append(t.last, p...)
	if over := len(t.last) - tailBytes; over > 0 {
		t.last = t.last[over:]
	}
	t.mu.Unlock()
	if t.next != nil {
		return t.next.Write(p)
	}
	return len(p), nil
}

// String returns what was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.last)
}
