package provision

import (
	"cmp"
	"fmt"
	"slices"

	"agentgateway.dev/controller/apis/v1alpha1"
)

// catalog is a file of models' prices from a ConfigMap of the Gateway's
// namespace.
type catalog struct {
	configMap, key string
}

const (
	defaultCatalogKey = "catalog.json"
	catalogDir        = "/etc/agentgateway/model-catalog/"
)

func (c catalog) volume() string { return "model-catalog-" + c.configMap }

func (c catalog) dir() string { return catalogDir + c.configMap }

func (c catalog) file() string { return c.configMap + ".json" }

// catalogs reads the Gateway's own parameters only: a class has no namespace
// that its ConfigMaps could be in.
func catalogs(own *v1alpha1.AgentgatewayParameters) ([]catalog, *Problem) {
	if own == nil || own.Spec.ModelCatalog == nil {
		return nil, nil
	}
	l := layer{level: gatewayKind, object: own}
	var list []catalog
	for i, source := range own.Spec.ModelCatalog.Sources {
		if source.ConfigMap == nil {
			continue
		}
		field := fmt.Sprintf("spec.modelCatalog.sources[%d].configMap", i)
		next := catalog{configMap: source.ConfigMap.Name, key: cmp.Or(source.ConfigMap.Key, defaultCatalogKey)}
		if next.configMap == "" {
			return nil, invalid(l.String(), field+".name", "must not be empty")
		}
		if slices.Contains(list, next) {
			continue
		}
		// Both would be the same volume and the same file.
		if slices.ContainsFunc(list, func(c catalog) bool { return c.configMap == next.configMap }) {
			return nil, invalid(l.String(), field+".key", fmt.Sprintf("ConfigMap %q is used with another key already; put the catalogs into two ConfigMaps", next.configMap))
		}
		list = append(list, next)
	}
	return list, nil
}
