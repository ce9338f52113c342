// Package node is the one node of the cluster: the machine itself. What a Pod
// says runs as processes of the machine, each pod with a network, an address
// and a file system of its own, and Services, their names and load balancers
// work from inside and outside of pods. Where this process is root in a user
// namespace only, the network of all this is apart from the machine's: pods see
// the same, and the machine reaches load balancers by addresses of its loopback
// device.
//
// The pods are followed with client-go alone. The virtual-kubelet library was
// considered: its API server doesn't compile with this version of Kubernetes,
// and its pod controller resolves environments once, before the pod has an
// address, and deletes pods from the API whether or not they have ended.
package node

import (
	"crypto/tls"
	"crypto/x509"
	"errors"

	"k8s.io/client-go/kubernetes"

	"agentgateway.dev/controller/tools/devcluster/node/images"
)

// Name is that of the node.
const Name = "devcluster"

// The addresses of a node. Those of Services are the API server's choice.
const (
	// Subnet is the pods'. It is set aside for tests of networks, so nothing
	// real is hidden behind it.
	Subnet = "198.18.0.0/16"
	// lastPod is the last address of a pod.
	lastPod = "198.18.254.254"
	// Balanced are the addresses of Services of type LoadBalancer.
	Balanced = "198.18.255.0/24"
	// Address is the node's own.
	Address = "198.18.0.1"
)

// ErrUnsupported tells that this machine can't run a node.
var ErrUnsupported = errors.New("this machine can't run pods")

// Config is what a node needs.
type Config struct {
	// Client may do everything.
	Client kubernetes.Interface
	Images images.Table
	// APIServer is where the API server listens, as host:port.
	APIServer string
	// ServiceRange is where Services get their addresses.
	ServiceRange string
	// ClusterDNS is the address of the name server, in ServiceRange.
	ClusterDNS string
	// Serving is what the node shows to the API server, which shows something
	// signed by Clients.
	Serving tls.Certificate
	Clients *x509.CertPool
	// Log takes what goes wrong and isn't told to anybody else.
	Log func(format string, args ...any)
}
