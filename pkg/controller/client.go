package controller

import (
	"fmt"
	"path/filepath"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"istio.io/istio/pkg/kube"
	_ "istio.io/istio/pkg/kube/kclient" // brings the watcher of CRDs

	"agentgateway.dev/controller/pkg/admin"
)

const (
	// requestsPerSecond and requestBurst bound the requests of each client. The
	// API server protects itself by priority and fairness; this is only the
	// last line against a loop of ours.
	requestsPerSecond = 500
	requestBurst      = 1000
)

// newClient connects to the API server of the kubeconfig, or of the cluster
// that the process runs in. It reads core kinds as protobuf.
func newClient(kubeconfig string, build admin.Build) (kube.Client, error) {
	config, err := restConfig(kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = requestsPerSecond, requestBurst
	config.UserAgent = "agentgateway-controller/" + build.Version
	client, err := kube.NewClient(kube.NewClientConfigForRestConfig(config), "")
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	return kube.EnableCrdWatcher(client), nil
}

// restConfig reads a kubeconfig, which may be a list of paths.
func restConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		config, err := rest.InClusterConfig()
		if err != nil {
			return nil, fmt.Errorf("no kubeconfig is set: %w", err)
		}
		return config, nil
	}
	rules := &clientcmd.ClientConfigLoadingRules{}
	if paths := filepath.SplitList(kubeconfig); len(paths) > 1 {
		rules.Precedence = paths
	} else {
		// A missing file is an error only here.
		rules.ExplicitPath = kubeconfig
	}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig %s: %w", kubeconfig, err)
	}
	return config, nil
}
