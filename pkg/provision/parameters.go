package provision

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"agentgateway.dev/controller/apis/v1alpha1"
)

// parameters are the typed fields of all levels and the defaults, merged.
type parameters struct {
	kind       v1alpha1.AgentgatewayParametersWorkloadKind
	logLevel   string
	logFormat  v1alpha1.AgentgatewayParametersLoggingFormat
	image      string
	pullPolicy corev1.PullPolicy
	env        []corev1.EnvVar
	resources  corev1.ResourceRequirements
	// drainMin and drainMax are in seconds, never 0.
	drainMin, drainMax int64
	// mesh is nil when the proxy doesn't take part in one.
	mesh     *membership
	catalogs []catalog
	// file is the content of config.yaml.
	file string
}

// Defaults of the typed fields.
const (
	defaultLogLevel           = "info"
	defaultDrainMin           = 10
	defaultDrainMax           = 60
	defaultCPU, defaultMemory = "100m", "128Mi"
)

// layer is one level of parameters.
type layer struct {
	// level is the kind that refers to the parameters.
	level  string
	object *v1alpha1.AgentgatewayParameters
}

// String names the object for messages.
func (l layer) String() string {
	return fmt.Sprintf("%s %s/%s (of the %s)", v1alpha1.AgentgatewayParametersKind, l.object.Namespace, l.object.Name, l.level)
}

// layers returns the levels that exist, the weakest first.
func (r Request) layers() []layer {
	var layers []layer
	if r.Class != nil {
		layers = append(layers, layer{level: "GatewayClass", object: r.Class})
	}
	if r.Own != nil {
		layers = append(layers, layer{level: gatewayKind, object: r.Own})
	}
	return layers
}

// parameters merges the typed fields of all levels over the defaults.
func (r Request) parameters(layers []layer) (parameters, *Problem) {
	merged := parameters{
		kind:     v1alpha1.WorkloadKindDeployment,
		logLevel: defaultLogLevel,
		drainMin: defaultDrainMin,
		drainMax: defaultDrainMax,
		resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse(defaultCPU), corev1.ResourceMemory: resource.MustParse(defaultMemory),
		}},
	}
	for _, l := range layers {
		spec := l.object.Spec
		if spec.Workload != nil {
			merged.kind = cmp.Or(spec.Workload.Kind, merged.kind)
		}
		if spec.Logging != nil {
			merged.logLevel = cmp.Or(spec.Logging.Level, merged.logLevel)
			merged.logFormat = cmp.Or(spec.Logging.Format, merged.logFormat)
		}
		if spec.Shutdown != nil {
			merged.drainMin = cmp.Or(spec.Shutdown.Min, defaultDrainMin)
			merged.drainMax = cmp.Or(spec.Shutdown.Max, defaultDrainMax)
		}
		merged.env = mergeEnv(merged.env, spec.Env)
		merged.resources = mergeResources(merged.resources, spec.Resources)
	}
	merged.mesh = r.joins(layers)
	var problem *Problem
	if merged.image, merged.pullPolicy, problem = r.Defaults.image(layers); problem != nil {
		return parameters{}, problem
	}
	if merged.catalogs, problem = catalogs(r.Own); problem != nil {
		return parameters{}, problem
	}
	if merged.file, problem = configFile(layers, merged.logFormat); problem != nil {
		return parameters{}, problem
	}
	return merged, allowedOverlays(layers, merged.kind)
}

// mergeEnv returns over behind those of under that it doesn't replace. Of
// entries with one name in one list the last counts, as in a shell.
func mergeEnv(under, over []corev1.EnvVar) []corev1.EnvVar {
	var merged []corev1.EnvVar
	for _, v := range under {
		if !hasEnv(over, v.Name) {
			merged = append(merged, v)
		}
	}
	for i, v := range over {
		if !hasEnv(over[i+1:], v.Name) {
			merged = append(merged, v)
		}
	}
	return merged
}

func hasEnv(list []corev1.EnvVar, name string) bool {
	return slices.ContainsFunc(list, func(v corev1.EnvVar) bool { return v.Name == name })
}

func mergeResources(under corev1.ResourceRequirements, over *corev1.ResourceRequirements) corev1.ResourceRequirements {
	if over == nil {
		return under
	}
	merged := corev1.ResourceRequirements{
		Requests: mergeQuantities(under.Requests, over.Requests),
		Limits:   mergeQuantities(under.Limits, over.Limits),
		Claims:   under.Claims,
	}
	if len(over.Claims) > 0 {
		merged.Claims = over.Claims
	}
	return merged
}

// mergeQuantities merges key by key. A map that is there but empty removes
// everything: there is no other way to get rid of the defaults.
func mergeQuantities(under, over corev1.ResourceList) corev1.ResourceList {
	if over != nil && len(over) == 0 {
		return nil
	}
	merged := corev1.ResourceList{}
	for _, list := range []corev1.ResourceList{under, over} {
		for name, quantity := range list {
			merged[name] = quantity
		}
	}
	return merged
}

// allowedOverlays finds overlays for objects that the merged kind of workload
// doesn't have.
func allowedOverlays(layers []layer, kind v1alpha1.AgentgatewayParametersWorkloadKind) *Problem {
	for _, l := range layers {
		spec := l.object.Spec
		overlays := []struct {
			field string
			set   bool
			kinds []v1alpha1.AgentgatewayParametersWorkloadKind
		}{
			{"spec.deployment", spec.Deployment != nil, []v1alpha1.AgentgatewayParametersWorkloadKind{v1alpha1.WorkloadKindDeployment}},
			{"spec.daemonSet", spec.DaemonSet != nil, []v1alpha1.AgentgatewayParametersWorkloadKind{v1alpha1.WorkloadKindDaemonSet}},
			{"spec.horizontalPodAutoscaler", spec.HorizontalPodAutoscaler != nil, []v1alpha1.AgentgatewayParametersWorkloadKind{v1alpha1.WorkloadKindDeployment}},
		}
		if spec.Workload != nil && !slices.Contains([]v1alpha1.AgentgatewayParametersWorkloadKind{
			"", v1alpha1.WorkloadKindDeployment, v1alpha1.WorkloadKindDaemonSet}, spec.Workload.Kind) {
			return invalid(l.String(), "spec.workload.kind", fmt.Sprintf("%q is not supported; use Deployment or DaemonSet", spec.Workload.Kind))
		}
		for _, o := range overlays {
			if o.set && !slices.Contains(o.kinds, kind) {
				return invalid(l.String(), o.field, fmt.Sprintf("not allowed because the proxies run as a %s; remove it, or change workload.kind", kind))
			}
		}
	}
	return nil
}
