package provision

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kinds of provisioned objects.
const (
	serviceAccountKind = "ServiceAccount"
	secretKind         = "Secret"
	configMapKind      = "ConfigMap"
	serviceKind        = "Service"
	deploymentKind     = "Deployment"
	daemonSetKind      = "DaemonSet"
	budgetKind         = "PodDisruptionBudget"
	autoscalerKind     = "HorizontalPodAutoscaler"
)

// kind is the registration of a kind of provisioned object.
type kind struct {
	gvk schema.GroupVersionKind
	gvr schema.GroupVersionResource
	// pruned kinds are deleted when they are no longer wanted. The others stay
	// with their Gateway: losing a Service is losing its address.
	pruned bool
}

// kinds lists them all.
var kinds = []kind{
	{gvk: core(serviceAccountKind), gvr: coreResource("serviceaccounts")},
	{gvk: core(secretKind), gvr: coreResource("secrets")},
	{gvk: core(configMapKind), gvr: coreResource("configmaps")},
	{gvk: core(serviceKind), gvr: coreResource("services")},
	{gvk: apps.WithKind(deploymentKind), gvr: apps.WithResource("deployments"), pruned: true},
	{gvk: apps.WithKind(daemonSetKind), gvr: apps.WithResource("daemonsets"), pruned: true},
	{gvk: policy.WithKind(budgetKind), gvr: policy.WithResource("poddisruptionbudgets"), pruned: true},
	{gvk: autoscaling.WithKind(autoscalerKind), gvr: autoscaling.WithResource("horizontalpodautoscalers"), pruned: true},
}

var (
	apps        = schema.GroupVersion{Group: "apps", Version: "v1"}
	policy      = schema.GroupVersion{Group: "policy", Version: "v1"}
	autoscaling = schema.GroupVersion{Group: "autoscaling", Version: "v2"}
)

func core(name string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Version: "v1", Kind: name}
}

func coreResource(plural string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: plural}
}

// kindIndex returns the place of a kind in kinds, -1 if it isn't provisioned.
func kindIndex(gvk schema.GroupVersionKind) int {
	return slices.IndexFunc(kinds, func(k kind) bool { return k.gvk == gvk })
}
