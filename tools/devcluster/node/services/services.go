//go:build linux

package services

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/util/workqueue"
)

// Config is what a Proxy needs.
type Config struct {
	Client    kubernetes.Interface
	Services  corelisters.ServiceLister
	Endpoints discoverylisters.EndpointSliceLister
	// Network is the node's.
	Network Network
	// Balanced are the addresses for Services of type LoadBalancer.
	Balanced netip.Prefix
	// Node is where node ports are open.
	Node netip.Addr
	// Outside says what the machine reaches of a network that it isn't part of.
	// The zero value is for one that it is part of.
	Outside Outside
	// Fixed are endpoints of Services that publish none, for all their ports.
	Fixed map[types.NamespacedName]string
	// Skip are Services that somebody else answers for.
	Skip map[types.NamespacedName]bool
	Log  func(format string, args ...any)
}

// Network is where Services have their addresses.
type Network interface {
	// Listen accepts connections at one of them.
	Listen(address netip.AddrPort) (net.Listener, error)
	// Dial connects to a pod, or to anything that the machine reaches.
	Dial(ctx context.Context, network, address string) (net.Conn, error)
}

// front is where connections are accepted.
type front struct {
	netip.AddrPort
	// outside tells that it is the machine who connects, from outside of the
	// network of the node.
	outside bool
	// standsFor is the port that outside couldn't be had, 0 if this is it.
	standsFor uint16
}

// Proxy answers for all Services of the cluster.
type Proxy struct {
	config Config
	queue  workqueue.TypedRateLimitingInterface[types.NamespacedName]

	mu sync.Mutex
	// frontends are the open ones of each Service.
	frontends map[types.NamespacedName]map[front]*frontend
	// taken are the balanced addresses in use.
	taken map[netip.Addr]types.NamespacedName
}

// New returns a proxy that answers for nothing yet.
func New(config Config) *Proxy {
	return &Proxy{
		config: config, queue: workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[types.NamespacedName]()),
		frontends: map[types.NamespacedName]map[front]*frontend{},
		taken:     map[netip.Addr]types.NamespacedName{},
	}
}

// Changed tells that a Service or one of its EndpointSlices has changed.
func (p *Proxy) Changed(service types.NamespacedName) { p.queue.Add(service) }

// Run follows the changes until ctx ends, and then closes everything. The
// listers must be filled.
func (p *Proxy) Run(ctx context.Context) {
	p.reserve()
	var following sync.WaitGroup
	if p.config.Outside.Node.IsValid() {
		following.Go(func() { p.followMachine(ctx) })
	}
	stop := context.AfterFunc(ctx, p.queue.ShutDown)
	defer stop()
	for {
		service, over := p.queue.Get()
		if over {
			break
		}
		if err := p.sync(ctx, service); err != nil && ctx.Err() == nil {
			p.config.Log("service %s: %v", service, err)
			p.queue.AddRateLimited(service)
		} else {
			p.queue.Forget(service)
		}
		p.queue.Done(service)
	}
	following.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, open := range p.frontends {
		for _, f := range open {
			f.close(true)
		}
	}
}

// reserve keeps the addresses that Services were given earlier from being
// given to others.
func (p *Proxy) reserve() {
	if node := p.config.Outside.Node; node.IsValid() {
		p.taken[node] = machine
	}
	all, err := p.config.Services.List(labels.Everything())
	if err != nil {
		return
	}
	for _, service := range all {
		if address, has := p.assigned(service); has {
			p.taken[address] = nameOf(service)
		}
	}
}

