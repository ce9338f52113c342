//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"agentgateway.dev/controller/tools/devcluster/node"
	"agentgateway.dev/controller/tools/devcluster/node/services"
)

func inAllForms(t *testing.T, test func(*testing.T, form)) {
	for _, form := range []form{asRoot, rootless} {
		t.Run(string(form), func(t *testing.T) { test(t, form) })
	}
}

// need skips the test where there can't be a node of this form.
func (f form) need(t *testing.T) {
	t.Helper()
	if f == asRoot {
		if apart, err := node.Check(); err != nil || apart {
			t.Skipf("pods can't run in this machine's network: %v", err)
		}
		return
	}
	// Any program will do.
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), beNothing+"=1")
	takeRights(t, command)
	uid, gid := os.Geteuid(), os.Getegid()
	if uid == 0 {
		uid, gid = nobody, nobody
	}
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	// The user who is taken is known in the namespace by his own number.
	command.SysProcAttr.Cloneflags = unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID
	command.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
	command.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
	if command.SysProcAttr.Credential != nil {
		command.SysProcAttr.Credential.NoSetGroups = true
	}
	if err := command.Run(); err != nil {
		t.Skipf("users can't make user namespaces on this machine: %v%s", err, restrictions())
	}
}

// balanced begins the addresses of load balancers.
func (f form) balanced() string {
	if f == rootless {
		return "127.18."
	}
	return "198.18.255."
}

// fromMachine asks the addresses of a load balancer with port 80 and a node
// port as programs of the machine do.
func (s *scene) fromMachine(want, balanced string, nodePort int32) {
	s.Helper()
	if s.process.form != rootless {
		return
	}
	if services.FirstPort() > 80 {
		balanced += ":8080"
	}
	machine, err := s.client.CoreV1().Nodes().Get(s.ctx, node.Name, metav1.GetOptions{})
	s.must(err)
	external := ""
	for _, address := range machine.Status.Addresses {
		if address.Type == corev1.NodeExternalIP {
			external = address.Address
		}
	}
	for _, host := range []string{balanced, net.JoinHostPort(external, strconv.Itoa(int(nodePort)))} {
		s.eventually(host, func() error {
			response, err := http.Get("http://" + host + "/")
			if err != nil {
				return err
			}
			defer response.Body.Close()
			if got, err := io.ReadAll(response.Body); err != nil || string(got) != want {
				return errors.Join(err, fmt.Errorf("got %q", got))
			}
			return nil
		})
	}
}

// dial connects from where the node is.
func (p *process) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if p.form != rootless {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	sockets, err := filepath.Glob(filepath.Join(p.temporary, "devcluster-*", tunnelSocket))
	if err != nil || len(sockets) != 1 {
		return nil, fmt.Errorf("sockets of the cluster: %v, %v", sockets, err)
	}
	connection, err := (&net.Dialer{}).DialContext(ctx, "unix", sockets[0])
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(connection, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", address, address); err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	if response.StatusCode != http.StatusOK {
		reason, _ := io.ReadAll(response.Body)
		return nil, errors.Join(fmt.Errorf("%s: %s", response.Status, reason), connection.Close())
	}
	return connection, nil
}

// sharedDir is a directory that pods may write to.
func (s *scene) sharedDir() string {
	s.Helper()
	dir := s.TempDir()
	// Its parent belongs to this test, too.
	s.must(errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o777)))
	return dir
}

const nobody = 65534

// takeRights lets a command run without the rights of root.
func takeRights(t *testing.T, command *exec.Cmd) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
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

// takeAll lets a command run without the rights that a node needs, and without
// a way to have them.
func takeAll(t *testing.T, command *exec.Cmd) {
	t.Helper()
	rootless.need(t)
	takeRights(t, command)
	uid, gid := os.Geteuid(), os.Getegid()
	if uid == 0 {
		uid, gid = nobody, nobody
	}
	command.Env = append(command.Env, beConfined+"=1")
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: 1}},
		Credential:  &syscall.Credential{NoSetGroups: true},
	}
}

// TestNodeWithoutRights starts as a user who may not run pods: --node must say
// so with an exit code of its own, and --node=auto go on without.
func TestNodeWithoutRights(t *testing.T) {
	t.Run("required", func(t *testing.T) {
		p := prepare(t, "--node")
		takeAll(t, p.command)
		p.begin(t)
		err := p.command.Wait()
		if p.command.ProcessState.ExitCode() != exitUnsupported || !strings.Contains(p.stderr.String(), "this machine can't run pods") ||
			!strings.Contains(p.stderr.String(), "run devcluster as root") || !strings.Contains(p.stderr.String(), "user.max_user_namespaces is 0") {
			t.Errorf("exit: %v\n%s", err, p.stderr)
		}
	})
	t.Run("auto", func(t *testing.T) {
		p := prepare(t, "--node=auto")
		takeAll(t, p.command)
		p.begin(t)
		p.awaitReady(t)
		p.terminate(t)
		if p.Node != "" || !strings.Contains(p.stderr.String(), "no node: this machine can't run pods") {
			t.Errorf("node %q\n%s", p.Node, p.stderr)
		}
	})
}

// TestRootlessNeighbours runs two clusters with nodes at once, and kills the
// process that holds the first one.
func TestRootlessNeighbours(t *testing.T) {
	first, second := withNode(t, rootless), withNode(t, rootless)
	addresses := map[string]bool{}
	for _, p := range []*process{first, second} {
		_, client := p.connect(t)
		s := newScene(t, p, client, "neighbours")
		s.service("web", corev1.ServiceTypeLoadBalancer)
		s.pod("web", corev1.PodSpec{Containers: []corev1.Container{serving()}})
		addresses[s.balancedAddress("web").Status.LoadBalancer.Ingress[0].IP] = true
	}
	if len(addresses) != 2 {
		t.Errorf("load balancers of two clusters have the addresses %v", addresses)
	}
	if err := first.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.command.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := poll(ctx, func() error {
		left, err := os.ReadDir(first.temporary)
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("left behind: %v", left)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	second.terminate(t)
	nothingLeft(t, rootless)
}
