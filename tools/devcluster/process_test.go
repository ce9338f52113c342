package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// beTheProgram makes the test binary behave as devcluster itself, so that the
// tests see what a parent process sees, without a second build.
const beTheProgram = "DEVCLUSTER_TEST_BE_THE_PROGRAM"

// beNothing makes the test binary end at once, and beConfined makes it forbid
// itself further user namespaces before it goes on.
const (
	beNothing  = "DEVCLUSTER_TEST_BE_NOTHING"
	beConfined = "DEVCLUSTER_TEST_BE_CONFINED"
)

// confine forbids further namespaces in the user namespace that this process
// was started in.
func confine() {
	for _, kind := range []string{"user", "net"} {
		if err := os.WriteFile("/proc/sys/user/max_"+kind+"_namespaces", []byte("0"), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func TestMain(m *testing.M) {
	if os.Getenv(beNothing) != "" {
		os.Exit(0)
	}
	if os.Getenv(beConfined) != "" {
		confine()
	}
	if os.Getenv(beTheProgram) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(runTests(m))
}

// podProgram is the program that pods of the tests run.
var podProgram string

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "devcluster-test-")
	if err == nil {
		// For users who aren't root.
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	podProgram = filepath.Join(dir, "pod")
	if output, err := exec.Command("go", "build", "-o", podProgram, "./testdata/pod").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the program of the pods: %v\n%s", err, output)
		return 1
	}
	return m.Run()
}

// patience is how long a test waits for what should happen within seconds.
const patience = 2 * time.Minute

// form is how a node lives: in the machine's network, or, for those who aren't
// root, apart from it.
type form string

const (
	asRoot   form = "root"
	rootless form = "rootless"
)

// process is a devcluster that runs as a child.
type process struct {
	Ready
	command *exec.Cmd
	stdin   io.Closer
	// stdout are the lines after the ready line.
	stdout *bufio.Reader
	stderr *bytes.Buffer
	// form is how its node lives, if it has one.
	form form
	// temporary is the directory that the child takes for the system's
	// temporary one.
	temporary string
}

// launch starts devcluster and returns before it is ready.
func launch(t *testing.T, args ...string) *process {
	t.Helper()
	p := prepare(t, args...)
	p.begin(t)
	return p
}

// prepare makes a process that can still be changed before it begins.
func prepare(t *testing.T, args ...string) *process {
	t.Helper()
	// Not t.TempDir, whose removal hides what the child has left behind.
	temporary, err := os.MkdirTemp("", "dct-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(temporary) })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	p := &process{command: exec.CommandContext(ctx, os.Args[0], args...), stderr: &bytes.Buffer{}, temporary: temporary}
	p.command.Env = append(os.Environ(), beTheProgram+"=1", "TMPDIR="+temporary)
	p.command.Stderr = p.stderr
	return p
}

func (p *process) begin(t *testing.T) {
	t.Helper()
	var err error
	if p.stdin, err = p.command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := p.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewReader(stdout)
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
}

// start starts devcluster and waits for its ready line.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := launch(t, args...)
	p.awaitReady(t)
	return p
}

func (p *process) awaitReady(t *testing.T) {
	t.Helper()
	line, err := p.stdout.ReadBytes('\n')
	if err != nil {
		t.Fatalf("no ready line: %v; it ended with %v\n%s", err, p.command.Wait(), p.stderr)
	}
	if err := json.Unmarshal(line, &p.Ready); err != nil {
		t.Fatalf("ready line %q: %v", line, err)
	}
}

// terminate asks the process to end and checks that it does so cleanly.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.ends(t)
}

// ends checks that the process ends by itself with success, has said nothing
// more on stdout, and has removed its temporary files.
func (p *process) ends(t *testing.T) {
	t.Helper()
	rest, err := io.ReadAll(p.stdout)
	if err != nil {
		t.Errorf("reading stdout: %v", err)
	}
	if len(rest) > 0 {
		t.Errorf("more than one line on stdout: %q", rest)
	}
	if err := p.command.Wait(); err != nil {
		t.Fatalf("exit: %v\n%s", err, p.stderr)
	}
	left, err := os.ReadDir(p.temporary)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		t.Errorf("left behind: %s", entry.Name())
	}
}

// connect returns a client for the cluster.
func (p *process) connect(t *testing.T) (*rest.Config, kubernetes.Interface) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", p.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return config, client
}
