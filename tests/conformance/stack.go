package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

const (
	controllerNamespace = "agentgateway-system"
	// machineAddress is this machine's address as pods of devcluster's node
	// see it.
	machineAddress = "198.18.0.1"
	// startPatience bounds the start of a part. Under load a cluster takes
	// half a minute.
	startPatience = 3 * time.Minute
)

// stack is what runs beside the suite: a cluster and the controller.
type stack struct {
	binaries
	root, logs string
	say        func(string, ...any)
	// lost is called when a part has ended by itself after the start.
	lost func(error)

	config  *rest.Config
	running []*process
	// controllerLog is the path of the controller's log.
	controllerLog string
}

// start brings up everything. Whoever calls it must call stop, also after an
// error.
func (s *stack) start(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("pods as processes need network namespaces of their own: run this as root on Linux")
	}
	if err := os.MkdirAll(s.logs, 0o755); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*startPatience)
	defer cancel()
	kubeconfig, err := s.startCluster(ctx)
	if err != nil {
		return err
	}
	if s.config, err = clientcmd.BuildConfigFromFlags("", kubeconfig); err != nil {
		return fmt.Errorf("read the kubeconfig: %w", err)
	}
	// The API server has its own limit.
	s.config.QPS = -1
	client, err := kubernetes.NewForConfig(s.config)
	if err != nil {
		return err
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: controllerNamespace}}
	if _, err := client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create the controller's namespace: %w", err)
	}
	if err := s.startController(ctx, kubeconfig); err != nil {
		return err
	}
	for _, p := range s.running {
		go p.watch(s.lost)
	}
	return nil
}

// stop ends the parts in the reverse order of their start.
func (s *stack) stop() error {
	var err error
	for _, p := range slices.Backward(s.running) {
		err = errors.Join(err, p.stop())
	}
	s.running = nil
	return err
}

// startCluster starts devcluster and returns the administrator's kubeconfig.
func (s *stack) startCluster(ctx context.Context) (string, error) {
	crds, err := gatewayAPI(ctx)
	if err != nil {
		return "", err
	}
	images, err := s.writeImages()
	if err != nil {
		return "", err
	}
	command := exec.Command(s.devcluster, "--exit-with-stdin", "--node", "--images", images,
		"--crds", crds, "--crds", filepath.Join(s.root, "manifests", "crds"))
	stdout, childStdout, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer stdout.Close()
	command.Stdout = childStdout
	cluster, err := startProcess("devcluster", s.logs, command)
	childStdout.Close()
	if err != nil {
		return "", err
	}
	s.running = append(s.running, cluster)
	line := make(chan []byte, 1)
	go func() {
		defer close(line)
		// Without a line the process has ended, which is seen below.
		if read, err := bufio.NewReader(stdout).ReadBytes('\n'); err == nil {
			line <- read
		}
	}()
	var ready struct {
		Kubeconfig string `json:"kubeconfig"`
	}
	select {
	case read, ok := <-line:
		if !ok {
			<-cluster.ended
			return "", fmt.Errorf("the cluster with a node didn't start: %w", cluster.failure())
		}
		if err := json.Unmarshal(read, &ready); err != nil {
			return "", fmt.Errorf("read devcluster's ready line %q: %w", read, err)
		}
	case <-ctx.Done():
		return "", fmt.Errorf("the cluster isn't ready: %w\n%s", ctx.Err(), cluster.tail())
	}
	s.say("cluster ready: export KUBECONFIG=%s", ready.Kubeconfig)
	return ready.Kubeconfig, nil
}

// writeImages writes which program stands for which image.
func (s *stack) writeImages() (string, error) {
	type program struct {
		Image   string            `json:"image"`
		Command []string          `json:"command"`
		Env     map[string]string `json:"env,omitempty"`
	}
	table := map[string][]program{"images": {
		{Image: "agentgateway", Command: []string{s.proxy}},
		{Image: "gateway-api/echo-basic", Command: []string{s.echo}},
		// The suite wants all its pods to be ready, but only the tests of
		// UDPRoute, which the proxy can't serve, talk to the DNS server.
		{Image: "coredns", Command: []string{s.echo}, Env: map[string]string{"UDP_ECHO_SERVER": "1"}},
	}}
	content, err := yaml.Marshal(table)
	if err != nil {
		return "", err
	}
	path := filepath.Join(s.logs, "images.yaml")
	return path, os.WriteFile(path, content, 0o600)
}

// startController starts the controller on this machine, beside the cluster,
// where proxies reach it through the bridge.
func (s *stack) startController(ctx context.Context, kubeconfig string) error {
	ports, err := freePorts(4)
	if err != nil {
		return err
	}
	xds, health := strconv.Itoa(ports[0]), "127.0.0.1:"+strconv.Itoa(ports[1])
	command := exec.Command(s.controller, "--log-format", "json")
	command.Env = append(os.Environ(),
		"KUBECONFIG="+kubeconfig,
		"POD_NAMESPACE="+controllerNamespace,
		"AGW_XDS_SERVICE_HOST="+machineAddress,
		"AGW_AGENTGATEWAY_XDS_SERVICE_PORT="+xds,
		"AGW_XDS_ADDRESS="+machineAddress+":"+xds,
		"AGW_XDS_AUTH=true",
		"AGW_HEALTH_ADDRESS="+health,
		"AGW_METRICS_ADDRESS=127.0.0.1:"+strconv.Itoa(ports[2]),
		"AGW_ADMIN_ADDRESS=127.0.0.1:"+strconv.Itoa(ports[3]),
	)
	controller, err := startProcess("controller", s.logs, command)
	if err != nil {
		return err
	}
	s.running, s.controllerLog = append(s.running, controller), controller.log
	if err := controller.answers(ctx, "http://"+health+"/readyz"); err != nil {
		return err
	}
	s.say("controller ready: xDS on %s:%s, debugging on http://127.0.0.1:%d", machineAddress, xds, ports[3])
	return nil
}

// answers waits until url, which the process serves, answers with 200.
func (p *process) answers(ctx context.Context, url string) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-p.ended:
			return p.failure()
		case <-ctx.Done():
			return fmt.Errorf("%s isn't ready: %w\n%s", p.name, ctx.Err(), p.tail())
		}
	}
}

// freePorts returns ports that were free a moment ago, below the range from
// which systems take those of outgoing connections.
func freePorts(n int) ([]int, error) {
	const first, last = 20000, 31999
	ports := make([]int, 0, n)
	for port := first + os.Getpid()%1000*10; len(ports) < n && port <= last; port++ {
		listener, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	if len(ports) < n {
		return nil, fmt.Errorf("no %d ports up to %d are free", n, last)
	}
	return ports, nil
}
