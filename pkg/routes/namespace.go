package routes

import (
	"maps"

	corev1 "k8s.io/api/core/v1"

	"istio.io/istio/pkg/kube/krt"
)

// Namespace is what decides whether a selector of allowedRoutes matches.
type Namespace struct {
	Name   string
	Labels map[string]string
}

// ResourceName is the namespace's name.
func (n Namespace) ResourceName() string { return n.Name }

// Equals compares everything.
func (n Namespace) Equals(other Namespace) bool {
	return n.Name == other.Name && maps.Equal(n.Labels, other.Labels)
}

// NewNamespaces projects namespaces to their labels.
func NewNamespaces(namespaces krt.Collection[*corev1.Namespace], opts krt.OptionsBuilder) krt.Collection[Namespace] {
	return krt.NewCollection(namespaces, func(_ krt.HandlerContext, namespace *corev1.Namespace) *Namespace {
		return &Namespace{Name: namespace.Name, Labels: namespace.Labels}
	}, opts.WithName("routes/Namespaces")...)
}