func (p *Proxy) sync(ctx context.Context, name types.NamespacedName) error {
	if p.config.Skip[name] {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	service, err := p.config.Services.Services(name.Namespace).Get(name.Name)
	if apierrors.IsNotFound(err) {
		p.apply(name, nil, false)
		p.free(name)
		return nil
	}
	if err != nil {
		return err
	}
	addresses := clusterAddresses(service)
	if service.Spec.Type == corev1.ServiceTypeLoadBalancer && service.Spec.LoadBalancerClass == nil {
		address, err := p.balance(ctx, service)
		if err != nil {
			return err
		}
		addresses = append(addresses, address)
	} else if err := p.unbalance(ctx, service); err != nil {
		return err
	}
	targets, err := p.targets(service)
	if err != nil {
		return err
	}
	return p.apply(name, p.fronts(service, addresses, targets), service.Spec.SessionAffinity == corev1.ServiceAffinityClientIP)
}

// fronts returns where a Service is to answer, and who.
func (p *Proxy) fronts(service *corev1.Service, addresses []netip.Addr, targets map[string]backends) map[front]backends {
	wanted := map[front]backends{}
	for _, port := range service.Spec.Ports {
		if port.Protocol != corev1.ProtocolTCP && port.Protocol != "" {
			continue
		}
		for _, address := range addresses {
			wanted[front{AddrPort: netip.AddrPortFrom(address, uint16(port.Port))}] = targets[port.Name]
			if outside, has := p.config.Outside.front(address, service, uint16(port.Port), p.config.Balanced); has {
				wanted[outside] = targets[port.Name]
			}
		}
		if port.NodePort == 0 {
			continue
		}
		wanted[front{AddrPort: netip.AddrPortFrom(p.config.Node, uint16(port.NodePort))}] = targets[port.Name]
		if node := p.config.Outside.Node; node.IsValid() {
			at := netip.AddrPortFrom(node, uint16(port.NodePort))
			wanted[front{AddrPort: at}] = targets[port.Name]
			wanted[front{AddrPort: at, outside: true}] = targets[port.Name]
		}
	}
	return wanted
}

// apply opens and closes frontends so that these remain.
func (p *Proxy) apply(name types.NamespacedName, wanted map[front]backends, sticky bool) error {
	open := p.frontends[name]
	for address, f := range open {
		if _, keep := wanted[address]; !keep {
			f.close(false)
			delete(open, address)
		}
	}
	if len(wanted) == 0 {
		delete(p.frontends, name)
		return nil
	}
	if open == nil {
		open = map[front]*frontend{}
		p.frontends[name] = open
	}
	var failure error
	for address, targets := range wanted {
		f := open[address]
		if f == nil {
			var err error
			if f, err = p.open(name, address); err != nil {
				failure = fmt.Errorf("%s: %w", address, err)
				continue
			}
			open[address] = f
		}
		f.set(targets, sticky)
	}
	return failure
}

func (p *Proxy) open(name types.NamespacedName, at front) (*frontend, error) {
	listen := p.config.Network.Listen
	if at.outside {
		listen = func(address netip.AddrPort) (net.Listener, error) { return net.Listen("tcp4", address.String()) }
	}
	listener, err := listen(at.AddrPort)
	if err != nil {
		return nil, err
	}
	if at.standsFor != 0 {
		p.config.Log("service %s: outside of pods, port %d answers at %s", name, at.standsFor, at.AddrPort)
	}
	return newFrontend(listener, p.config.Network.Dial), nil
}

func clusterAddresses(service *corev1.Service) []netip.Addr {
	var addresses []netip.Addr
	for _, text := range service.Spec.ClusterIPs {
		// Headless Services have the word None here, and ExternalName ones
		// nothing.
		if address, err := netip.ParseAddr(text); err == nil && address.Is4() {
			addresses = append(addresses, address)
		}
	}
	return addresses
}

// targets returns the endpoints by the names of the Service's ports: those that
// are ready, or if none is, those that still serve while they end.
func (p *Proxy) targets(service *corev1.Service) (map[string]backends, error) {
	if fixed, has := p.config.Fixed[nameOf(service)]; has {
		all := map[string]backends{}
		for _, port := range service.Spec.Ports {
			all[port.Name] = backends{fixed}
		}
		return all, nil
	}
	selector := labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: service.Name})
	slicesOf, err := p.config.Endpoints.EndpointSlices(service.Namespace).List(selector)
	if err != nil {
		return nil, err
	}
	ready, ending := map[string]map[string]bool{}, map[string]map[string]bool{}
	for _, slice := range slicesOf {
		if slice.AddressType != discoveryv1.AddressTypeIPv4 {
			continue
		}
		for _, port := range slice.Ports {
			if port.Port == nil {
				continue
			}
			name := ""
			if port.Name != nil {
				name = *port.Name
			}
			for _, each := range slice.Endpoints {
				into := choose(each.Conditions, ready, ending)
				if into == nil || len(each.Addresses) == 0 {
					continue
				}
				if into[name] == nil {
					into[name] = map[string]bool{}
				}
				into[name][endpoint(each.Addresses[0], *port.Port)] = true
			}
		}
	}
	all := map[string]backends{}
	for _, port := range service.Spec.Ports {
		found := ready[port.Name]
		if len(found) == 0 {
			found = ending[port.Name]
		}
		all[port.Name] = slices.Sorted(maps.Keys(found))
	}
	return all, nil
}

func choose[T any](conditions discoveryv1.EndpointConditions, ready, ending T) (none T) {
	switch {
	// Nothing said means ready.
	case conditions.Ready == nil || *conditions.Ready:
		return ready
	case conditions.Serving != nil && *conditions.Serving && conditions.Terminating != nil && *conditions.Terminating:
		return ending
	}
	return none
}

func nameOf(service *corev1.Service) types.NamespacedName {
	return types.NamespacedName{Namespace: service.Namespace, Name: service.Name}
}
