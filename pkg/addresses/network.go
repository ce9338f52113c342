package addresses

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"
	"istio.io/istio/pkg/workloadapi"

	"agentgateway.dev/controller/pkg/mesh"
	"agentgateway.dev/controller/pkg/resources"
)

const (
	networkLabel = "topology.istio.io/network"
	// accountAnnotation names the service account of a Gateway where that
	// doesn't follow from its name.
	accountAnnotation = "gateway.istio.io/service-account"
)

// networkGateway is one address of a Gateway that stands for another
// network's.
type networkGateway struct {
	types.NamespacedName
	// created is in seconds since 1970.
	created int64
	// position counts the addresses of the Gateway from 0.
	position         int
	network, account string
	// value is an IP or a hostname.
	value string
	port  uint32
}

// projectNetworkGateway returns nothing for a Gateway that leads nowhere else.
// Its addresses are those of its status or, until istiod has copied them
// there, of its spec.
func projectNetworkGateway(object *gwv1.Gateway) []networkGateway {
	network := object.Labels[networkLabel]
	if network == "" || object.Spec.GatewayClassName != remoteClass {
		return nil
	}
	i := slices.IndexFunc(object.Spec.Listeners, func(l gwv1.Listener) bool { return l.Protocol == hboneProtocol })
	if i < 0 {
		return nil
	}
	var gateways []networkGateway
	for position, value := range addressesOf(object) {
		gateways = append(gateways, networkGateway{
			NamespacedName: types.NamespacedName{Namespace: object.Namespace, Name: object.Name},
			created:        object.CreationTimestamp.Unix(),
			position:       position,
			network:        network,
			account:        cmp.Or(object.Annotations[accountAnnotation], object.Name+"-"+remoteClass),
			value:          value,
			port:           uint32(object.Spec.Listeners[i].Port),
		})
	}
	return gateways
}

func addressesOf(object *gwv1.Gateway) []string {
	var values []string
	add := func(kind *gwv1.AddressType, value string) {
		known := kind == nil || *kind == gwv1.IPAddressType || *kind == gwv1.HostnameAddressType
		if known && value != "" && !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	for _, address := range object.Status.Addresses {
		add(address.Type, address.Value)
	}
	if len(values) == 0 {
		for _, address := range object.Spec.Addresses {
			add(address.Type, address.Value)
		}
	}
	return values
}

// ResourceName is the key "<namespace>/<name>/<address>".
func (g networkGateway) ResourceName() string { return g.String() + "/" + g.value }

// Equals compares everything.
func (g networkGateway) Equals(other networkGateway) bool { return g == other }

func (g networkGateway) networkKeys() []string { return []string{g.network} }

// uid has the network in it, so that no two groups have one in common.
func (g networkGateway) uid() string {
	return "NetworkGateway/" + g.network + "/" + g.value + "/" + strconv.FormatUint(uint64(g.port), 10)
}

// oldestFirst orders the gateways of one network.
func oldestFirst(gateways []networkGateway) []networkGateway {
	return slices.SortedFunc(slices.Values(gateways), func(a, b networkGateway) int {
		return cmp.Or(cmp.Compare(a.created, b.created), cmp.Compare(a.String(), b.String()), cmp.Compare(a.position, b.position))
	})
}

// networkGateways makes a workload of every gateway of a network: proxies
// take the identity that it must show from there. Of two with the same address
// and port, the oldest counts.
func (s *sources) networkGateways(ctx krt.HandlerContext, group krt.IndexObject[string, networkGateway]) []resources.Resource {
	trustDomain := shownTrustDomain(mesh.Fetch(ctx, s.mesh))
	var workloads []resources.Resource
	seen := map[string]bool{}
	for _, gateway := range oldestFirst(group.Objects) {
		uid := gateway.uid()
		if seen[uid] {
			continue
		}
		seen[uid] = true
		workload := &workloadapi.Workload{
			Uid:            uid,
			Name:           uid,
			Namespace:      gateway.Namespace,
			ServiceAccount: gateway.account,
			Network:        gateway.network,
			TrustDomain:    trustDomain,
		}
		setAddress(workload, gateway.value)
		workloads = append(workloads, *workloadResource(workload))
	}
	return workloads
}

// setAddress tells an IP from a hostname that proxies must resolve.
func setAddress(workload *workloadapi.Workload, value string) {
	if ip, err := netip.ParseAddr(value); err == nil {
		workload.Addresses = [][]byte{ip.AsSlice()}
	} else {
		workload.Hostname = value
	}
}

// exit is how another network is reached.
type exit struct {
	network string
	address gatewayAddress
}

// ResourceName is the name of the network.
func (e exit) ResourceName() string { return e.network }

// Equals compares everything.
func (e exit) Equals(other exit) bool { return e == other }

// newExit picks the oldest gateway: a workload has room for one.
func newExit(_ krt.HandlerContext, group krt.IndexObject[string, networkGateway]) *exit {
	if len(group.Objects) == 0 {
		return nil
	}
	first := oldestFirst(group.Objects)[0]
	address := gatewayAddress{network: first.network, port: first.port}
	if ip, err := netip.ParseAddr(first.value); err == nil {
		address.ip = ip
	} else {
		address.namespace, address.hostname = first.Namespace, first.value
	}
	return &exit{network: group.Key, address: address}
}

// move moves a workload to a network; "" leaves it on that of the cluster. A
// workload of another one is reached through that network's gateway, if there
// is one.
func (s *sources) move(ctx krt.HandlerContext, workload *workloadapi.Workload, network string) {
	if network == "" || network == workload.Network {
		return
	}
	workload.Network = network
	if found := krt.FetchOne(ctx, s.exits, krt.FilterKey(network)); found != nil {
		workload.NetworkGateway = found.address.message()
	}
}
