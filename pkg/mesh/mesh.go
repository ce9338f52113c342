// Package mesh reads what all Gateways share of an Istio mesh: its trust
// domain and the network that this cluster is on. It is the only reader of
// Istio's own configuration.
package mesh

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"istio.io/istio/pkg/kube/krt"
)

// DefaultNamespace is where istiod runs unless its users say otherwise.
const DefaultNamespace = "istio-system"

const (
	// configKey is the key of the ConfigMap under which MeshConfig stands.
	configKey = "mesh"
	// networkLabel stands on istiod's namespace.
	networkLabel = "topology.istio.io/network"
)

// Settings say where istiod keeps its configuration.
type Settings struct {
	// Namespace is istiod's; "" means DefaultNamespace.
	Namespace string
	// Revision is that of the istiod whose configuration is read; "" means
	// "default".
	Revision string
}

// ConfigMap names the object that holds the mesh configuration. There is no
// fallback from the name of a revision to that of the default one.
func (s Settings) ConfigMap() types.NamespacedName {
	name := types.NamespacedName{Namespace: s.namespace(), Name: "istio"}
	if s.Revision != "" && s.Revision != "default" {
		name.Name += "-" + s.Revision
	}
	return name
}

func (s Settings) namespace() string { return cmp.Or(s.Namespace, DefaultNamespace) }

// Mesh is what istiod's configuration and namespace say. All is empty where
// there is no Istio.
type Mesh struct {
	// TrustDomain is the first part of the mesh's identities; "" means
	// Istio's own default, "cluster.local".
	TrustDomain string
	// Network is Istio's name of the network that this cluster's pods are on;
	// "" is the network without a name.
	Network string
}

// ResourceName is the same for all: there is only one.
func (Mesh) ResourceName() string { return key }

// Equals compares everything.
func (m Mesh) Equals(other Mesh) bool { return m == other }

const key = "mesh"

// Inputs are the collections that New reads.
type Inputs struct {
	// ConfigMaps must show the mesh configuration whether its namespace is
	// selected for discovery or not.
	ConfigMaps krt.Collection[*corev1.ConfigMap]
	Namespaces krt.Collection[*corev1.Namespace]
}

// New follows the mesh. What can't be read counts as not there: a mistake of
// somebody else's object is never an error here. It costs one pass over one
// ConfigMap when that, or the labels of its namespace, change.
func New(in Inputs, settings Settings, opts krt.OptionsBuilder) krt.Singleton[Mesh] {
	return krt.NewSingleton(func(ctx krt.HandlerContext) *Mesh {
		found := &Mesh{}
		if config := krt.FetchOne(ctx, in.ConfigMaps, krt.FilterKey(settings.ConfigMap().String())); config != nil {
			found.TrustDomain = trustDomain((*config).Data[configKey])
		}
		if namespace := krt.FetchOne(ctx, in.Namespaces, krt.FilterKey(settings.namespace())); namespace != nil {
			found.Network = (*namespace).Labels[networkLabel]
		}
		return found
	}, opts.WithName("mesh/Mesh")...)
}

// trustDomain returns "" for a text that is no MeshConfig.
func trustDomain(text string) string {
	var config struct {
		TrustDomain string `json:"trustDomain"`
	}
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		return ""
	}
	return config.TrustDomain
}

// Fetch makes the caller depend on the mesh and returns it; nil is a mesh
// about which nothing is known.
func Fetch(ctx krt.HandlerContext, from krt.Singleton[Mesh]) Mesh {
	if from == nil {
		return Mesh{}
	}
	if found := krt.FetchOne(ctx, from.AsCollection(), krt.FilterKey(key)); found != nil {
		return *found
	}
	return Mesh{}
}
