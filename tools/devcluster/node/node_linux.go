package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"agentgateway.dev/controller/tools/devcluster/node/environment"
	"agentgateway.dev/controller/tools/devcluster/node/kubelet"
	"agentgateway.dev/controller/tools/devcluster/node/names"
	"agentgateway.dev/controller/tools/devcluster/node/network"
	"agentgateway.dev/controller/tools/devcluster/node/pods"
	"agentgateway.dev/controller/tools/devcluster/node/services"
	"agentgateway.dev/controller/tools/devcluster/node/volumes"
)

// Node is a running node.
type Node struct {
	config  Config
	dir     string
	lock    *os.File
	network *network.Network
	// balanced are the addresses of Services of type LoadBalancer.
	balanced netip.Prefix
	server   *http.Server
	port     int
	pods     *pods.Set
	proxy    *services.Proxy
	names    *names.Server
	events   record.EventBroadcaster

	// ofNode are the informers of the node's own pods, general all others.
	ofNode, general informers.SharedInformerFactory
	cancel          context.CancelFunc
	running         sync.WaitGroup
}

// Start brings the node up, and returns when the API server calls it ready.
// What it starts lives until Stop. It returns ErrUnsupported if the machine
// doesn't let it.
func Start(ctx context.Context, config Config) (*Node, error) {
	apart, err := Check()
	if err != nil {
		return nil, err
	}
	n := &Node{config: config, balanced: netip.MustParsePrefix(Balanced)}
	if err := n.start(ctx, apart); err != nil {
		n.Stop()
		return nil, err
	}
	return n, nil
}

func (n *Node) start(ctx context.Context, apart bool) error {
	var err error
	if n.dir, n.lock, err = makeScratch(); err != nil {
		return fmt.Errorf("making a directory for pods: %w", err)
	}
	n.network, err = network.New(network.Plan{
		Subnet: netip.MustParsePrefix(Subnet), Last: netip.MustParseAddr(lastPod),
		Local: []netip.Prefix{netip.MustParsePrefix(n.config.ServiceRange), netip.MustParsePrefix(Balanced)},
		Apart: apart,
	})
	if err != nil {
		return err
	}
	if apart {
		n.balanced = n.network.Outside()
	}
	if err := removeStaleScratch(); err != nil {
		n.config.Log("removing what another node has left: %v", err)
	}
	if !apart {
		n.warnOfFirewall()
	}
	// What is started here lives longer than the start.
	var lasting context.Context
	lasting, n.cancel = context.WithCancel(context.WithoutCancel(ctx))
	n.makeInformers()
	n.makePods()
	n.makeProxy()
	if err := n.serve(); err != nil {
		return err
	}
	if err := n.watch(ctx, lasting); err != nil {
		return err
	}
	if err := n.serveNames(ctx, lasting); err != nil {
		return err
	}
	n.running.Go(func() { n.proxy.Run(lasting) })
	return n.register(ctx, lasting)
}

// warnOfFirewall tells of a setting, which Docker makes, that hands the traffic
// among pods to the machine's firewall.
func (n *Node) warnOfFirewall() {
	setting, err := os.ReadFile("/proc/sys/net/bridge/bridge-nf-call-iptables")
	if err == nil && strings.TrimSpace(string(setting)) == "1" {
		n.config.Log("net.bridge.bridge-nf-call-iptables is 1: pods reach each other only if the machine's firewall forwards %s", Subnet)
	}
}

// Stop ends all pods and removes all that the node has made.
func (n *Node) Stop() {
	if n.pods != nil {
		n.pods.Stop()
	}
	if n.cancel != nil {
		n.cancel()
	}
	if n.server != nil {
		n.server.Close()
	}
	n.running.Wait()
	if n.ofNode != nil {
		n.ofNode.Shutdown()
		n.general.Shutdown()
	}
	if n.events != nil {
		n.events.Shutdown()
	}
	if n.network != nil {
		if err := n.network.Close(); err != nil {
			n.config.Log("%v", err)
		}
	}
	if n.dir != "" {
		if err := os.RemoveAll(n.dir); err != nil {
			n.config.Log("%v", err)
		}
		n.lock.Close()
	}
}

func (n *Node) makeInformers() {
	slim := informers.WithTransform(withoutManagedFields)
	n.general = informers.NewSharedInformerFactoryWithOptions(n.config.Client, 0, slim)
	n.ofNode = informers.NewSharedInformerFactoryWithOptions(n.config.Client, 0, slim,
		informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			o.FieldSelector = fields.OneTermEqualSelector("spec.nodeName", Name).String()
		}))
}

// withoutManagedFields drops what nothing here reads.
func withoutManagedFields(object any) (any, error) {
	if named, ok := object.(metav1.Object); ok {
		named.SetManagedFields(nil)
	}
	return object, nil
}

