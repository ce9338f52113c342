package inputs

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	gwv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/controllers"
	"istio.io/istio/pkg/kube/kclient"
	"istio.io/istio/pkg/kube/krt"
	"istio.io/istio/pkg/kube/kubetypes"

	"agentgateway.dev/controller/apis/v1alpha1"
)

// Kind is the registration of one watched kind: adding a kind is one line in
// Kinds and one field of Inputs.
type Kind struct {
	GVK schema.GroupVersionKind
	GVR schema.GroupVersionResource
	// ClusterScoped kinds are never filtered by namespace discovery.
	ClusterScoped bool
	// Optional kinds may lack their CRD at start, or forever.
	Optional bool
	// fieldSelector is applied by the API server.
	fieldSelector string
	// project drops, in place, what nothing further right reads.
	project func(runtime.Object)

	// register makes the kind known to the client library, if it isn't.
	register func(Kind)

	watch  func(Kind, *Inputs, kube.Client, krt.OptionsBuilder)
	static func(Kind, *Inputs, []runtime.Object, krt.OptionsBuilder)
}

// Kinds lists every watched kind.
var Kinds = []Kind{
	kind("v1", "Namespace", "namespaces", func(in *Inputs) *krt.Collection[*corev1.Namespace] { return &in.Namespaces }).clusterScoped(),
	kind("v1", "Node", "nodes", func(in *Inputs) *krt.Collection[*corev1.Node] { return &in.Nodes }).clusterScoped().projected(projectNode),
	kind("v1", "Pod", "pods", func(in *Inputs) *krt.Collection[*corev1.Pod] { return &in.Pods }).projected(projectPod),
	kind("v1", "Service", "services", func(in *Inputs) *krt.Collection[*corev1.Service] { return &in.Services }),
	kind("v1", "Secret", "secrets", func(in *Inputs) *krt.Collection[*corev1.Secret] { return &in.Secrets }).selected(secretSelector),
	kind("v1", "ConfigMap", "configmaps", func(in *Inputs) *krt.Collection[*corev1.ConfigMap] { return &in.ConfigMaps }).projected(projectConfigMap),
	kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", func(in *Inputs) *krt.Collection[*discoveryv1.EndpointSlice] { return &in.EndpointSlices }),
	kind(gatewayV1, "GatewayClass", "gatewayclasses", func(in *Inputs) *krt.Collection[*gwv1.GatewayClass] { return &in.GatewayClasses }).clusterScoped().optional(),
	kind(gatewayV1, "Gateway", "gateways", func(in *Inputs) *krt.Collection[*gwv1.Gateway] { return &in.Gateways }).optional(),
	kind(gatewayV1, "HTTPRoute", "httproutes", func(in *Inputs) *krt.Collection[*gwv1.HTTPRoute] { return &in.HTTPRoutes }).optional(),
	kind(gatewayV1, "GRPCRoute", "grpcroutes", func(in *Inputs) *krt.Collection[*gwv1.GRPCRoute] { return &in.GRPCRoutes }).optional(),
	kind(gatewayV1, "TCPRoute", "tcproutes", func(in *Inputs) *krt.Collection[*gwv1.TCPRoute] { return &in.TCPRoutes }).optional(),
	kind(gatewayV1, "TLSRoute", "tlsroutes", func(in *Inputs) *krt.Collection[*gwv1.TLSRoute] { return &in.TLSRoutes }).optional(),
	kind(gatewayV1, "ListenerSet", "listenersets", func(in *Inputs) *krt.Collection[*gwv1.ListenerSet] { return &in.ListenerSets }).optional(),
	kind(gatewayV1, "BackendTLSPolicy", "backendtlspolicies", func(in *Inputs) *krt.Collection[*gwv1.BackendTLSPolicy] { return &in.BackendTLSPolicies }).optional(),
	kind("gateway.networking.k8s.io/v1beta1", "ReferenceGrant", "referencegrants", func(in *Inputs) *krt.Collection[*gwv1beta1.ReferenceGrant] { return &in.ReferenceGrants }).optional(),
	kind(agentgatewayV1alpha1, v1alpha1.AgentgatewayParametersKind, "agentgatewayparameters", func(in *Inputs) *krt.Collection[*v1alpha1.AgentgatewayParameters] { return &in.AgentgatewayParameters }).optional(),
}

const (
	gatewayV1            = "gateway.networking.k8s.io/v1"
	agentgatewayV1alpha1 = v1alpha1.GroupName + "/v1alpha1"
)

// secretSelector leaves out the types that no proxy can need and that hold
// most of a cluster's secret bytes.
const secretSelector = "type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token"

func kind[T controllers.ComparableObject](apiVersion, name, plural string, field func(*Inputs) *krt.Collection[T]) Kind {
	gv, err := schema.ParseGroupVersion(apiVersion)
	utilruntime.Must(err)
	return Kind{
		GVK: gv.WithKind(name),
		GVR: gv.WithResource(plural),
		register: func(k Kind) {
			if k.GVK.Group == v1alpha1.GroupName {
				register[T](k)
			}
		},
		watch: func(k Kind, in *Inputs, client kube.Client, opts krt.OptionsBuilder) {
			var informer kclient.Informer[T]
			if k.Optional {
				informer = kclient.NewDelayedInformer[T](client, k.GVR, kubetypes.StandardInformer, k.filter(client))
			} else {
				informer = kclient.NewFiltered[T](client, k.filter(client))
			}
			informer.Start(opts.Stop())
			*field(in) = krt.WrapClient(informer, opts.WithName("inputs/"+k.GVK.Kind)...)
		},
		static: func(k Kind, in *Inputs, objects []runtime.Object, opts krt.OptionsBuilder) {
			var own []T
			for _, object := range objects {
				if typed, ok := object.(T); ok {
					own = append(own, typed)
				}
			}
			*field(in) = krt.NewStaticCollection(nil, own, opts.WithName("inputs/"+k.GVK.Kind)...)
		},
	}
}

func (k Kind) clusterScoped() Kind { k.ClusterScoped = true; return k }

func (k Kind) optional() Kind { k.Optional = true; return k }

func (k Kind) selected(fieldSelector string) Kind { k.fieldSelector = fieldSelector; return k }

func (k Kind) projected(project func(runtime.Object)) Kind { k.project = project; return k }

// filter is what the informer of k applies on the server (field selector),
// before storing (projection) and before reading (namespace discovery).
func (k Kind) filter(client kube.Client) kclient.Filter {
	filter := kclient.Filter{FieldSelector: k.fieldSelector, ObjectTransform: k.transform}
	if !k.ClusterScoped {
		filter.ObjectFilter = client.ObjectFilter()
	}
	return filter
}
