package inputs

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"

	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/kclient"
	"istio.io/istio/pkg/kube/krt"
)

// Features are the kinds that are watched only where they are asked for: there
// is nothing to read them by elsewhere, and perhaps no permission.
type Features struct {
	// InferencePools of the inference extension of Gateway API.
	InferencePools bool
	// MeshConfig names the ConfigMap of Istio's mesh configuration; "" means
	// that there is none. It is read even where its namespace isn't selected.
	MeshConfig types.NamespacedName
}

func (k Kind) on(features Features) bool { return k.feature == nil || k.feature(features) }

// FromCluster fills Inputs from informers. The client must have a CRD watcher
// and, if namespaces are to be filtered, an object filter; its Run starts the
// informers. Collections live until the stop channel of opts closes; those of
// kinds that are not among features stay empty.
func FromCluster(client kube.Client, features Features, opts krt.OptionsBuilder) *Inputs {
	registerKinds(client)
	in := &Inputs{}
	for _, k := range Kinds {
		if k.on(features) {
			k.watch(k, in, client, opts)
		} else {
			k.static(k, in, nil, opts)
		}
	}
	in.MeshConfigs = watchMeshConfig(client, features.MeshConfig, opts)
	return in
}

// watchMeshConfig watches one object, past namespace discovery.
func watchMeshConfig(client kube.Client, name types.NamespacedName, opts krt.OptionsBuilder) krt.Collection[*corev1.ConfigMap] {
	options := opts.WithName("inputs/MeshConfig")
	if name.Name == "" {
		return krt.NewStaticCollection[*corev1.ConfigMap](nil, nil, options...)
	}
	informer := kclient.NewFiltered[*corev1.ConfigMap](client, kclient.Filter{
		Namespace:       name.Namespace,
		FieldSelector:   fields.OneTermEqualSelector(metav1.ObjectNameField, name.Name).String(),
		ObjectTransform: Kind{project: projectConfigMap}.transform,
	})
	informer.Start(opts.Stop())
	return krt.WrapClient(informer, options...)
}
