package validation

import (
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"agentgateway.dev/controller/manifests/crds"
	"agentgateway.dev/controller/pkg/validation/gatewayapi"
	"agentgateway.dev/controller/pkg/validation/inference"
)

// Catalog knows CRDs by kind. It reads and prepares a CRD when it is first
// asked for, and may be used by several goroutines.
type Catalog struct {
	entries map[schema.GroupKind]*entry
}

// entry is a CRD that is read on demand.
type entry struct {
	crd func() (*apiextensionsv1.CustomResourceDefinition, error)

	mu    sync.Mutex
	kinds map[string]*Kind
}

// Embedded returns the catalog of the CRDs in this program: agentgateway.dev,
// the standard channel of Gateway API, and its inference extension.
func Embedded() (*Catalog, error) {
	return newCatalog(crds.Files, gatewayapi.Files, inference.Files)
}

// The group and kind of a generated CRD, found without reading all of it:
// together the CRDs are megabytes, and most runs need a few.
var (
	groupLine = regexp.MustCompile(`(?m)^  group: (\S+)$`)
	kindLine  = regexp.MustCompile(`(?m)^    kind: (\S+)$`)
)

func newCatalog(directories ...fs.FS) (*Catalog, error) {
	catalog := &Catalog{entries: map[schema.GroupKind]*entry{}}
	for _, directory := range directories {
		names, err := fs.Glob(directory, "*.yaml")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			text, err := fs.ReadFile(directory, name)
			if err != nil {
				return nil, err
			}
			group, kind := groupLine.FindSubmatch(text), kindLine.FindSubmatch(text)
			if group == nil || kind == nil {
				return nil, fmt.Errorf("%s: no group or kind found", name)
			}
			catalog.entries[schema.GroupKind{Group: string(group[1]), Kind: string(kind[1])}] = &entry{
				crd: sync.OnceValues(func() (*apiextensionsv1.CustomResourceDefinition, error) {
					crd := &apiextensionsv1.CustomResourceDefinition{}
					if err := yaml.UnmarshalStrict(text, crd); err != nil {
						return nil, fmt.Errorf("%s: %w", name, err)
					}
					return crd, nil
				}),
				kinds: map[string]*Kind{},
			}
		}
	}
	return catalog, nil
}

// GroupKinds returns the kinds that have a CRD, sorted.
func (c *Catalog) GroupKinds() []schema.GroupKind {
	return slices.SortedFunc(maps.Keys(c.entries), func(a, b schema.GroupKind) int {
		return strings.Compare(a.String(), b.String())
	})
}

// hasGroup says whether a kind of the group has a CRD.
func (c *Catalog) hasGroup(group string) bool {
	for kind := range c.entries {
		if kind.Group == group {
			return true
		}
	}
	return false
}

// CRD returns the CRD of a kind, or nil if there is none.
func (c *Catalog) CRD(kind schema.GroupKind) (*apiextensionsv1.CustomResourceDefinition, error) {
	entry, found := c.entries[kind]
	if !found {
		return nil, nil
	}
	return entry.crd()
}

// Kind returns the judgement of a kind in a version that is served.
func (c *Catalog) Kind(kind schema.GroupVersionKind) (*Kind, error) {
	entry, found := c.entries[kind.GroupKind()]
	if !found {
		return nil, fmt.Errorf("no CRD for %s", kind.GroupKind())
	}
	crd, err := entry.crd()
	if err != nil {
		return nil, err
	}
	entry.mu.Lock()
	defer entry.mu.Unlock()
	if prepared, found := entry.kinds[kind.Version]; found {
		return prepared, nil
	}
	prepared, err := NewKind(crd, kind.Version)
	if err == nil {
		entry.kinds[kind.Version] = prepared
	}
	return prepared, err
}