func (n *Node) makePods() {
	n.events = record.NewBroadcaster()
	n.events.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: n.config.Client.CoreV1().Events("")})
	core := n.general.Core().V1()
	machine := &pods.Machine{
		NodeName: Name, Address: Address, ClusterDNS: n.config.ClusterDNS,
		Dir: filepath.Join(n.dir, "pods"), Root: filepath.Join(n.dir, "root"), Users: manyUsers(),
		Client: n.config.Client, Network: n.network, Images: n.config.Images,
		Volumes: &volumes.Source{
			Client: n.config.Client, ConfigMaps: core.ConfigMaps().Lister(), Secrets: core.Secrets().Lister(), Allocatable: actual(),
			Groups: manyUsers(),
		},
		Environment: environment.Source{
			ConfigMaps: core.ConfigMaps().Lister(), Secrets: core.Secrets().Lister(), Services: core.Services().Lister(), Allocatable: actual(),
		},
		Recorder: n.events.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "devcluster", Host: Name}),
		Log:      n.config.Log,
	}
	n.pods = pods.NewSet(machine)
}

func (n *Node) makeProxy() {
	n.proxy = services.New(services.Config{
		Client:    n.config.Client,
		Services:  n.general.Core().V1().Services().Lister(),
		Endpoints: n.general.Discovery().V1().EndpointSlices().Lister(),
		Network:   n.network,
		Balanced:  n.balanced,
		Node:      n.network.Gateway(),
		Outside:   n.outside(),
		// The API server listens where only the machine comes to.
		Fixed: map[types.NamespacedName]string{{Namespace: metav1.NamespaceDefault, Name: "kubernetes"}: n.config.APIServer},
		Skip:  map[types.NamespacedName]bool{dnsService: true},
		Log:   n.config.Log,
	})
}

// outside says how the machine comes to Services where it isn't part of the
// node's network.
func (n *Node) outside() services.Outside {
	prefix := n.network.Outside()
	if !prefix.IsValid() {
		return services.Outside{}
	}
	return services.Outside{Node: prefix.Masked().Addr().Next(), FirstPort: services.FirstPort()}
}

// Dial connects to an address of a pod or a Service, or to any other that the
// machine reaches.
func (n *Node) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return n.network.Dial(ctx, network, address)
}

// watch follows the API. General knowledge comes before the pods, which need
// it from the beginning.
func (n *Node) watch(ctx, lasting context.Context) error {
	core := n.general.Core().V1()
	add := func(informer cache.SharedIndexInformer, tell func(any)) error {
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: tell, UpdateFunc: func(_, object any) { tell(object) }, DeleteFunc: tell,
		})
		return err
	}
	changed := func(kind string) func(any) {
		return func(object any) {
			if name, ok := nameOf(object); ok {
				n.pods.Changed(kind, name.Namespace, name.Name)
			}
		}
	}
	err := errors.Join(
		add(core.ConfigMaps().Informer(), changed("ConfigMap")),
		add(core.Secrets().Informer(), changed("Secret")),
		add(core.Services().Informer(), func(object any) {
			if name, ok := nameOf(object); ok {
				n.proxy.Changed(name)
			}
		}),
		add(n.general.Discovery().V1().EndpointSlices().Informer(), func(object any) {
			if slice, ok := known(object).(*discoveryv1.EndpointSlice); ok {
				n.proxy.Changed(types.NamespacedName{Namespace: slice.Namespace, Name: slice.Labels[discoveryv1.LabelServiceName]})
			}
		}),
	)
	if err != nil {
		return err
	}
	n.general.Start(lasting.Done())
	n.general.WaitForCacheSync(ctx.Done())
	_, err = n.ofNode.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { n.apply(object) },
		UpdateFunc: func(_, object any) { n.apply(object) },
		DeleteFunc: func(object any) {
			if pod, ok := known(object).(*corev1.Pod); ok {
				n.pods.Remove(pod.UID)
			}
		},
	})
	if err != nil {
		return err
	}
	n.ofNode.Start(lasting.Done())
	n.ofNode.WaitForCacheSync(ctx.Done())
	return ctx.Err()
}

func (n *Node) apply(object any) {
	if pod, ok := object.(*corev1.Pod); ok {
		n.pods.Apply(pod)
	}
}

// known is the object of an event, also of one that was missed.
func known(object any) any {
	if missed, ok := object.(cache.DeletedFinalStateUnknown); ok {
		return missed.Obj
	}
	return object
}

func nameOf(object any) (types.NamespacedName, bool) {
	named, ok := known(object).(metav1.Object)
	if !ok {
		return types.NamespacedName{}, false
	}
	return types.NamespacedName{Namespace: named.GetNamespace(), Name: named.GetName()}, true
}

// serve answers what the API server asks.
func (n *Node) serve() error {
	listener, err := n.network.Listen(netip.AddrPortFrom(n.network.Gateway(), 0))
	if err != nil {
		return fmt.Errorf("listening on the node's address: %w", err)
	}
	n.port = listener.Addr().(*net.TCPAddr).Port
	n.server = &http.Server{
		Handler: kubelet.Handler(n.pods),
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{n.config.Serving}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: n.config.Clients,
		},
		// Exec and port-forward take over connections, which HTTP/2 doesn't let.
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){},
		ReadHeaderTimeout: 10 * time.Second,
	}
	n.running.Go(func() {
		if err := n.server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
			n.config.Log("serving the node's API: %v", err)
		}
	})
	return nil
}
