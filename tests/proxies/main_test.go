// Package proxies runs what the controller provisions: on a cluster whose
// pods are processes of this machine, with the development data plane, or the
// real proxy that AGENTGATEWAY_BIN names.
//
// All tests share one cluster, because a machine can have one node. Each has a
// namespace, a GatewayClass and a controller of its own.
package proxies

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	istiolog "istio.io/istio/pkg/log"

	"agentgateway.dev/controller/tests/cluster"
)

const (
	// machineAddress is this machine's address as pods see it.
	machineAddress = "198.18.0.1"
	echoImage      = "agentgateway/echo"
	echoPort       = 5678
)

func TestMain(m *testing.M) {
	// The progress of the collection library; what a failed test needs is in the
	// controller's log.
	for _, scope := range istiolog.Scopes() {
		scope.SetOutputLevel(istiolog.ErrorLevel)
	}
	code := m.Run()
	if started != nil {
		if err := started.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the cluster:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// started is the cluster, nil as long as no test wanted it.
var started *cluster.Cluster

var start = sync.OnceValues(func() (*cluster.Cluster, error) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return nil, err
	}
	bin := filepath.Join(root, "bin")
	// The flags are those of the Makefile, whose work is then not done again.
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin+"/", "./tools/dataplane", "./tools/echo")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the programs of pods: %w\n%s", err, output)
	}
	started, err = cluster.New(cluster.Options{Node: true, Images: []string{
		echoImage + "=" + filepath.Join(bin, "echo"), "*/agentgateway=" + filepath.Join(bin, "dataplane"),
	}})
	return started, err
})

// withNode returns the cluster. It skips the test where pods can't run.
func withNode(t *testing.T) *cluster.Cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("runs pods, which takes a minute or two; not with -short")
	}
	c, err := start()
	if errors.Is(err, cluster.ErrNoNode) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}
