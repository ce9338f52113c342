package mesh

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"istio.io/istio/pkg/kube/krt"
)

func configMap(namespace, name, text string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: map[string]string{"mesh": text}}
}

func namespace(name, network string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{networkLabel: network}}}
}

func TestMesh(t *testing.T) {
	for name, test := range map[string]struct {
		config    *corev1.ConfigMap
		namespace *corev1.Namespace
		settings  Settings
		want      Mesh
	}{
		"nothing":                      {want: Mesh{}},
		"default revision":             {config: configMap("istio-system", "istio", "trustDomain: a.test\nrootNamespace: x"), settings: Settings{Revision: "default"}, want: Mesh{TrustDomain: "a.test"}},
		"no revision":                  {config: configMap("istio-system", "istio", "trustDomain: a.test"), want: Mesh{TrustDomain: "a.test"}},
		"named revision":               {config: configMap("istio-system", "istio-1-30", "trustDomain: b.test"), settings: Settings{Revision: "1-30"}, want: Mesh{TrustDomain: "b.test"}},
		"no fallback to the default":   {config: configMap("istio-system", "istio", "trustDomain: a.test"), settings: Settings{Revision: "1-30"}},
		"malformed":                    {config: configMap("istio-system", "istio", "trustDomain: [")},
		"of a wrong type":              {config: configMap("istio-system", "istio", "trustDomain: [a.test]")},
		"without a trust domain":       {config: configMap("istio-system", "istio", "rootNamespace: x")},
		"without the key":              {config: &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "istio-system", Name: "istio"}}},
		"in another namespace":         {config: configMap("x", "istio", "trustDomain: a.test")},
		"in the namespace of settings": {config: configMap("x", "istio", "trustDomain: a.test"), settings: Settings{Namespace: "x"}, want: Mesh{TrustDomain: "a.test"}},
		"network":                      {namespace: namespace("istio-system", "net-1"), want: Mesh{Network: "net-1"}},
		"network of another namespace": {namespace: namespace("default", "net-1")},
	} {
		t.Run(name, func(t *testing.T) {
			var configs []*corev1.ConfigMap
			if test.config != nil {
				configs = append(configs, test.config)
			}
			var namespaces []*corev1.Namespace
			if test.namespace != nil {
				namespaces = append(namespaces, test.namespace)
			}
			found := start(t, krt.NewStaticCollection(nil, configs), krt.NewStaticCollection(nil, namespaces), test.settings)
			if diff := cmp.Diff(&test.want, found.Get()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestMeshChanges follows a mesh through its life: installed, renamed, of
// another network, gone.
func TestMeshChanges(t *testing.T) {
	configs := krt.NewStaticCollection[*corev1.ConfigMap](nil, nil)
	namespaces := krt.NewStaticCollection[*corev1.Namespace](nil, nil)
	found := start(t, configs, namespaces, Settings{})
	seen := make(chan Mesh, 10)
	found.Register(func(event krt.Event[Mesh]) {
		seen <- event.Latest()
	})
	for _, step := range []struct {
		change func()
		want   Mesh
	}{
		{func() {}, Mesh{}},
		{func() { configs.UpdateObject(configMap("istio-system", "istio", "trustDomain: a.test")) }, Mesh{TrustDomain: "a.test"}},
		{func() { configs.UpdateObject(configMap("istio-system", "istio", "trustDomain: b.test")) }, Mesh{TrustDomain: "b.test"}},
		{func() { namespaces.UpdateObject(namespace("istio-system", "net-1")) }, Mesh{TrustDomain: "b.test", Network: "net-1"}},
		{func() { configs.DeleteObject("istio-system/istio") }, Mesh{Network: "net-1"}},
		{func() { namespaces.DeleteObject("istio-system") }, Mesh{}},
	} {
		step.change()
		if diff := cmp.Diff(step.want, <-seen); diff != "" {
			t.Fatal(diff)
		}
	}
}

func start(t *testing.T, configs krt.Collection[*corev1.ConfigMap], namespaces krt.Collection[*corev1.Namespace], settings Settings) krt.Singleton[Mesh] {
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	found := New(Inputs{ConfigMaps: configs, Namespaces: namespaces}, settings, krt.NewOptionsBuilder(stop, "", nil))
	if !found.AsCollection().WaitUntilSynced(stop) {
		t.Fatal("stopped")
	}
	return found
}
