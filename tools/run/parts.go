package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// startCluster starts devcluster and waits until it tells its kubeconfig.
func (s *stack) startCluster(ctx context.Context, dir string) error {
	module, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api").Output()
	if err != nil {
		return fmt.Errorf("find the CRDs of Gateway API: %w", err)
	}
	args := []string{"--crds", filepath.Join(strings.TrimSpace(string(module)), "config/crd/standard")}
	if _, err := os.Stat("manifests/crds"); err == nil {
		args = append(args, "--crds", "manifests/crds")
	}
	if dir != "" {
		args = append(args, "--dir", dir)
	}
	// Where the machine allows it, pods run as local processes.
	args = append(args, "--node=auto",
		"--images", echoImage+"="+filepath.Join(s.bin, "echo"),
		"--images", "*/agentgateway="+filepath.Join(s.bin, "dataplane"))
	command := exec.Command(filepath.Join(s.bin, "devcluster"), args...)
	output, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	cluster, err := s.startPart("devcluster", command)
	if err != nil {
		return err
	}
	read := make(chan error, 1)
	go func() { read <- s.readReady(output) }()
	select {
	case err := <-read:
		if err != nil {
			return fmt.Errorf("read its ready line: %w", err)
		}
		s.say("cluster ready, kubeconfig %s", s.kubeconfig)
		return nil
	case <-cluster.done:
		return fmt.Errorf("it ended: %w", cluster.err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readReady reads what devcluster says when it is ready. Without a node in it,
// the parts that would be pods are started as plain processes.
func (s *stack) readReady(output io.Reader) error {
	var ready struct {
		Kubeconfig  string `json:"kubeconfig"`
		Node        string `json:"node"`
		NodeAddress string `json:"nodeAddress"`
	}
	if err := json.NewDecoder(output).Decode(&ready); err != nil {
		return err
	}
	s.kubeconfig, s.runsPods, s.nodeAddress = ready.Kubeconfig, ready.Node != "", ready.NodeAddress
	return nil
}

// startController starts the controller on ports that are free.
func (s *stack) startController(ctx context.Context) error {
	ports, err := freePorts(4)
	if err != nil {
		return err
	}
	s.xdsPort = ports[0]
	command := exec.Command(filepath.Join(s.bin, "agentgateway-controller"),
		"--log-format", "console", "--log-level", "warn")
	command.Env = append(os.Environ(),
		"KUBECONFIG="+s.kubeconfig,
		"POD_NAMESPACE="+controllerNamespace,
		"AGW_AGENTGATEWAY_XDS_SERVICE_PORT="+strconv.Itoa(ports[0]),
		// The controller is no pod: proxies reach it at the address of the machine.
		"AGW_XDS_SERVICE_HOST="+cmp.Or(s.nodeAddress, "127.0.0.1"),
		"AGW_HEALTH_ADDRESS=127.0.0.1:"+strconv.Itoa(ports[1]),
		"AGW_METRICS_ADDRESS=127.0.0.1:"+strconv.Itoa(ports[2]),
		"AGW_ADMIN_ADDRESS=127.0.0.1:"+strconv.Itoa(ports[3]),
	)
	controller, err := s.startPart("controller", command)
	if err != nil {
		return err
	}
	ready := fmt.Sprintf("http://127.0.0.1:%d/readyz", ports[1])
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-controller.done:
			cancel()
		case <-waiting.Done():
		}
	}()
	if err := answers(waiting, ready); err != nil {
		return err
	}
	s.say("controller ready (xDS on port %d)", s.xdsPort)
	return nil
}

// startDataPlane starts a proxy for the quickstart Gateway and returns the
// address it listens on.
func (s *stack) startDataPlane(ctx context.Context, cluster *cluster) (string, error) {
	token := filepath.Join(s.dir, "xds-token")
	if err := cluster.writeToken(ctx, token); err != nil {
		return "", err
	}
	ports, err := freePorts(3)
	if err != nil {
		return "", err
	}
	port := quickstartPort
	binary, real := os.LookupEnv("AGENTGATEWAY_BIN")
	if !real {
		binary = filepath.Join(s.bin, "dataplane")
		if port, err = portNear(quickstartPort); err != nil {
			return "", err
		}
	}
	command := exec.Command(binary, "-c", "config: {}")
	command.Env = append(os.Environ(),
		"XDS_ADDRESS=http://127.0.0.1:"+strconv.Itoa(s.xdsPort),
		"XDS_AUTH_TOKEN="+token,
		"NAMESPACE="+quickstartNamespace,
		"GATEWAY="+quickstartGateway,
		"ADMIN_ADDR=127.0.0.1:"+strconv.Itoa(ports[0]),
		"STATS_ADDR=127.0.0.1:"+strconv.Itoa(ports[1]),
		"READINESS_ADDR=127.0.0.1:"+strconv.Itoa(ports[2]),
		"IPV6_ENABLED="+strconv.FormatBool(hasIPv6()),
		"DATAPLANE_PORTS=offset:"+strconv.Itoa(port-quickstartPort),
	)
	if _, err := s.startPart("dataplane", command); err != nil {
		return "", err
	}
	s.say("data plane started (%s)", filepath.Base(binary))
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), nil
}

// startEcho starts an echo server on address.
func (s *stack) startEcho(name, address string) (*child, error) {
	command := exec.Command(filepath.Join(s.bin, "echo"), "--listen", address, "--name", name)
	return start("echo", command)
}

// answers waits until url answers with 200.
func answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	last := error(nil)
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("last answer: %s", response.Status)
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return cmp.Or(last, ctx.Err())
		case <-tick.C:
		}
	}
}

// freePorts returns ports that were free a moment ago.
func freePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		// Closed only at the end, so that no port is given twice.
		defer listener.Close()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// portNear returns the first free port from port upwards.
func portNear(port int) (int, error) {
	for candidate := port; candidate < port+100; candidate++ {
		listener, err := net.Listen("tcp", ":"+strconv.Itoa(candidate))
		if err == nil {
			_ = listener.Close()
			return candidate, nil
		}
	}
	return 0, fmt.Errorf("no free port from %d to %d", port, port+99)
}

func hasIPv6() bool {
	listener, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return false
	}
	_ = listener.Close()
	return true
}
