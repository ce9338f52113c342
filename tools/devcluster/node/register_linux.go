package node

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"agentgateway.dev/controller/tools/devcluster/node/container"
	"agentgateway.dev/controller/tools/devcluster/node/names"
	"agentgateway.dev/controller/tools/devcluster/node/network"
)

const (
	// maxPods is below the number of ports of a bridge, which is 1024.
	maxPods = 1000
	// heartbeat is how often the node says that it is alive. The cluster waits
	// leaseSeconds before it believes otherwise.
	heartbeat    = 10 * time.Second
	leaseSeconds = 40
	// dnsPort is that of name servers.
	dnsPort = 53
)

var dnsService = types.NamespacedName{Namespace: metav1.NamespaceSystem, Name: "kube-dns"}

// Check returns ErrUnsupported, with the reason, if pods can't run here. Else it
// tells whether the node must have a network apart from the machine's.
func Check() (apart bool, err error) {
	if err = network.Check(); err != nil {
		apart = network.CheckApart() == nil
	}
	if err == nil || apart {
		err = container.Check()
	}
	if err == nil {
		return apart, nil
	}
	return false, fmt.Errorf("%w: %w; run devcluster as root, with CAP_SYS_ADMIN and CAP_NET_ADMIN, or where users may make user namespaces", ErrUnsupported, err)
}

// manyUsers tells whether this process may become others. The user map of the
// first namespace covers all numbers.
func manyUsers() bool {
	content, err := os.ReadFile("/proc/self/uid_map")
	if err != nil || os.Geteuid() != 0 {
		return false
	}
	fields := strings.Fields(string(content))
	return len(fields) == 3 && len(fields[2]) > 4
}

// actual is what the machine has.
func actual() corev1.ResourceList {
	memory := resource.MustParse("8Gi")
	if content, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kilobytes int64
		if _, err := fmt.Sscanf(string(content), "MemTotal: %d kB", &kilobytes); err == nil {
			memory = *resource.NewQuantity(kilobytes<<10, resource.BinarySI)
		}
	}
	return corev1.ResourceList{
		corev1.ResourceCPU: *resource.NewQuantity(int64(runtime.NumCPU()), resource.DecimalSI), corev1.ResourceMemory: memory,
		corev1.ResourceEphemeralStorage: resource.MustParse("10Gi"), corev1.ResourcePods: *resource.NewQuantity(maxPods, resource.DecimalSI),
	}
}

// promised is what the node claims to have. Requests aren't enforced, so that
// many pods that would need a large cluster fit on a small machine.
func promised() corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("1000"), corev1.ResourceMemory: resource.MustParse("4Ti"),
		corev1.ResourceEphemeralStorage: resource.MustParse("4Ti"), corev1.ResourcePods: *resource.NewQuantity(maxPods, resource.DecimalSI),
	}
}

// register makes the Node object and keeps it alive.
func (n *Node) register(ctx, lasting context.Context) error {
	nodes := n.config.Client.CoreV1().Nodes()
	object := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: Name, Labels: map[string]string{
		corev1.LabelHostname: Name, corev1.LabelOSStable: runtime.GOOS, corev1.LabelArchStable: runtime.GOARCH,
	}}}
	if _, err := nodes.Create(ctx, object, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("registering the node: %w", err)
	}
	if err := n.renewLease(ctx); err != nil {
		return fmt.Errorf("making the node's lease: %w", err)
	}
	// Controllers write to it meanwhile, so it is patched and not updated.
	status, err := json.Marshal(map[string]any{"status": n.status()})
	if err != nil {
		return err
	}
	if _, err := nodes.Patch(ctx, Name, types.MergePatchType, status, metav1.PatchOptions{}, "status"); err != nil {
		return fmt.Errorf("reporting the node's status: %w", err)
	}
	// New nodes are tainted until a controller has seen that they are ready,
	// which takes a moment that nobody needs.
	open := []byte(`{"spec":{"taints":null}}`)
	if _, err := nodes.Patch(ctx, Name, types.MergePatchType, open, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("opening the node to pods: %w", err)
	}
	n.running.Go(func() { n.stayAlive(lasting) })
	return nil
}

func (n *Node) status() corev1.NodeStatus {
	now := metav1.Now()
	conditions := []corev1.NodeCondition{{
		Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", Message: "pods run as processes of this machine",
		LastHeartbeatTime: now, LastTransitionTime: now,
	}}
	for _, kind := range []corev1.NodeConditionType{corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure} {
		conditions = append(conditions, corev1.NodeCondition{
			Type: kind, Status: corev1.ConditionFalse, Reason: "NotWatched", LastHeartbeatTime: now, LastTransitionTime: now,
		})
	}
	return corev1.NodeStatus{
		Capacity: promised(), Allocatable: promised(), Conditions: conditions,
		Addresses:       n.addresses(),
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: int32(n.port)}},
		NodeInfo: corev1.NodeSystemInfo{
			Architecture: runtime.GOARCH, OperatingSystem: runtime.GOOS, OSImage: "none", ContainerRuntimeVersion: "process://1",
			KubeletVersion: "v1.36.3-devcluster",
		},
	}
}

func (n *Node) addresses() []corev1.NodeAddress {
	all := []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: Address}, {Type: corev1.NodeHostName, Address: Name}}
	if outside := n.outside().Node; outside.IsValid() {
		all = append(all, corev1.NodeAddress{Type: corev1.NodeExternalIP, Address: outside.String()})
	}
	return all
}

func (n *Node) stayAlive(ctx context.Context) {
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := n.renewLease(ctx); err != nil && ctx.Err() == nil {
				n.config.Log("renewing the node's lease: %v", err)
			}
		}
	}
}

func (n *Node) renewLease(ctx context.Context) error {
	leases := n.config.Client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	spec := coordinationv1.LeaseSpec{HolderIdentity: new(Name), LeaseDurationSeconds: new(int32(leaseSeconds)), RenewTime: new(metav1.NowMicro())}
	lease, err := leases.Get(ctx, Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = leases.Create(ctx, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: Name}, Spec: spec}, metav1.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	lease.Spec = spec
	_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	return err
}

// serveNames starts the name server. Its Service keeps the address from being
// given to another one.
func (n *Node) serveNames(ctx, lasting context.Context) error {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: dnsService.Name, Namespace: dnsService.Namespace, Labels: map[string]string{"k8s-app": "kube-dns"}},
		Spec: corev1.ServiceSpec{ClusterIP: n.config.ClusterDNS, Ports: []corev1.ServicePort{
			{Name: "dns", Port: dnsPort, Protocol: corev1.ProtocolUDP}, {Name: "dns-tcp", Port: dnsPort, Protocol: corev1.ProtocolTCP},
		}},
	}
	all := n.config.Client.CoreV1().Services(service.Namespace)
	// Creating it once more would fail because of the address.
	_, err := all.Get(ctx, service.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = all.Create(ctx, service, metav1.CreateOptions{})
	}
	if err != nil {
		return fmt.Errorf("making the Service of the name server: %w", err)
	}
	zone := names.Zone{Services: n.general.Core().V1().Services().Lister(), Endpoints: n.general.Discovery().V1().EndpointSlices().Lister()}
	address, err := netip.ParseAddr(n.config.ClusterDNS)
	if err != nil {
		return err
	}
	if n.names, err = names.Listen(n.network, netip.AddrPortFrom(address, dnsPort), zone, names.Upstream("/etc/resolv.conf")); err != nil {
		return fmt.Errorf("starting the name server: %w", err)
	}
	n.running.Go(func() { n.names.Run(lasting) })
	return nil
}
