package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"agentgateway.dev/controller/tools/devcluster/node"
)

const (
	// startTimeout bounds each step of the start. A step takes seconds; only a
	// machine under heavy load comes near this.
	startTimeout = 2 * time.Minute
	// stopPatience is how long the components may take to end by themselves.
	// Open watches can hold the API server for a minute, and nothing that
	// matters is lost by not waiting: all data is already in etcd.
	stopPatience = 2 * time.Second
	// logTail is how much of the log a failed start shows, in bytes.
	logTail = 4096
)

// Ready is what a parent process needs to know, printed as one JSON line.
type Ready struct {
	// Kubeconfig is the absolute path of the administrator's kubeconfig.
	Kubeconfig string `json:"kubeconfig"`
	// Server is the API server's URL.
	Server string `json:"server"`
	// Node is the name of the node, absent if there is none.
	Node string `json:"node,omitempty"`
	// NodeAddress is what pods reach servers on this machine by, absent if there
	// is no node.
	NodeAddress string `json:"nodeAddress,omitempty"`
}

// cluster is a running control plane.
type cluster struct {
	options Options
	dir     *dataDir
	logs    *logs
	steps   io.Writer
	began   time.Time

	etcd       *embed.Etcd
	config     *rest.Config
	components sync.WaitGroup
	node       *node.Node
	// apart tells that the node's network isn't the machine's, and tunnel is
	// then how the API server comes there.
	apart  bool
	tunnel *tunnel
	// fail ends everything, when a component returned that should not have.
	fail context.CancelCauseFunc
}

// run starts a cluster, prints the Ready line to out when clients may connect,
// and stays until ctx ends or a component fails. It leaves nothing behind but
// a data directory that was asked for and a kubeconfig that was asked for.
func run(ctx context.Context, options Options, out, steps io.Writer) (err error) {
	dir, err := openDataDir(options.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.close()) }()
	logs, err := openLogs(dir, options.Verbose)
	if err != nil {
		return err
	}
	defer logs.close()

	components, fail := context.WithCancelCause(context.WithoutCancel(ctx))
	c := &cluster{options: options, dir: dir, logs: logs, steps: steps, began: time.Now(), fail: fail}
	defer c.stop()
	// A start that is cut short isn't a failure: whoever asked for the cluster
	// changed their mind.
	starting, cancel := context.WithCancelCause(components)
	defer context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })()
	ready, err := c.start(starting, components)
	if ctx.Err() != nil {
		c.step("stopping")
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, logs.tail(logTail))
	}
	line, err := json.Marshal(ready)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if options.ReadyFile != "" {
		if err := writePrivately(options.ReadyFile, line); err != nil {
			return fmt.Errorf("writing the ready file: %w", err)
		}
		defer os.Remove(options.ReadyFile)
	}
	if _, err := out.Write(line); err != nil {
		return fmt.Errorf("writing the ready line: %w", err)
	}
	select {
	case <-ctx.Done():
		c.step("stopping")
		return nil
	case <-components.Done():
		return fmt.Errorf("%w\n%s", context.Cause(components), logs.tail(logTail))
	}
}

