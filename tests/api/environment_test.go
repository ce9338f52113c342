// Package api tests the agentgateway.dev CRDs on a real API server, and that
// pkg/validation says the same as it.
package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"agentgateway.dev/controller/pkg/validation"
	"agentgateway.dev/controller/tests/cluster"
)

var shared *cluster.Cluster

func TestMain(m *testing.M) {
	pools, err := cluster.InferencePoolCRD()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// The other kinds of the inference extension stand beside it.
	os.Exit(cluster.Main(m, cluster.Options{Manifests: []string{filepath.Dir(pools)}}, &shared))
}

// patience bounds every wait of a test; it is reached only by a failure.
const patience = time.Minute

// namespace holds the tests' objects.
const namespace = "default"

const (
	ownGroup          = "agentgateway.dev"
	acceptedManifests = "../../apis/v1alpha1/testdata/accepted"
	graftedManifests  = "../../apis/v1alpha1/testdata/grafted"
	refusedManifests  = "../../apis/v1alpha1/testdata/refused"
	findingManifests  = "../../pkg/validation/testdata"
)

// expectMark begins the comment that says why a manifest is refused.
const expectMark = "# expect: "

var embeddedCatalog = sync.OnceValues(validation.Embedded)

func catalog(t *testing.T) *validation.Catalog {
	t.Helper()
	embedded, err := embeddedCatalog()
	if err != nil {
		t.Fatal(err)
	}
	return embedded
}

func ownCRDs(t *testing.T) map[string]*apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	own := map[string]*apiextensionsv1.CustomResourceDefinition{}
	for _, kind := range catalog(t).GroupKinds() {
		if kind.Group != ownGroup {
			continue
		}
		crd, err := catalog(t).CRD(kind)
		if err != nil {
			t.Fatal(err)
		}
		own[kind.Kind] = crd
	}
	return own
}

// ownKinds are the kinds of ownCRDs, sorted.
func ownKinds(t *testing.T) []string { return slices.Sorted(maps.Keys(ownCRDs(t))) }

// manifest is one document of a file.
type manifest struct {
	name   string
	text   []byte
	expect string
	object map[string]any
}

// readManifests returns the objects below a directory whose kinds have a CRD
// in the catalog, in the tests' namespace.
func readManifests(t *testing.T, directory string) []manifest {
	t.Helper()
	var manifests []manifest
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
		for {
			document, err := reader.Read()
			if errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			if read, known := readDocument(t, document); known {
				read.name = filepath.Base(path) + "/" + read.name
				manifests = append(manifests, read)
			}
		}
	})
	if err != nil || len(manifests) == 0 {
		t.Fatalf("%d manifests in %s: %v", len(manifests), directory, err)
	}
	return manifests
}

// readDocument reads a document as kubectl does. Some aren't readable by
// intention, and some hold other kinds.
func readDocument(t *testing.T, document []byte) (read manifest, known bool) {
	t.Helper()
	converted, err := yaml.YAMLToJSON(document)
	if err != nil || json.Unmarshal(converted, &read.object) != nil {
		return read, false
	}
	object := unstructured.Unstructured{Object: read.object}
	crd, err := catalog(t).CRD(object.GroupVersionKind().GroupKind())
	if err != nil {
		t.Fatal(err)
	}
	if crd == nil {
		return read, false
	}
	if metadata, ok := read.object["metadata"].(map[string]any); ok && crd.Spec.Scope == apiextensionsv1.NamespaceScoped {
		metadata["namespace"] = namespace
	}
	if _, comment, found := strings.Cut(string(document), expectMark); found {
		read.expect, _, _ = strings.Cut(comment, "\n")
	}
	read.text, read.name = document, object.GetKind()+" "+object.GetName()
	return read, true
}

func connect(t *testing.T, c *cluster.Cluster) dynamic.Interface {
	t.Helper()
	client, err := dynamic.NewForConfig(c.RESTConfig)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// clientOf returns the endpoint of an object's kind.
func clientOf(t *testing.T, client dynamic.Interface, object map[string]any) dynamic.ResourceInterface {
	t.Helper()
	kind := (&unstructured.Unstructured{Object: object}).GroupVersionKind()
	crd, err := catalog(t).CRD(kind.GroupKind())
	if err != nil || crd == nil {
		t.Fatalf("no CRD for %s: %v", kind, err)
	}
	resource := client.Resource(schema.GroupVersionResource{Group: kind.Group, Version: kind.Version, Resource: crd.Spec.Names.Plural})
	if crd.Spec.Scope == apiextensionsv1.ClusterScoped {
		return resource
	}
	return resource.Namespace(namespace)
}

// eventually asks until check returns nil.
func eventually(t *testing.T, check func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check(ctx)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not within %s: %v", patience, err)
		}
	}
}
