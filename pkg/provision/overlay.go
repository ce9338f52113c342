package provision

import (
	"encoding/json"
	"fmt"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	kjson "sigs.k8s.io/json"

	"agentgateway.dev/controller/apis/v1alpha1"
)

// overlay merges the overlays of all levels over the objects, and adds the
// objects that exist only because of an overlay.
func (r *Result) overlay(d draft, layers []layer) {
	var workload Object
	var autoscaled *appsv1.Deployment
	for _, object := range r.Objects {
		switch typed := object.(type) {
		case *corev1.ServiceAccount:
			merge(r, typed, layers, serviceAccountOverlay)
		case *corev1.Service:
			merge(r, typed, layers, overlayField{"spec.service", func(s v1alpha1.AgentgatewayParametersSpec) *v1alpha1.KubernetesResourceOverlay { return s.Service }})
		case *appsv1.Deployment:
			merge(r, typed, layers, overlayField{"spec.deployment", func(s v1alpha1.AgentgatewayParametersSpec) *v1alpha1.KubernetesResourceOverlay { return s.Deployment }})
			workload, autoscaled = typed, typed
		case *appsv1.DaemonSet:
			merge(r, typed, layers, overlayField{"spec.daemonSet", func(s v1alpha1.AgentgatewayParametersSpec) *v1alpha1.KubernetesResourceOverlay { return s.DaemonSet }})
			workload = typed
		}
	}
	if disruption := (overlayField{"spec.podDisruptionBudget", func(s v1alpha1.AgentgatewayParametersSpec) *v1alpha1.KubernetesResourceOverlay {
		return s.PodDisruptionBudget
	}}); disruption.wanted(layers) {
		budget := &policyv1.PodDisruptionBudget{
			TypeMeta:   metav1.TypeMeta{APIVersion: "policy/v1", Kind: budgetKind},
			ObjectMeta: d.meta(d.name, maps.Clone(workload.GetLabels()), nil),
			Spec:       policyv1.PodDisruptionBudgetSpec{Selector: selectorOf(workload)},
		}
		merge(r, budget, layers, disruption)
		r.Objects = append(r.Objects, budget)
	}
	if scaling := (overlayField{"spec.horizontalPodAutoscaler", func(s v1alpha1.AgentgatewayParametersSpec) *v1alpha1.KubernetesResourceOverlay {
		return s.HorizontalPodAutoscaler
	}}); scaling.wanted(layers) && autoscaled != nil {
		autoscaler := &autoscalingv2.HorizontalPodAutoscaler{
			TypeMeta:   metav1.TypeMeta{APIVersion: "autoscaling/v2", Kind: autoscalerKind},
			ObjectMeta: d.meta(d.name, maps.Clone(workload.GetLabels()), nil),
			Spec: autoscalingv2.HorizontalPodAutoscalerSpec{ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{
				APIVersion: "apps/v1", Kind: deploymentKind, Name: d.name,
			}},
		}
		merge(r, autoscaler, layers, scaling)
		r.Objects = append(r.Objects, autoscaler)
		// The autoscaler sets it from now on; both would fight.
		autoscaled.Spec.Replicas = nil
	}
}

func selectorOf(workload Object) *metav1.LabelSelector {
	switch typed := workload.(type) {
	case *appsv1.Deployment:
		return typed.Spec.Selector.DeepCopy()
	case *appsv1.DaemonSet:
		return typed.Spec.Selector.DeepCopy()
	default:
		return nil
	}
}

// overlayField is a field of parameters that holds an overlay.
type overlayField struct {
	path string
	of   func(v1alpha1.AgentgatewayParametersSpec) *v1alpha1.KubernetesResourceOverlay
}

// wanted reports whether any level has the overlay, even an empty one.
func (f overlayField) wanted(layers []layer) bool {
	for _, l := range layers {
		if f.of(l.object.Spec) != nil {
			return true
		}
	}
	return false
}

// serviceAccountOverlay hides the overlay's spec: ServiceAccounts have none.
var serviceAccountOverlay = overlayField{"spec.serviceAccount", func(s v1alpha1.AgentgatewayParametersSpec) *v1alpha1.KubernetesResourceOverlay {
	if s.ServiceAccount == nil {
		return nil
	}
	return &v1alpha1.KubernetesResourceOverlay{Metadata: s.ServiceAccount.Metadata}
}}

// merge puts the overlays of field over object, the strongest last. The first
// failure ends the rendering.
func merge[T any, P interface {
	*T
	Object
}](r *Result, object P, layers []layer, field overlayField) {
	for _, l := range layers {
		overlay := field.of(l.object.Spec)
		if overlay == nil || r.Problem != nil {
			continue
		}
		if overlay.Metadata != nil {
			object.SetLabels(over(object.GetLabels(), overlay.Metadata.Labels))
			object.SetAnnotations(over(object.GetAnnotations(), overlay.Metadata.Annotations))
		}
		if overlay.Spec == nil || len(overlay.Spec.Raw) == 0 || string(overlay.Spec.Raw) == "null" {
			continue
		}
		unknown, err := patch(object, overlay.Spec.Raw)
		if err != nil {
			r.Problem = invalid(l.String(), field.path, fmt.Sprintf("can't be merged over the %s: %v", object.GroupVersionKind().Kind, err))
			return
		}
		for _, fault := range unknown {
			r.Warnings = append(r.Warnings, fmt.Sprintf("%s: %s: %v", l, field.path, fault))
		}
	}
}

func over(under, over map[string]string) map[string]string {
	if len(over) == 0 {
		return under
	}
	merged := maps.Clone(under)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, over)
	return merged
}

// patch merges spec over that of object as kubectl patch does. Fields that the
// kind doesn't have are dropped, and returned.
func patch[T any](object *T, spec []byte) (unknown []error, err error) {
	original, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	patch, err := json.Marshal(map[string]json.RawMessage{"spec": spec})
	if err != nil {
		return nil, err
	}
	var schema, fresh T
	merged, err := strategicpatch.StrategicMergePatch(original, patch, schema)
	if err != nil {
		return nil, err
	}
	unknown, err = kjson.UnmarshalStrict(merged, &fresh)
	if err != nil {
		return nil, err
	}
	*object = fresh
	return unknown, nil
}
