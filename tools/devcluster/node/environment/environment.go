// Package environment makes the environment variables of a container, by the
// rules of the kubelet.
package environment

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/kubernetes/pkg/api/v1/resource"
	"k8s.io/kubernetes/pkg/fieldpath"
	"k8s.io/kubernetes/pkg/kubelet/envvars"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

// Source is what variables may refer to.
type Source struct {
	ConfigMaps corelisters.ConfigMapLister
	Secrets    corelisters.SecretLister
	Services   corelisters.ServiceLister
	// Allocatable is what a container without limits may use.
	Allocatable corev1.ResourceList
}

// Variables returns the variables of a container. The pod's status must hold
// its addresses. Image are the variables that the image sets.
func (s Source) Variables(pod *corev1.Pod, container *corev1.Container, image map[string]string) (map[string]string, error) {
	services, err := s.services(pod)
	if err != nil {
		return nil, err
	}
	result := map[string]string{}
	for _, from := range container.EnvFrom {
		if err := s.addAll(pod.Namespace, from, result); err != nil {
			return nil, err
		}
	}
	mapping := expansion.MappingFuncFor(result, services)
	for _, variable := range container.Env {
		value, found, err := s.value(pod, container, variable, mapping)
		if err != nil {
			return nil, fmt.Errorf("env %s: %w", variable.Name, err)
		}
		if found {
			result[variable.Name] = value
		}
	}
	for _, lesser := range []map[string]string{services, image} {
		for name, value := range lesser {
			if _, set := result[name]; !set {
				result[name] = value
			}
		}
	}
	return result, nil
}

// Lines returns variables in the form NAME=value, sorted.
func Lines(variables map[string]string) []string {
	lines := make([]string, 0, len(variables))
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		lines = append(lines, name+"="+variables[name])
	}
	return lines
}

// Expand replaces $(NAME) in a container's command and arguments.
func Expand(words []string, variables map[string]string) []string {
	mapping := expansion.MappingFuncFor(variables)
	expanded := make([]string, len(words))
	for i, word := range words {
		expanded[i] = expansion.Expand(word, mapping)
	}
	return expanded
}

// services returns the variables that describe Services: those of the pod's
// namespace unless it wants none, and always the API server's.
func (s Source) services(pod *corev1.Pod) (map[string]string, error) {
	var described []*corev1.Service
	if pod.Spec.EnableServiceLinks == nil || *pod.Spec.EnableServiceLinks {
		all, err := s.Services.Services(pod.Namespace).List(labels.Everything())
		if err != nil {
			return nil, err
		}
		for _, service := range all {
			if hasAddress(service) && !isAPIServer(service) {
				described = append(described, service)
			}
		}
	}
	api, err := s.Services.Services(corev1.NamespaceDefault).Get("kubernetes")
	if err == nil && hasAddress(api) {
		described = append(described, api)
	}
	variables := map[string]string{}
	for _, variable := range envvars.FromServices(described) {
		variables[variable.Name] = variable.Value
	}
	return variables, nil
}

func hasAddress(service *corev1.Service) bool {
	return service.Spec.ClusterIP != "" && service.Spec.ClusterIP != corev1.ClusterIPNone
}

func isAPIServer(service *corev1.Service) bool {
	return service.Namespace == corev1.NamespaceDefault && service.Name == "kubernetes"
}

func (s Source) addAll(namespace string, from corev1.EnvFromSource, into map[string]string) error {
	var data map[string]string
	var optional *bool
	var err error
	switch {
	case from.ConfigMapRef != nil:
		optional = from.ConfigMapRef.Optional
		var found *corev1.ConfigMap
		if found, err = s.ConfigMaps.ConfigMaps(namespace).Get(from.ConfigMapRef.Name); err == nil {
			data = found.Data
		}
	case from.SecretRef != nil:
		optional = from.SecretRef.Optional
		var found *corev1.Secret
		if found, err = s.Secrets.Secrets(namespace).Get(from.SecretRef.Name); err == nil {
			data = make(map[string]string, len(found.Data))
			for key, value := range found.Data {
				data[key] = string(value)
			}
		}
	}
	if err != nil && !(apierrors.IsNotFound(err) && isSet(optional)) {
		return fmt.Errorf("envFrom: %w", err)
	}
	for key, value := range data {
		// The kernel knows no variable whose name holds "=" or a zero byte.
		if name := from.Prefix + key; !strings.ContainsAny(name, "=\x00") {
			into[name] = value
		}
	}
	return nil
}

// value returns a variable's value, and whether it has one: references may be
// optional.
func (s Source) value(pod *corev1.Pod, container *corev1.Container, variable corev1.EnvVar, mapping func(string) string) (string, bool, error) {
	from := variable.ValueFrom
	if from == nil {
		return expansion.Expand(variable.Value, mapping), true, nil
	}
	switch {
	case from.FieldRef != nil:
		value, err := s.field(pod, from.FieldRef.FieldPath)
		return value, true, err
	case from.ResourceFieldRef != nil:
		name := from.ResourceFieldRef.ContainerName
		if name == "" {
			name = container.Name
		}
		value, err := resource.ExtractResourceValueByContainerNameAndNodeAllocatable(from.ResourceFieldRef, pod, name, s.Allocatable)
		return value, true, err
	case from.ConfigMapKeyRef != nil:
		ref := from.ConfigMapKeyRef
		found, err := s.ConfigMaps.ConfigMaps(pod.Namespace).Get(ref.Name)
		if err != nil {
			return missing(err, ref.Optional)
		}
		value, has := found.Data[ref.Key]
		if !has {
			return missingKey("ConfigMap", ref.Name, ref.Key, ref.Optional)
		}
		return value, true, nil
	case from.SecretKeyRef != nil:
		ref := from.SecretKeyRef
		found, err := s.Secrets.Secrets(pod.Namespace).Get(ref.Name)
		if err != nil {
			return missing(err, ref.Optional)
		}
		value, has := found.Data[ref.Key]
		if !has {
			return missingKey("Secret", ref.Name, ref.Key, ref.Optional)
		}
		return string(value), true, nil
	}
	return "", false, errors.New("a source of this type isn't supported here")
}

func missing(err error, optional *bool) (string, bool, error) {
	if apierrors.IsNotFound(err) && isSet(optional) {
		return "", false, nil
	}
	return "", false, err
}

func missingKey(kind, name, key string, optional *bool) (string, bool, error) {
	if isSet(optional) {
		return "", false, nil
	}
	return "", false, fmt.Errorf("%s %s has no key %q", kind, name, key)
}

// field returns a field of the pod that the downward API offers. Some aren't
// where their path says.
func (s Source) field(pod *corev1.Pod, path string) (string, error) {
	switch path {
	case "spec.nodeName":
		return pod.Spec.NodeName, nil
	case "spec.serviceAccountName":
		return pod.Spec.ServiceAccountName, nil
	case "status.hostIP":
		return pod.Status.HostIP, nil
	case "status.hostIPs":
		var all []string
		for _, each := range pod.Status.HostIPs {
			all = append(all, each.IP)
		}
		return strings.Join(all, ","), nil
	case "status.podIP":
		return pod.Status.PodIP, nil
	case "status.podIPs":
		var all []string
		for _, each := range pod.Status.PodIPs {
			all = append(all, each.IP)
		}
		return strings.Join(all, ","), nil
	}
	return fieldpath.ExtractFieldPathAsString(pod, path)
}

func isSet(flag *bool) bool { return flag != nil && *flag }
