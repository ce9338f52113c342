package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AgentgatewayParameters sets how the proxies of a GatewayClass or a Gateway
// run. Refer to it in parametersRef of either; what the Gateway's sets wins.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=agentgatewayparameters,singular=agentgatewayparameters,shortName=agpar,categories=agentgateway
// +kubebuilder:metadata:labels={"app=agentgateway","app.kubernetes.io/name=agentgateway","gateway.networking.k8s.io/policy=Direct"}
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=".metadata.creationTimestamp"
type AgentgatewayParameters struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// How proxies run.
	//
	// +required
	Spec AgentgatewayParametersSpec `json:"spec"`

	// Empty: problems are reported on the Gateways that use the parameters.
	//
	// +optional
	Status AgentgatewayParametersStatus `json:"status,omitempty"`
}

// AgentgatewayParametersList is a list of AgentgatewayParameters objects.
//
// +kubebuilder:object:root=true
type AgentgatewayParametersList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AgentgatewayParameters `json:"items"`
}

// AgentgatewayParametersSpec is how proxies run. The overlays (deployment,
// daemonSet, service, serviceAccount, podDisruptionBudget,
// horizontalPodAutoscaler) are merged last, over what the other fields make.
//
// +kubebuilder:validation:XValidation:rule="!has(self.deployment) || !has(self.workload) || !has(self.workload.kind) || self.workload.kind == 'Deployment'",message="deployment needs workload.kind Deployment: use daemonSet, or change workload.kind"
// +kubebuilder:validation:XValidation:rule="!has(self.daemonSet) || (has(self.workload) && has(self.workload.kind) && self.workload.kind == 'DaemonSet')",message="daemonSet needs workload.kind DaemonSet: set it here, or use deployment"
// +kubebuilder:validation:XValidation:rule="!has(self.horizontalPodAutoscaler) || !has(self.workload) || !has(self.workload.kind) || self.workload.kind != 'DaemonSet'",message="a DaemonSet can't be scaled: remove horizontalPodAutoscaler, or change workload.kind"
type AgentgatewayParametersSpec struct {
	// Kind of workload that runs the proxies.
	//
	// +optional
	Workload *AgentgatewayParametersWorkload `json:"workload,omitempty"`

	// Logging of the proxy.
	//
	// +optional
	Logging *AgentgatewayParametersLogging `json:"logging,omitempty"`

	// Configuration file of the proxy, as it documents it; other fields win over
	// it. Not checked here: the proxy doesn't start with keys that it doesn't
	// know. A literal dollar is written "$$".
	//
	// +optional
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	RawConfig *apiextensionsv1.JSON `json:"rawConfig,omitempty"`

	// Image of the proxy.
	//
	// +optional
	Image *Image `json:"image,omitempty"`

	// Environment variables of the proxy, besides its own.
	//
	// +optional
	Env []corev1.EnvVar `json:"env,omitempty"`

	// Resources of the proxy's container. Default: requests of 100m cpu and
	// 128Mi memory, no limits; requests: {} removes them.
	//
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`

	// How long a proxy that stops keeps its connections.
	//
	// +optional
	Shutdown *ShutdownSpec `json:"shutdown,omitempty"`

	// How the proxy takes part in an Istio mesh.
	//
	// +optional
	Istio *IstioSpec `json:"istio,omitempty"`

	// Prices and properties of LLM models, for cost metrics. Read on a Gateway's
	// own parameters only.
	//
	// +optional
	ModelCatalog *ModelCatalogSpec `json:"modelCatalog,omitempty"`

	// Merged over the Deployment.
	//
	// +optional
	Deployment *KubernetesResourceOverlay `json:"deployment,omitempty"`

	// Merged over the DaemonSet. Needs workload.kind DaemonSet.
	//
	// +optional
	DaemonSet *KubernetesResourceOverlay `json:"daemonSet,omitempty"`

	// Merged over the Service.
	//
	// +optional
	Service *KubernetesResourceOverlay `json:"service,omitempty"`

	// Merged over the ServiceAccount; only metadata has an effect.
	//
	// +optional
	ServiceAccount *KubernetesResourceOverlay `json:"serviceAccount,omitempty"`

	// Creates a PodDisruptionBudget for the proxies, and is merged over it.
	//
	// +optional
	PodDisruptionBudget *KubernetesResourceOverlay `json:"podDisruptionBudget,omitempty"`

	// Creates a HorizontalPodAutoscaler for the proxies, and is merged over it.
	// Not with workload.kind DaemonSet.
	//
	// +optional
	HorizontalPodAutoscaler *KubernetesResourceOverlay `json:"horizontalPodAutoscaler,omitempty"`
}

// AgentgatewayParametersWorkload is the kind of workload that runs the proxies.
type AgentgatewayParametersWorkload struct {
	// Deployment (the default) or DaemonSet.
	//
	// +optional
	Kind AgentgatewayParametersWorkloadKind `json:"kind,omitempty"`
}

// AgentgatewayParametersWorkloadKind is a kind of workload.
//
// +kubebuilder:validation:Enum=DaemonSet;Deployment
type AgentgatewayParametersWorkloadKind string

const (
	// WorkloadKindDaemonSet runs a proxy on every node.
	WorkloadKindDaemonSet AgentgatewayParametersWorkloadKind = "DaemonSet"
	// WorkloadKindDeployment runs a number of proxies.
	WorkloadKindDeployment AgentgatewayParametersWorkloadKind = "Deployment"
)

// AgentgatewayParametersLogging is the logging of the proxy.
type AgentgatewayParametersLogging struct {
	// Level, or levels by module, as in RUST_LOG. Example:
	// info,agentgateway::proxy=debug. Default: info.
	//
	// +optional
	Level string `json:"level,omitempty"`

	// json or text. Default: text.
	//
	// +optional
	Format AgentgatewayParametersLoggingFormat `json:"format,omitempty"`
}

// AgentgatewayParametersLoggingFormat is a format of log lines.
//
// +kubebuilder:validation:Enum=json;text
type AgentgatewayParametersLoggingFormat string

const (
	// LoggingFormatJSON writes JSON objects.
	LoggingFormatJSON AgentgatewayParametersLoggingFormat = "json"
	// LoggingFormatText writes plain text.
	LoggingFormatText AgentgatewayParametersLoggingFormat = "text"
)

// Image is a container image: REGISTRY/REPOSITORY:TAG@DIGEST. An empty text
// leaves the part out.
type Image struct {
	// Registry. Default: cr.agentgateway.dev.
	//
	// +optional
	Registry *string `json:"registry,omitempty"`

	// Repository. Default: agentgateway.
	//
	// +optional
	Repository *string `json:"repository,omitempty"`

	// Tag. Default: the version that the controller was built for.
	//
	// +optional
	Tag *string `json:"tag,omitempty"`

	// Digest. Example: sha256:… Default: none.
	//
	// +optional
	Digest *string `json:"digest,omitempty"`

	// When the image is pulled: Always, IfNotPresent or Never. Default:
	// Kubernetes decides by the tag.
	//
	// +optional
	PullPolicy *corev1.PullPolicy `json:"pullPolicy,omitempty"`
}

// ShutdownSpec sets how long a proxy that stops keeps its connections.
//
// +kubebuilder:validation:XValidation:rule="self.min <= self.max",message="shutdown.min must not be greater than shutdown.max"
type ShutdownSpec struct {
	// Seconds for which connections are kept in any case, so that clients learn
	// of the stop. 0 means the default, 10.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=31536000
	Min int64 `json:"min"`

	// Seconds after which open connections are cut; also the pod's termination
	// grace period. 0 means the default, 60.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=31536000
	Max int64 `json:"max"`
}

// IstioSpec is how the proxy takes part in an Istio mesh. Defaults come from the
// controller's settings and the mesh configuration.
type IstioSpec struct {
	// Whether the proxy takes part.
	//
	// +optional
	Enabled *bool `json:"enabled,omitempty"`

	// Address of the certificate authority. Example:
	// https://istiod.istio-system.svc:15012.
	//
	// +optional
	CAAddress string `json:"caAddress,omitempty"`

	// Trust domain of the mesh. Example: cluster.local.
	//
	// +optional
	TrustDomain string `json:"trustDomain,omitempty"`

	// Trust domains that are trusted besides the mesh's own.
	//
	// +optional
	AdditionalTrustDomains []string `json:"additionalTrustDomains,omitempty"`

	// Name of this cluster in the mesh. Example: Kubernetes.
	//
	// +optional
	ClusterID string `json:"clusterId,omitempty"`

	// Network of the proxies, in a mesh of several networks.
	//
	// +optional
	Network string `json:"network,omitempty"`
}

// ModelCatalogSpec is where prices and properties of LLM models are found.
type ModelCatalogSpec struct {
	// Catalogs, merged in order.
	//
	// +optional
	Sources []ModelCatalogSource `json:"sources,omitempty"`
}

// ModelCatalogSource is a catalog of models.
type ModelCatalogSource struct {
	// ConfigMap of the Gateway's namespace with a catalog.
	//
	// +optional
	ConfigMap *ModelCatalogConfigMapRef `json:"configMap,omitempty"`
}

// ModelCatalogConfigMapRef names an entry of a ConfigMap.
type ModelCatalogConfigMapRef struct {
	// Name of the ConfigMap.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`

	// Data key of the catalog. Default: catalog.json.
	//
	// +optional
	Key string `json:"key,omitempty"`
}

// KubernetesResourceOverlay is merged over an object that the controller makes.
type KubernetesResourceOverlay struct {
	// Labels and annotations for the object.
	//
	// +optional
	Metadata *ObjectMetadata `json:"metadata,omitempty"`

	// Strategic merge patch for the object's spec. Lists merge by their keys
	// (containers by name), $patch and null are understood.
	//
	// +optional
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	Spec *apiextensionsv1.JSON `json:"spec,omitempty"`
}

// ObjectMetadata is labels and annotations.
type ObjectMetadata struct {
	// Labels to add or replace.
	//
	// +optional
	Labels map[string]string `json:"labels,omitempty"`

	// Annotations to add or replace.
	//
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}

// AgentgatewayParametersStatus is empty: problems are reported on the Gateways
// that use the parameters.
type AgentgatewayParametersStatus struct{}
