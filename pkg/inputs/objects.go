package inputs

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	inferencev1 "sigs.k8s.io/gateway-api-inference-extension/api/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
	gwv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/apis/v1alpha1"
)

// FromObjects fills Inputs from objects of the watched kinds; others are left
// out. The objects pass the same projections as those of a cluster, and belong
// to Inputs from then on.
func FromObjects(objects []runtime.Object, opts krt.OptionsBuilder) *Inputs {
	in := &Inputs{}
	for _, k := range Kinds {
		for _, object := range objects {
			if object.GetObjectKind().GroupVersionKind() == k.GVK {
				// The transform changes in place and cannot fail on an object.
				_, err := k.transform(object)
				utilruntime.Must(err)
			}
		}
		k.static(k, in, objects, opts)
	}
	// Files have no namespaces that are not selected.
	in.MeshConfigs = in.ConfigMaps
	return in
}

// Scheme knows the Go types of every watched kind.
func Scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, discoveryv1.AddToScheme, gwv1.Install, gwv1beta1.Install, inferencev1.Install, networkingv1.AddToScheme, v1alpha1.AddToScheme,
	} {
		utilruntime.Must(add(scheme))
	}
	return scheme
}
