package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

const (
	fieldManager = "devcluster"
	// applyParallelism is how many objects are on their way at a time. The API
	// server is in the same process, so more than a few gain nothing.
	applyParallelism = 8
	// applyTimeout bounds how long manifests may take. CRDs are served a
	// second or so after they were accepted.
	applyTimeout = time.Minute
)

var (
	crdKind      = schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}
	crdResource  = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	firstApplied = []schema.GroupKind{crdKind, {Kind: "Namespace"}}
)

// applier writes objects of any kind.
type applier struct {
	discovery discovery.DiscoveryInterface
	dynamic   dynamic.Interface

	// served holds the answers of discovery by group and version.
	served sync.Map
}

// applyManifests applies the objects and returns when all that they define is
// served: CRDs and namespaces first, then what may need them.
func applyManifests(ctx context.Context, config *rest.Config, objects []*unstructured.Unstructured) error {
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	disco, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return err
	}
	a := &applier{discovery: disco, dynamic: client}
	first, rest := foundations(objects)
	if err := each(ctx, first, a.apply); err != nil {
		return err
	}
	if err := each(ctx, first, a.waitServed); err != nil {
		return err
	}
	return each(ctx, rest, a.apply)
}

// foundations separates CRDs and namespaces from what may need them.
func foundations(objects []*unstructured.Unstructured) (first, rest []*unstructured.Unstructured) {
	for _, object := range objects {
		if slices.Contains(firstApplied, object.GroupVersionKind().GroupKind()) {
			first = append(first, object)
		} else {
			rest = append(rest, object)
		}
	}
	return first, rest
}

func each(ctx context.Context, objects []*unstructured.Unstructured, do func(context.Context, *unstructured.Unstructured) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(applyParallelism)
	for _, object := range objects {
		group.Go(func() error {
			if err := do(ctx, object); err != nil {
				return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
			}
			return nil
		})
	}
	return group.Wait()
}

func (a *applier) apply(ctx context.Context, object *unstructured.Unstructured) error {
	kind := object.GroupVersionKind()
	resource, err := a.resource(kind)
	if err != nil {
		return err
	}
	var client dynamic.ResourceInterface = a.dynamic.Resource(kind.GroupVersion().WithResource(resource.Name))
	if resource.Namespaced {
		namespace := object.GetNamespace()
		if namespace == "" {
			namespace = metav1.NamespaceDefault
		}
		client = a.dynamic.Resource(kind.GroupVersion().WithResource(resource.Name)).Namespace(namespace)
	}
	// A manifest says what is wanted now; what an earlier start or a user made
	// of it gives way.
	_, err = client.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	return err
}

// resource finds how the API server calls a kind.
func (a *applier) resource(kind schema.GroupVersionKind) (metav1.APIResource, error) {
	version := kind.GroupVersion().String()
	answer, known := a.served.Load(version)
	if !known {
		list, err := a.discovery.ServerResourcesForGroupVersion(version)
		if err != nil {
			return metav1.APIResource{}, fmt.Errorf("looking up %s: %w", version, err)
		}
		answer, _ = a.served.LoadOrStore(version, list)
	}
	for _, resource := range answer.(*metav1.APIResourceList).APIResources {
		if resource.Kind == kind.Kind && !strings.Contains(resource.Name, "/") {
			return resource, nil
		}
	}
	return metav1.APIResource{}, fmt.Errorf("%s has no kind %s", version, kind.Kind)
}

// waitServed returns when the kind that a CRD defines can be used, in every
// version it is served in. For other objects there is nothing to wait for.
func (a *applier) waitServed(ctx context.Context, object *unstructured.Unstructured) error {
	if object.GroupVersionKind().GroupKind() != crdKind {
		return nil
	}
	err := poll(ctx, func() error { return a.established(ctx, object.GetName()) })
	if err != nil {
		return err
	}
	group, _, _ := unstructured.NestedString(object.Object, "spec", "group")
	plural, _, _ := unstructured.NestedString(object.Object, "spec", "names", "plural")
	versions, _, _ := unstructured.NestedSlice(object.Object, "spec", "versions")
	for _, entry := range versions {
		version, _ := entry.(map[string]any)
		if served, _ := version["served"].(bool); !served {
			continue
		}
		name, _ := version["name"].(string)
		// Clients find kinds by discovery, which follows the CRD a moment
		// later.
		err := poll(ctx, func() error {
			list, err := a.discovery.ServerResourcesForGroupVersion(schema.GroupVersion{Group: group, Version: name}.String())
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == plural }) {
				return fmt.Errorf("%s/%s is not discovered yet", group, name)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// established returns an error that says why while the CRD isn't accepted.
func (a *applier) established(ctx context.Context, name string) error {
	crd, err := a.dynamic.Resource(crdResource).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	conditions, _, _ := unstructured.NestedSlice(crd.Object, "status", "conditions")
	why := "no conditions yet"
	for _, entry := range conditions {
		condition, _ := entry.(map[string]any)
		if condition["type"] == "Established" && condition["status"] == "True" {
			return nil
		}
		if condition["status"] == "False" {
			why = fmt.Sprint(condition["type"], ": ", condition["message"])
		}
	}
	return fmt.Errorf("not established: %s", why)
}
