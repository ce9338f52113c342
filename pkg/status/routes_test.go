package status

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayfake "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned/fake"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/conditions"
	"agentgateway.dev/controller/pkg/gateways"
	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/routes"
)

// TestEveryKindOfRouteIsWritten has one route of each kind, all of one name,
// and a desired status for each that only its own kind may get.
func TestEveryKindOfRouteIsWritten(t *testing.T) {
	opts := krt.NewOptionsBuilder(t.Context().Done(), "", nil)
	meta := metav1.ObjectMeta{Namespace: "default", Name: "same"}
	gvk := func(kind string) metav1.TypeMeta {
		return metav1.TypeMeta{APIVersion: gwv1.GroupVersion.String(), Kind: kind}
	}
	objects := map[string]runtime.Object{
		"HTTPRoute": &gwv1.HTTPRoute{TypeMeta: gvk("HTTPRoute"), ObjectMeta: meta},
		"GRPCRoute": &gwv1.GRPCRoute{TypeMeta: gvk("GRPCRoute"), ObjectMeta: meta},
		"TCPRoute":  &gwv1.TCPRoute{TypeMeta: gvk("TCPRoute"), ObjectMeta: meta},
		"TLSRoute":  &gwv1.TLSRoute{TypeMeta: gvk("TLSRoute"), ObjectMeta: meta},
	}
	client := gatewayfake.NewClientset()
	var all []runtime.Object
	desired := map[string]krt.Collection[routes.Route]{}
	for kind, object := range objects {
		all = append(all, object)
		if err := client.Tracker().Add(object.DeepCopyObject()); err != nil {
			t.Fatal(err)
		}
		desired[kind] = krt.NewStaticCollection(nil, []routes.Route{{
			Kind: kind, NamespacedName: types.NamespacedName{Namespace: "default", Name: "same"},
			Parents: []gwv1.RouteParentStatus{entry(ours[0], "parent-of-"+kind, conditions.True("Accepted", "Accepted", "", 1))},
		}}, opts.WithName(kind)...)
	}
	kinds := Kinds(inputs.FromObjects(all, opts), Desired{
		Classes:  krt.NewStaticCollection[gateways.Class](nil, nil, opts.WithName("classes")...),
		Gateways: krt.NewStaticCollection[gateways.Status](nil, nil, opts.WithName("gateways")...),
		Routes:   desired,
	}, client, ours)
	for kind := range objects {
		i := slices.IndexFunc(kinds, func(k Kind) bool { return k.name == kind })
		if i < 0 {
			t.Errorf("%s: nobody writes its status", kind)
			continue
		}
		result := kinds[i].compare("default/same", now)
		if result.write == nil {
			t.Errorf("%s: nothing to write", kind)
			continue
		}
		if _, err := result.write(t.Context()); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	api, get := client.GatewayV1(), metav1.GetOptions{}
	http, _ := api.HTTPRoutes("default").Get(t.Context(), "same", get)
	grpc, _ := api.GRPCRoutes("default").Get(t.Context(), "same", get)
	tcp, _ := api.TCPRoutes("default").Get(t.Context(), "same", get)
	tls, _ := api.TLSRoutes("default").Get(t.Context(), "same", get)
	for kind, parents := range map[string][]gwv1.RouteParentStatus{
		"HTTPRoute": http.Status.Parents, "GRPCRoute": grpc.Status.Parents, "TCPRoute": tcp.Status.Parents, "TLSRoute": tls.Status.Parents,
	} {
		if len(parents) != 1 || string(parents[0].ParentRef.Name) != "parent-of-"+kind {
			t.Errorf("%s: stored is %v", kind, parents)
		}
	}
}
