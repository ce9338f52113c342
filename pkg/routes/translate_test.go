package routes

import (
	"maps"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	gwv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	"istio.io/istio/pkg/kube/krt"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/pkg/gateways"
	"agentgateway.dev/controller/pkg/references"
)

// stage is everything around routes that a test fills.
type stage struct {
	opts    krt.OptionsBuilder
	in      Inputs
	parents krt.StaticCollection[gateways.Parent]
}

func newStage(t *testing.T, parents ...gateways.Parent) stage {
	t.Helper()
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	opts := krt.NewOptionsBuilder(stop, "", nil)
	s := stage{opts: opts, parents: krt.NewStaticCollection(nil, parents, opts.WithName("parents")...)}
	s.in = Inputs{
		Parents:    s.parents,
		Namespaces: krt.NewStaticCollection[Namespace](nil, nil, opts.WithName("namespaces")...),
		Backends: references.Backends{
			Services: krt.NewStaticCollection(nil, []references.Service{{NamespacedName: types.NamespacedName{Namespace: "default", Name: "web"}}},
				opts.WithName("services")...),
			Grants:        references.NewGrants(krt.NewStaticCollection[*gwv1beta1.ReferenceGrant](nil, nil, opts.WithName("grants")...)),
			Mode:          references.GrantRoutes,
			ClusterDomain: "cluster.local",
		},
		Controller: "example.com/own",
	}
	return s
}

func gatewayParent(name string, listeners ...gateways.Listener) gateways.Parent {
	own := types.NamespacedName{Namespace: "default", Name: name}
	for i := range listeners {
		listeners[i].Key = "default/" + name + "." + listeners[i].Name
		listeners[i].RouteSuffix = listeners[i].Name
		listeners[i].Namespaces = gateways.Namespaces{From: gwv1.NamespacesFromAll}
		listeners[i].Served = true
	}
	return gateways.Parent{Kind: "Gateway", NamespacedName: own, Gateway: own, Controller: gateways.DefaultController, Listeners: listeners}
}

func listener(name string, protocol gwv1.ProtocolType, port int32, kinds ...string) gateways.Listener {
	return gateways.Listener{Name: name, Protocol: protocol, Port: port, Kinds: kinds}
}

func web() gwv1.BackendRef {
	return gwv1.BackendRef{BackendObjectReference: gwv1.BackendObjectReference{Name: "web", Port: new(gwv1.PortNumber(80))}}
}

func httpRouteObject(name string, rules ...gwv1.HTTPRouteRule) *gwv1.HTTPRoute {
	return &gwv1.HTTPRoute{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: gwv1.HTTPRouteSpec{
			CommonRouteSpec: gwv1.CommonRouteSpec{ParentRefs: []gwv1.ParentReference{{Name: "gw"}}},
			Rules:           rules,
		},
	}
}

// sent decodes what the collection sends, each as "<gateway>|<name>".
func sent(t *testing.T, collection krt.Collection[Route]) map[string]*api.Resource {
	t.Helper()
	out := map[string]*api.Resource{}
	for _, route := range collection.List() {
		for _, resource := range route.Resources {
			message, err := resource.Message()
			if err != nil {
				t.Fatal(err)
			}
			out[resource.Gateway.Name+"|"+resource.Name], _ = message.(*api.Resource)
		}
	}
	return out
}

func settled(t *testing.T, collection krt.Collection[Route]) krt.Collection[Route] {
	t.Helper()
	if !collection.WaitUntilSynced(t.Context().Done()) {
		t.Fatal("the routes aren't complete")
	}
	return collection
}

// TestRedirectLeavesOutTheListenersPort has one rule on listeners of two
// schemes: the port that a client of the scheme implies is left out for that
// listener alone.
func TestRedirectLeavesOutTheListenersPort(t *testing.T) {
	s := newStage(t, gatewayParent("gw",
		listener("http", gwv1.HTTPProtocolType, 8080, "HTTPRoute"), listener("https", gwv1.HTTPSProtocolType, 8443, "HTTPRoute")))
	redirect := func(host, scheme string, port int32) gwv1.HTTPRouteRule {
		spec := &gwv1.HTTPRequestRedirectFilter{Port: new(gwv1.PortNumber(port))}
		if host != "" {
			spec.Hostname = new(gwv1.PreciseHostname(host))
		}
		if scheme != "" {
			spec.Scheme = &scheme
		}
		return gwv1.HTTPRouteRule{Filters: []gwv1.HTTPRouteFilter{{Type: gwv1.HTTPRouteFilterRequestRedirect, RequestRedirect: spec}}}
	}
	routes := krt.NewStaticCollection(nil, []*gwv1.HTTPRoute{httpRouteObject("r",
		redirect("h", "", 80), redirect("h", "", 443), redirect("h", "", 8080), redirect("", "", 443), redirect("h", "https", 80),
	)}, s.opts.WithName("routes")...)
	got := sent(t, settled(t, NewHTTPRoutes(routes, s.in, s.opts)))
	for key, want := range map[string]uint32{
		"gw|route/default/r.00.http": 0, "gw|route/default/r.00.https": 80,
		"gw|route/default/r.01.http": 443, "gw|route/default/r.01.https": 0,
		"gw|route/default/r.02.http": 8080, "gw|route/default/r.02.https": 8080,
		// Without a host the proxy leaves the port out by itself.
		"gw|route/default/r.03.http": 443, "gw|route/default/r.03.https": 443,
		"gw|route/default/r.04.http": 80, "gw|route/default/r.04.https": 80,
	} {
		if port := got[key].GetRoute().GetTrafficPolicies()[0].GetRequestRedirect().GetPort(); port != want {
			t.Errorf("%s: got port %d, want %d", key, port, want)
		}
	}
}

