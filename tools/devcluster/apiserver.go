package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/client-go/kubernetes"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

const (
	serviceIPRange = "10.96.0.0/16"
	// apiServiceIP is the first address of serviceIPRange, which the API
	// server gives to the Service "kubernetes".
	apiServiceIP = "10.96.0.1"
	// clusterDNS is where the node's name server answers.
	clusterDNS = "10.96.0.10"

	serviceAccountIssuer = "https://kubernetes.default.svc.cluster.local"

	// pollInterval is how often something that starts is asked whether it is
	// ready. A question costs well under a millisecond.
	pollInterval = 20 * time.Millisecond
)

// prepareAPIServer returns the function that runs the API server on the
// listener until its context ends. Egress is the file that says how it reaches
// the node and Services; "" means directly.
func prepareAPIServer(ctx context.Context, listener net.Listener, etcdURL, egress string, c credentials) (func(context.Context) error, error) {
	o := options.NewServerRunOptions()
	flagSets := o.Flags()
	// The listener comes ready made: the port is taken before anybody is told
	// of it, so it can't be lost to another process.
	o.SecureServing.Listener = listener
	err := parseFlags("kube-apiserver", flagSets,
		"--etcd-servers="+etcdURL,
		"--egress-selector-config-file="+egress,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		// Endpoints may not hold loopback addresses, so nothing can be
		// published behind the Service "kubernetes".
		"--endpoint-reconciler-type=none",
		"--service-cluster-ip-range="+serviceIPRange,
		"--tls-cert-file="+c.serverCertificate,
		"--tls-private-key-file="+c.serverKey,
		"--client-ca-file="+c.authority,
		"--kubelet-certificate-authority="+c.authority,
		"--kubelet-client-certificate="+c.kubeletClientCertificate,
		"--kubelet-client-key="+c.kubeletClientKey,
		"--kubelet-preferred-address-types=InternalIP",
		"--authorization-mode=Node,RBAC",
		"--service-account-issuer="+serviceAccountIssuer,
		"--service-account-signing-key-file="+c.serviceAccountKey,
		"--service-account-key-file="+c.serviceAccountKey,
		"--allow-privileged=true",
		"--profiling=false",
	)
	if err != nil {
		return nil, err
	}
	// One registry of feature gates is shared by all components of a process.
	if err := o.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return nil, fmt.Errorf("feature gates: %w", err)
	}
	completed, err := o.Complete(ctx)
	if err != nil {
		return nil, fmt.Errorf("completing the API server's options: %w", err)
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return nil, fmt.Errorf("the API server's options: %w", utilerrors.NewAggregate(errs))
	}
	return func(ctx context.Context) error { return app.Run(ctx, completed) }, nil
}

// waitAPIServer returns when the API server calls itself ready and has made
// the namespaces that every client expects.
func waitAPIServer(ctx context.Context, client kubernetes.Interface) error {
	err := poll(ctx, func() error {
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
	if err != nil {
		return err
	}
	return poll(ctx, func() error {
		for _, name := range []string{metav1.NamespaceDefault, metav1.NamespaceSystem} {
			if _, err := client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{}); err != nil {
				return err
			}
		}
		return nil
	})
}

// parseFlags gives a component its options in the form in which its
// documentation describes them.
func parseFlags(component string, flagSets cliflag.NamedFlagSets, args ...string) error {
	all := pflag.NewFlagSet(component, pflag.ContinueOnError)
	for _, flagSet := range flagSets.FlagSets {
		all.AddFlagSet(flagSet)
	}
	if err := all.Parse(args); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	return nil
}

// poll asks until there is no error. When ctx ends first, it returns the
// reason for that and the last answer.
func poll(ctx context.Context, ask func() error) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (last answer: %w)", context.Cause(ctx), err)
		case <-ticker.C:
		}
	}
}
