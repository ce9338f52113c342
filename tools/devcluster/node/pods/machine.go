//go:build linux

// Package pods runs the pods of a node. Each pod has a goroutine that takes it
// through its life, each of its containers one that starts it again and again,
// and one goroutine tells the API server how all that stands.
package pods

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"

	"agentgateway.dev/controller/tools/devcluster/node/environment"
	"agentgateway.dev/controller/tools/devcluster/node/images"
	"agentgateway.dev/controller/tools/devcluster/node/network"
	"agentgateway.dev/controller/tools/devcluster/node/volumes"
)

const (
	// firstBackoff is how long a container that ended waits before it starts
	// again. Each further wait is twice as long, up to maxBackoff. A kubelet
	// begins with ten seconds and ends with five minutes: too long for somebody
	// who sits before it.
	firstBackoff = time.Second
	maxBackoff   = 30 * time.Second
	// backoffReset is how long a container must run to be forgiven.
	backoffReset = time.Minute
	// retryPeriod is how often something is tried again that another object or
	// a person must put right.
	retryPeriod = time.Second
	// stopGrace is how long containers may take to end when the node stops.
	stopGrace = time.Second
)

// Machine is what pods need of the node they are on.
type Machine struct {
	NodeName string
	// Address is the node's own, which all pods can reach.
	Address string
	// ClusterDNS is the address of the cluster's name server.
	ClusterDNS string
	// Dir keeps volumes and logs, by pod.
	Dir string
	// Root is an empty directory.
	Root string
	// Users tells that programs can run as others than who runs this process.
	Users bool

	Client      kubernetes.Interface
	Network     *network.Network
	Images      images.Table
	Volumes     *volumes.Source
	Environment environment.Source
	Recorder    record.EventRecorder
	// Log takes what nobody else is told.
	Log func(format string, args ...any)
}

func (p *Pod) warn(reason, format string, args ...any) {
	p.machine.Recorder.Eventf(p.current(), corev1.EventTypeWarning, reason, format, args...)
}

func (p *Pod) tell(reason, format string, args ...any) {
	p.machine.Recorder.Eventf(p.current(), corev1.EventTypeNormal, reason, format, args...)
}