// TestLayer4RoutesOnTerminatedTLS attaches both kinds to one listener.
func TestLayer4RoutesOnTerminatedTLS(t *testing.T) {
	s := newStage(t, gatewayParent("gw", listener("tls", gwv1.TLSProtocolType, 443, "TLSRoute", "TCPRoute")))
	common := gwv1.CommonRouteSpec{ParentRefs: []gwv1.ParentReference{{Name: "gw"}}}
	meta := metav1.ObjectMeta{Namespace: "default", Name: "same"}
	tcp := NewTCPRoutes(krt.NewStaticCollection(nil, []*gwv1.TCPRoute{{ObjectMeta: meta, Spec: gwv1.TCPRouteSpec{
		CommonRouteSpec: common, Rules: []gwv1.TCPRouteRule{{BackendRefs: []gwv1.BackendRef{web()}}},
	}}}, s.opts.WithName("tcp")...), s.in, s.opts)
	tls := NewTLSRoutes(krt.NewStaticCollection(nil, []*gwv1.TLSRoute{{ObjectMeta: meta, Spec: gwv1.TLSRouteSpec{
		CommonRouteSpec: common, Hostnames: []gwv1.Hostname{"a.example.com"}, Rules: []gwv1.TLSRouteRule{{BackendRefs: []gwv1.BackendRef{web()}}},
	}}}, s.opts.WithName("tls")...), s.in, s.opts)
	tcpRoute := sent(t, settled(t, tcp))["gw|tcp_route/default/same.00.tls"].GetTcpRoute()
	if tcpRoute.GetName().GetKind() != "TCPRoute" || len(tcpRoute.GetHostnames()) != 0 || len(tcpRoute.GetBackends()) != 1 {
		t.Errorf("TCPRoute: got %v", tcpRoute)
	}
	tlsRoute := sent(t, settled(t, tls))["gw|tcp_route/default/same.00.tls.tls"].GetTcpRoute()
	if tlsRoute.GetName().GetKind() != "TLSRoute" || !slices.Equal(tlsRoute.GetHostnames(), []string{"a.example.com"}) {
		t.Errorf("TLSRoute: got %v", tlsRoute)
	}
	for _, route := range append(tcp.List(), tls.List()...) {
		if want := []string{"default/gw|default/gw.tls"}; !slices.Equal(route.Attached, want) {
			t.Errorf("%s is attached to %v, want %v", route.ResourceName(), route.Attached, want)
		}
	}
}

// TestRefusalDoesNotDependOnOrder refuses a parentRef by listeners in every
// order of two.
func TestRefusalDoesNotDependOnOrder(t *testing.T) {
	section, port := new(gwv1.SectionName("a")), new(gwv1.PortNumber(8080))
	for _, test := range []struct {
		name      string
		ref       gwv1.ParentReference
		hostnames []gwv1.Hostname
		listeners [2]gateways.Listener
		want      string
	}{
		{
			"the section is there, on another port", gwv1.ParentReference{Name: "gw", SectionName: section, Port: port}, nil,
			[2]gateways.Listener{{Name: "a", Port: 80}, {Name: "b", Port: 8080}}, "port 8080 not found",
		},
		{
			"the port is there, not the section", gwv1.ParentReference{Name: "gw", SectionName: section, Port: port}, nil,
			[2]gateways.Listener{{Name: "b", Port: 8080}, {Name: "c", Port: 81}}, `sectionName "a" not found`,
		},
		{
			"neither is there", gwv1.ParentReference{Name: "gw", SectionName: section, Port: port}, nil,
			[2]gateways.Listener{{Name: "b", Port: 80}, {Name: "c", Port: 81}}, "port 8080 not found",
		},
		{
			"two hostnames don't match", gwv1.ParentReference{Name: "gw"}, []gwv1.Hostname{"x.test"},
			[2]gateways.Listener{{Name: "a", Hostname: "b.test"}, {Name: "b", Hostname: "a.test"}}, `no hostnames matched parent hostname "a.test"`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, order := range [][]gateways.Listener{{test.listeners[0], test.listeners[1]}, {test.listeners[1], test.listeners[0]}} {
				s := newStage(t, gatewayParent("gw", order...))
				route := httpRouteObject("r")
				route.Spec.ParentRefs, route.Spec.Hostnames = []gwv1.ParentReference{test.ref}, test.hostnames
				routes := krt.NewStaticCollection(nil, []*gwv1.HTTPRoute{route}, s.opts.WithName("routes")...)
				got := settled(t, NewHTTPRoutes(routes, s.in, s.opts)).List()[0].Parents[0].Conditions[0].Message
				if got != test.want {
					t.Errorf("listeners %s first: got %q, want %q", order[0].Name, got, test.want)
				}
			}
		})
	}
}

// names lists what is sent, sorted.
func names(t *testing.T, collection krt.Collection[Route]) []string {
	t.Helper()
	return slices.Sorted(maps.Keys(sent(t, collection)))
}
