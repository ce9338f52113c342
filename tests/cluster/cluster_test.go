package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// beTheParent makes this test binary a process that starts a cluster, prints
// its address, and hangs.
const beTheParent = "CLUSTER_TEST_BE_THE_PARENT"

var shared *Cluster

func TestMain(m *testing.M) {
	if os.Getenv(beTheParent) != "" {
		c, err := New(Options{GatewayAPI: NoGatewayAPI, WithoutProjectCRDs: true})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(strings.TrimPrefix(c.Server, "https://"))
		select {}
	}
	// The project's own CRDs are left out: whether they are good is not this
	// package's question.
	os.Exit(Main(m, Options{WithoutProjectCRDs: true}, &shared))
}

// patience is how long a test waits for what should happen within seconds.
const patience = time.Minute

var (
	gatewayClasses = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gatewayclasses"}
	crds           = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
)

func connect(t *testing.T, c *Cluster) dynamic.Interface {
	t.Helper()
	client, err := dynamic.NewForConfig(c.RESTConfig)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func bundleVersion(t *testing.T, c *Cluster) string {
	t.Helper()
	crd, err := connect(t, c).Resource(crds).Get(t.Context(), "gatewayclasses.gateway.networking.k8s.io", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return crd.GetAnnotations()["gateway.networking.k8s.io/bundle-version"]
}

func TestSharedClusterServesGatewayAPI(t *testing.T) {
	list, err := connect(t, shared).Resource(gatewayClasses).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 0 {
		t.Errorf("a new cluster has GatewayClasses: %v", list.Items)
	}
	if got := bundleVersion(t, shared); !strings.HasPrefix(got, "v1.6.") {
		t.Errorf("bundle version %q", got)
	}
}

func TestOlderGatewayAPI(t *testing.T) {
	c := Start(t, Options{GatewayAPI: StandardV1_2_1, WithoutProjectCRDs: true})
	if got := bundleVersion(t, c); got != "v1.2.1" {
		t.Errorf("bundle version %q", got)
	}
	listenerSets := gatewayClasses.GroupVersion().WithResource("listenersets")
	_, err := connect(t, c).Resource(listenerSets).List(t.Context(), metav1.ListOptions{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("ListenerSets, which v1.2.1 doesn't have: %v", err)
	}
}

// TestRestart stops a cluster and starts another on its data.
func TestRestart(t *testing.T) {
	options := Options{GatewayAPI: NoGatewayAPI, WithoutProjectCRDs: true, Dir: filepath.Join(t.TempDir(), "data")}
	options.Manifests = []string{filepath.Join(t.TempDir(), "namespace.yaml")}
	namespace := "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: kept\n"
	if err := os.WriteFile(options.Manifests[0], []byte(namespace), 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	options.Manifests = nil
	second := Start(t, options)
	namespaces := schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	if _, err := connect(t, second).Resource(namespaces).Get(t.Context(), "kept", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
}

func TestFailedStartSaysWhy(t *testing.T) {
	_, err := New(Options{GatewayAPI: NoGatewayAPI, WithoutProjectCRDs: true, Manifests: []string{"missing.yaml"}})
	if err == nil || !strings.Contains(err.Error(), "missing.yaml: no such file") {
		t.Errorf("got %v", err)
	}
}

// TestDiesWithItsParent kills a process that has a cluster, in the way that
// leaves it no time for anything.
func TestDiesWithItsParent(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	temporary := t.TempDir()
	parent := exec.CommandContext(ctx, os.Args[0])
	parent.Env = append(os.Environ(), beTheParent+"=1", "TMPDIR="+temporary)
	parent.Stderr = os.Stderr
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()

	address := strings.TrimSpace(line)
	err = eventually(ctx, func() error {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			return errors.Join(errors.New("the cluster still listens"), connection.Close())
		}
		left, err := os.ReadDir(temporary)
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("left behind: %v", left)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// eventually asks until there is no error, or returns the last one.
func eventually(ctx context.Context, ask func() error) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-ticker.C:
		}
	}
}
