package inputs

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	inferencev1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	gwv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
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
	// feature says whether the kind is on, nil for one that always is.
	feature func(Features) bool
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
	kind(gatewayV1, "GatewayClass", "gatewayclasses", func(in *Inputs) *krt.Collection[*gwv1.GatewayClass] { return &in.GatewayClasses },
		func(in *Inputs) *krt.Collection[*gwv1.GatewayClass] { return &in.Statuses.GatewayClasses }).clusterScoped().optional(),
	kind(gatewayV1, "Gateway", "gateways", func(in *Inputs) *krt.Collection[*gwv1.Gateway] { return &in.Gateways },
		func(in *Inputs) *krt.Collection[*gwv1.Gateway] { return &in.Statuses.Gateways }).optional(),
	kind(gatewayV1, "HTTPRoute", "httproutes", func(in *Inputs) *krt.Collection[*gwv1.HTTPRoute] { return &in.HTTPRoutes },
		func(in *Inputs) *krt.Collection[*gwv1.HTTPRoute] { return &in.Statuses.HTTPRoutes }).optional(),
	kind(gatewayV1, "GRPCRoute", "grpcroutes", func(in *Inputs) *krt.Collection[*gwv1.GRPCRoute] { return &in.GRPCRoutes },
		func(in *Inputs) *krt.Collection[*gwv1.GRPCRoute] { return &in.Statuses.GRPCRoutes }).optional(),
	kind(gatewayV1, "TCPRoute", "tcproutes", func(in *Inputs) *krt.Collection[*gwv1.TCPRoute] { return &in.TCPRoutes },
		func(in *Inputs) *krt.Collection[*gwv1.TCPRoute] { return &in.Statuses.TCPRoutes }).optional(),
	kind(gatewayV1, "TLSRoute", "tlsroutes", func(in *Inputs) *krt.Collection[*gwv1.TLSRoute] { return &in.TLSRoutes },
		func(in *Inputs) *krt.Collection[*gwv1.TLSRoute] { return &in.Statuses.TLSRoutes }).optional(),
	kind(gatewayV1, "ListenerSet", "listenersets", func(in *Inputs) *krt.Collection[*gwv1.ListenerSet] { return &in.ListenerSets },
		func(in *Inputs) *krt.Collection[*gwv1.ListenerSet] { return &in.Statuses.ListenerSets }).optional(),
	kind(gatewayV1, "BackendTLSPolicy", "backendtlspolicies", func(in *Inputs) *krt.Collection[*gwv1.BackendTLSPolicy] { return &in.BackendTLSPolicies },
		func(in *Inputs) *krt.Collection[*gwv1.BackendTLSPolicy] { return &in.Statuses.BackendTLSPolicies }).optional(),
	kind("gateway.networking.k8s.io/v1beta1", "ReferenceGrant", "referencegrants", func(in *Inputs) *krt.Collection[*gwv1beta1.ReferenceGrant] { return &in.ReferenceGrants }).optional(),
	kind("inference.networking.k8s.io/v1", "InferencePool", "inferencepools", func(in *Inputs) *krt.Collection[*inferencev1.InferencePool] { return &in.InferencePools },
		func(in *Inputs) *krt.Collection[*inferencev1.InferencePool] { return &in.Statuses.InferencePools }).optional().
		partOf(func(on Features) bool { return on.InferencePools }),
	kind(istioV1, "ServiceEntry", "serviceentries", func(in *Inputs) *krt.Collection[*networkingv1.ServiceEntry] { return &in.ServiceEntries }).optional().projected(projectServiceEntry),
	kind(istioV1, "WorkloadEntry", "workloadentries", func(in *Inputs) *krt.Collection[*networkingv1.WorkloadEntry] { return &in.WorkloadEntries }).optional().projected(projectWorkloadEntry),
	kind(agentgatewayV1alpha1, v1alpha1.AgentgatewayParametersKind, "agentgatewayparameters", func(in *Inputs) *krt.Collection[*v1alpha1.AgentgatewayParameters] { return &in.AgentgatewayParameters }).optional(),
}

const (
	gatewayV1            = "gateway.networking.k8s.io/v1"
	istioV1              = "networking.istio.io/v1"
	agentgatewayV1alpha1 = v1alpha1.GroupName + "/v1alpha1"
)

// secretSelector leaves out the types that no proxy can need and that hold
// most of a cluster's secret bytes.
const secretSelector = "type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token"

// kind describes the objects that field holds, and statuses as well if their
// status is written.
func kind[T controllers.ComparableObject](apiVersion, name, plural string, field func(*Inputs) *krt.Collection[T], statuses ...func(*Inputs) *krt.Collection[T]) Kind {
	gv, err := schema.ParseGroupVersion(apiVersion)
	utilruntime.Must(err)
	return Kind{
		GVK:      gv.WithKind(name),
		GVR:      gv.WithResource(plural),
		register: func(k Kind) { register[T](k) },
		watch: func(k Kind, in *Inputs, client kube.Client, opts krt.OptionsBuilder) {
			var informer kclient.Informer[T]
			filter := k.filter(client)
			if len(statuses) > 0 {
				filter.ObjectTransform = sharing(k, func(key string) T { return informer.Get(key, "") })
			}
			if k.Optional {
				informer = kclient.NewDelayedInformer[T](client, k.GVR, kubetypes.StandardInformer, filter)
			} else {
				informer = kclient.NewFiltered[T](client, filter)
			}
			informer.Start(opts.Stop())
			informer = &shared[T]{Informer: informer}
			events := informer
			for _, status := range statuses {
				*status(in) = krt.WrapClient(informer, opts.WithName("inputs/"+k.GVK.Kind+"/status")...)
				events = withoutStatus[T]{informer}
			}
			*field(in) = krt.WrapClient(events, opts.WithName("inputs/"+k.GVK.Kind)...)
		},
		static: func(k Kind, in *Inputs, objects []runtime.Object, opts krt.OptionsBuilder) {
			var own []T
			for _, object := range objects {
				if typed, ok := object.(T); ok {
					own = append(own, typed)
				}
			}
			*field(in) = krt.NewStaticCollection(nil, own, opts.WithName("inputs/"+k.GVK.Kind)...)
			for _, status := range statuses {
				*status(in) = *field(in)
			}
		},
	}
}

func (k Kind) clusterScoped() Kind { k.ClusterScoped = true; return k }

func (k Kind) optional() Kind { k.Optional = true; return k }

func (k Kind) partOf(feature func(Features) bool) Kind { k.feature = feature; return k }

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
