package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"k8s.io/client-go/kubernetes"

	"agentgateway.dev/controller/tools/devcluster/node"
	"agentgateway.dev/controller/tools/devcluster/node/network"
)

// checkNode finds out whether a node that was asked for can run, before
// anything is started. With --node=auto it does without one, and says so.
func (c *cluster) checkNode() error {
	if c.options.Node == nodeNone {
		return nil
	}
	err := c.options.refused
	if err == nil {
		c.apart, err = node.Check()
	}
	if err == nil || c.options.Node == nodeFull {
		return err
	}
	c.step(fmt.Sprintf("no node: %v", err))
	c.options.Node = nodeNone
	return nil
}

// startNode lets pods run, if that was asked for.
func (c *cluster) startNode(ctx context.Context, credentials credentials, client kubernetes.Interface, apiServer string) error {
	if c.options.Node == nodeNone {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	authority, err := os.ReadFile(credentials.authority)
	if err != nil {
		return err
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(authority)
	started, err := node.Start(ctx, node.Config{
		Client: client, Images: c.options.Images, APIServer: apiServer,
		ServiceRange: serviceIPRange, ClusterDNS: clusterDNS,
		Serving: credentials.node, Clients: clients,
		Log: func(format string, args ...any) { c.step("node: " + fmt.Sprintf(format, args...)) },
	})
	if errors.Is(err, network.ErrBusy) && c.options.Node == nodeAuto {
		c.step(fmt.Sprintf("no node: %v", err))
		return nil
	}
	if err != nil {
		return fmt.Errorf("starting the node: %w", err)
	}
	c.node = started
	c.step("node ready")
	if c.tunnel != nil {
		c.tunnel.open(started.Dial)
	}
	return nil
}