// start brings up one part after the other. The parts live in the context
// components; starting may end earlier.
func (c *cluster) start(starting, components context.Context) (Ready, error) {
	kubeconfig := c.dir.file("kubeconfig")
	if c.options.Kubeconfig != "" {
		kubeconfig = c.options.Kubeconfig
	}
	kubeconfig, err := filepath.Abs(kubeconfig)
	if err != nil {
		return Ready{}, err
	}
	if err := c.checkNode(); err != nil {
		return Ready{}, err
	}
	objects, err := readManifests(c.options.Manifests)
	if err != nil {
		return Ready{}, err
	}
	listener, err := c.dir.listen()
	if err != nil {
		return Ready{}, err
	}
	server := "https://" + listener.Addr().String()
	credentials, err := writeCredentials(c.dir, server, kubeconfig)
	if err != nil {
		return Ready{}, err
	}
	c.step("credentials written")

	etcd, etcdURL, err := startEtcd(starting, c.dir, c.logs)
	if err != nil {
		return Ready{}, err
	}
	c.etcd = etcd
	c.step("etcd ready")

	egress := ""
	if c.apart {
		if c.tunnel, egress, err = newTunnel(c.dir); err != nil {
			return Ready{}, err
		}
	}
	serve, err := prepareAPIServer(components, listener, etcdURL, egress, credentials)
	if err != nil {
		return Ready{}, err
	}
	c.launch(components, "kube-apiserver", serve)
	client, err := c.connect(kubeconfig)
	if err != nil {
		return Ready{}, err
	}
	if err := c.await(starting, "kube-apiserver", client, waitAPIServer); err != nil {
		return Ready{}, err
	}
	// The garbage collector looks for kinds when it starts, and then only twice
	// a minute, so the CRDs come before it.
	kinds, rest := foundations(objects)
	if err := c.apply(starting, kinds); err != nil {
		return Ready{}, err
	}
	if err := c.startControllers(starting, components, credentials, client); err != nil {
		return Ready{}, err
	}
	if err := c.startNode(starting, credentials, client, listener.Addr().String()); err != nil {
		return Ready{}, err
	}
	if err := c.apply(starting, rest); err != nil {
		return Ready{}, err
	}
	ready := Ready{Kubeconfig: kubeconfig, Server: server}
	if c.node != nil {
		ready.Node, ready.NodeAddress = node.Name, node.Address
	}
	return ready, nil
}

func (c *cluster) apply(ctx context.Context, objects []*unstructured.Unstructured) error {
	if len(objects) == 0 {
		return nil
	}
	if err := applyManifests(ctx, c.config, objects); err != nil {
		return fmt.Errorf("applying manifests: %w", err)
	}
	c.step(fmt.Sprintf("%d objects applied", len(objects)))
	return nil
}

// startControllers starts what is optional.
func (c *cluster) startControllers(starting, components context.Context, credentials credentials, client kubernetes.Interface) error {
	starting, cancel := context.WithTimeout(starting, startTimeout)
	defer cancel()
	if c.options.has(componentControllerManager) {
		control, err := prepareControllerManager(components, credentials)
		if err != nil {
			return err
		}
		c.launch(components, "kube-controller-manager", control)
	}
	if c.options.has(componentScheduler) {
		schedule, err := prepareScheduler(starting, components, credentials)
		if err != nil {
			return err
		}
		c.launch(components, "kube-scheduler", schedule)
		c.step("kube-scheduler ready")
	}
	if c.options.has(componentControllerManager) {
		return c.await(starting, "kube-controller-manager", client, waitControllerManager)
	}
	return nil
}

func (c *cluster) connect(kubeconfig string) (kubernetes.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	// No limit on the client's side; the server has its own.
	config.QPS = -1
	config.UserAgent = "devcluster"
	c.config = config
	return kubernetes.NewForConfig(config)
}

// launch runs a component until ctx ends. Returning earlier is a failure of
// the whole cluster.
func (c *cluster) launch(ctx context.Context, name string, run func(context.Context) error) {
	c.components.Go(func() {
		err := run(ctx)
		if ctx.Err() == nil {
			c.fail(fmt.Errorf("%s ended: %w", name, errors.Join(err, errors.New("nobody asked it to"))))
		}
	})
}

// await waits for a component to answer.
func (c *cluster) await(ctx context.Context, name string, client kubernetes.Interface, wait func(context.Context, kubernetes.Interface) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := wait(ctx, client); err != nil {
		return fmt.Errorf("waiting for %s: %w", name, err)
	}
	c.step(name + " ready")
	return nil
}

// step tells the user how far the cluster is, in seconds since the start.
func (c *cluster) step(what string) {
	fmt.Fprintf(c.steps, "%6.2fs  %s\n", time.Since(c.began).Seconds(), what)
}

// stop ends the pods, then the components, and then the store under them.
func (c *cluster) stop() {
	if c.node != nil {
		c.node.Stop()
		c.step("node stopped")
	}
	c.fail(context.Canceled)
	ended := make(chan struct{})
	go func() {
		c.components.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(stopPatience):
	}
	if c.etcd != nil {
		c.etcd.Close()
	}
	if c.tunnel != nil {
		c.tunnel.close()
	}
	c.step("stopped")
}
