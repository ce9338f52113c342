package inputs

import (
	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/krt"
)

// FromCluster fills Inputs from informers. The client must have a CRD watcher
// and, if namespaces are to be filtered, an object filter; its Run starts the
// informers. Collections live until the stop channel of opts closes.
func FromCluster(client kube.Client, opts krt.OptionsBuilder) *Inputs {
	registration.Do(func() {
		for _, k := range Kinds {
			k.register(k)
		}
	})
	in := &Inputs{}
	for _, k := range Kinds {
		k.watch(k, in, client, opts)
	}
	return in
}
