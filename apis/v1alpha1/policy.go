package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// AgentgatewayPolicy changes how the proxy treats connections (frontend),
// requests (traffic) and destinations (backend) of what it targets. Policies on
// several levels merge field by field; the more specific one wins.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=agentgatewaypolicies,singular=agentgatewaypolicy,shortName=agpol,categories=agentgateway
// +kubebuilder:metadata:labels={"app=agentgateway","app.kubernetes.io/name=agentgateway","gateway.networking.k8s.io/policy=Direct"}
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=".status.ancestors[*].conditions[?(@.type=='Accepted')].status"
// +kubebuilder:printcolumn:name="Attached",type=string,JSONPath=".status.ancestors[*].conditions[?(@.type=='Attached')].status"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=".metadata.creationTimestamp"
type AgentgatewayPolicy struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What the policy targets and what it sets.
	//
	// +required
	Spec AgentgatewayPolicySpec `json:"spec"`

	// What the controller made of the policy: one entry for each Gateway that it
	// reaches, and one named StatusSummary for targets that lead nowhere.
	//
	// +optional
	Status gwv1.PolicyStatus `json:"status,omitempty"`
}

// AgentgatewayPolicyList is a list of AgentgatewayPolicy objects.
//
// +kubebuilder:object:root=true
type AgentgatewayPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AgentgatewayPolicy `json:"items"`
}

// AgentgatewayPolicySpec is what a policy targets and what it sets there.
//
// +kubebuilder:validation:ExactlyOneOf=targetRefs;targetSelectors
// +kubebuilder:validation:AtLeastOneOf=traffic;frontend;backend
// +kubebuilder:validation:XValidation:rule="!has(self.strategy) || !has(self.strategy.inheritance) || (has(self.traffic) && !has(self.frontend) && !has(self.backend))",message="strategy.inheritance works on traffic only: set traffic, and move frontend and backend to a policy of their own"
// +kubebuilder:validation:XValidation:rule="!has(self.backend) || !has(self.backend.mcp) || ((!has(self.targetRefs) || self.targetRefs.all(t, t.kind != 'Service')) && (!has(self.targetSelectors) || self.targetSelectors.all(t, t.kind != 'Service')))",message="backend.mcp can't target a Service: target the AgentgatewayBackend, its route or its Gateway"
// +kubebuilder:validation:XValidation:rule="!has(self.backend) || !has(self.backend.mcp) || ((!has(self.targetRefs) || self.targetRefs.all(t, t.kind != 'AgentgatewayBackend' || !has(t.sectionName))) && (!has(self.targetSelectors) || self.targetSelectors.all(t, t.kind != 'AgentgatewayBackend' || !has(t.sectionName))))",message="backend.mcp works on a whole AgentgatewayBackend: remove sectionName from the target"
// +kubebuilder:validation:XValidation:rule="!has(self.backend) || !has(self.backend.ai) || ((!has(self.targetRefs) || self.targetRefs.all(t, t.kind != 'Service')) && (!has(self.targetSelectors) || self.targetSelectors.all(t, t.kind != 'Service')))",message="backend.ai can't target a Service: target the AgentgatewayBackend, its route or its Gateway"
// +kubebuilder:validation:XValidation:rule="!has(self.traffic) || !has(self.traffic.jwtAuthentication) || !has(self.backend) || !has(self.backend.mcp) || !has(self.backend.mcp.authentication)",message="set either traffic.jwtAuthentication or backend.mcp.authentication, not both"
// +kubebuilder:validation:XValidation:rule="!has(self.frontend) || !has(self.targetRefs) || self.targetRefs.all(t, t.kind == 'Gateway')",message="frontend can target only a Gateway: set kind Gateway in every item of targetRefs"
// +kubebuilder:validation:XValidation:rule="!has(self.frontend) || !has(self.targetSelectors) || self.targetSelectors.all(t, t.kind == 'Gateway')",message="frontend can target only a Gateway: set kind Gateway in every item of targetSelectors"
// +kubebuilder:validation:XValidation:rule="!has(self.frontend) || !has(self.targetRefs) || !(has(self.frontend.tcp) || has(self.frontend.networkAuthorization) || has(self.frontend.tls) || has(self.frontend.http) || has(self.frontend.proxyProtocol) || has(self.frontend.connect)) || self.targetRefs.all(t, !has(t.sectionName))",message="frontend tcp, networkAuthorization, tls, http, proxyProtocol and connect work on a whole Gateway or one of its ports: remove sectionName from targetRefs"
// +kubebuilder:validation:XValidation:rule="!has(self.frontend) || !has(self.targetSelectors) || !(has(self.frontend.tcp) || has(self.frontend.networkAuthorization) || has(self.frontend.tls) || has(self.frontend.http) || has(self.frontend.proxyProtocol) || has(self.frontend.connect)) || self.targetSelectors.all(t, !has(t.sectionName))",message="frontend tcp, networkAuthorization, tls, http, proxyProtocol and connect work on a whole Gateway or one of its ports: remove sectionName from targetSelectors"
// +kubebuilder:validation:XValidation:rule="!has(self.targetRefs) || (has(self.frontend) && !has(self.traffic) && !has(self.backend)) || self.targetRefs.all(t, !has(t.port))",message="a port in targetRefs is for frontend settings only: set frontend and neither traffic nor backend, or remove port"
// +kubebuilder:validation:XValidation:rule="!has(self.targetSelectors) || (has(self.frontend) && !has(self.traffic) && !has(self.backend)) || self.targetSelectors.all(t, !has(t.port))",message="a port in targetSelectors is for frontend settings only: set frontend and neither traffic nor backend, or remove port"
// +kubebuilder:validation:XValidation:rule="!has(self.traffic) || !has(self.targetRefs) || self.targetRefs.all(t, t.kind in ['Gateway', 'ListenerSet', 'HTTPRoute', 'GRPCRoute', 'InferencePool'])",message="traffic can target only Gateway, ListenerSet, HTTPRoute, GRPCRoute or InferencePool: change kind in targetRefs"
// +kubebuilder:validation:XValidation:rule="!has(self.traffic) || !has(self.targetSelectors) || self.targetSelectors.all(t, t.kind in ['Gateway', 'ListenerSet', 'HTTPRoute', 'GRPCRoute', 'InferencePool'])",message="traffic can target only Gateway, ListenerSet, HTTPRoute, GRPCRoute or InferencePool: change kind in targetSelectors"
// +kubebuilder:validation:XValidation:rule="!has(self.traffic) || !has(self.traffic.phase) || self.traffic.phase != 'PreRouting' || !has(self.targetRefs) || self.targetRefs.all(t, t.kind in ['Gateway', 'ListenerSet'])",message="traffic.phase PreRouting can target only Gateway or ListenerSet: no route is known yet; change kind in targetRefs"
// +kubebuilder:validation:XValidation:rule="!has(self.traffic) || !has(self.traffic.phase) || self.traffic.phase != 'PreRouting' || !has(self.targetSelectors) || self.targetSelectors.all(t, t.kind in ['Gateway', 'ListenerSet'])",message="traffic.phase PreRouting can target only Gateway or ListenerSet: no route is known yet; change kind in targetSelectors"
type AgentgatewayPolicySpec struct {
	// Objects of the policy's namespace that it applies to, by name. All of one
	// kind. Set this or targetSelectors.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule=`self.all(t, (t.group == "" && t.kind == 'Service') || (t.group == 'agentgateway.dev' && t.kind == 'AgentgatewayBackend') || (t.group == 'gateway.networking.k8s.io' && t.kind in ['Gateway', 'HTTPRoute', 'GRPCRoute', 'ListenerSet']) || (t.group == 'inference.networking.k8s.io' && t.kind == 'InferencePool'))`,message="a target must be one of: gateway.networking.k8s.io Gateway, ListenerSet, HTTPRoute or GRPCRoute; agentgateway.dev AgentgatewayBackend; inference.networking.k8s.io InferencePool; or Service with group \"\""
	// +kubebuilder:validation:XValidation:rule="self.all(t, t.kind == self[0].kind)",message="all targets must have the same kind: write one policy for each kind"
	TargetRefs []LocalPolicyTargetReferenceWithSectionName `json:"targetRefs,omitempty"`

	// Objects of the policy's namespace that it applies to, by label. All of one
	// kind. Set this or targetRefs.
	//
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule=`self.all(t, (t.group == "" && t.kind == 'Service') || (t.group == 'agentgateway.dev' && t.kind == 'AgentgatewayBackend') || (t.group == 'gateway.networking.k8s.io' && t.kind in ['Gateway', 'HTTPRoute', 'GRPCRoute', 'ListenerSet']) || (t.group == 'inference.networking.k8s.io' && t.kind == 'InferencePool'))`,message="a target must be one of: gateway.networking.k8s.io Gateway, ListenerSet, HTTPRoute or GRPCRoute; agentgateway.dev AgentgatewayBackend; inference.networking.k8s.io InferencePool; or Service with group \"\""
	// +kubebuilder:validation:XValidation:rule="self.all(t, t.kind == self[0].kind)",message="all targets must have the same kind: write one policy for each kind"
	TargetSelectors []LocalPolicyTargetSelectorWithSectionName `json:"targetSelectors,omitempty"`

	// How this policy and more specific ones are weighed against each other.
	//
	// +optional
	Strategy *PolicyStrategy `json:"strategy,omitempty"`

	// Settings of the listening side: connections, TLS, logs, traces and
	// metrics. Targets Gateways only.
	//
	// +optional
	Frontend *Frontend `json:"frontend,omitempty"`

	// Settings for requests: authentication, authorization, rate limits,
	// transformations, retries and the like.
	//
	// +optional
	Traffic *Traffic `json:"traffic,omitempty"`

	// Settings for calls to destinations: TLS, credentials, health, and what
	// belongs to LLM and MCP backends.
	//
	// +optional
	Backend *BackendFull `json:"backend,omitempty"`
}

// LocalPolicyTargetReferenceWithSectionName names one object of the policy's
// namespace, or a part of it.
//
// +kubebuilder:validation:AtMostOneOf=sectionName;port
type LocalPolicyTargetReferenceWithSectionName struct {
	// API group of the target. Example: gateway.networking.k8s.io; "" for a
	// Service.
	//
	// +required
	Group gwv1.Group `json:"group"`

	// Kind of the target. Example: HTTPRoute.
	//
	// +required
	Kind gwv1.Kind `json:"kind"`

	// Name of the target.
	//
	// +required
	Name gwv1.ObjectName `json:"name"`

	// Part of the target that alone is meant: a listener of a Gateway or
	// ListenerSet, a rule of a route, a port of a Service, a provider or MCP
	// target of an AgentgatewayBackend. Unset means all of it.
	//
	// +optional
	SectionName *gwv1.SectionName `json:"sectionName,omitempty"`

	// Port of the target Gateway. For policies that set only frontend.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port *int32 `json:"port,omitempty"`
}

// LocalPolicyTargetSelectorWithSectionName selects objects of the policy's
// namespace by label, or a part of each.
//
// +kubebuilder:validation:AtMostOneOf=sectionName;port
type LocalPolicyTargetSelectorWithSectionName struct {
	// API group of the targets. Example: gateway.networking.k8s.io; "" for
	// Services.
	//
	// +required
	Group gwv1.Group `json:"group"`

	// Kind of the targets. Example: HTTPRoute.
	//
	// +required
	Kind gwv1.Kind `json:"kind"`

	// Labels that a target must all carry, each with this value. {} selects every
	// object of the kind.
	//
	// +required
	MatchLabels map[string]string `json:"matchLabels"`

	// Part of each target that alone is meant: a listener of a Gateway or
	// ListenerSet, a rule of a route, a port of a Service, a provider or MCP
	// target of an AgentgatewayBackend. Unset means all of it.
	//
	// +optional
	SectionName *gwv1.SectionName `json:"sectionName,omitempty"`

	// Port of the target Gateways. For policies that set only frontend.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port *int32 `json:"port,omitempty"`
}

// PolicyStrategy says how policies on several levels are weighed.
type PolicyStrategy struct {
	// Default: more specific policies win over this one, field by field.
	// Override: fields set here can't be changed by more specific policies, nor
	// by a route's own filters. Unset means Default. For traffic only.
	//
	// +optional
	Inheritance PolicyInheritance `json:"inheritance,omitempty"`
}

// PolicyInheritance says whether more specific policies can replace this one.
//
// +kubebuilder:validation:Enum=Default;Override
type PolicyInheritance string

const (
	// PolicyInheritanceDefault lets more specific policies win.
	PolicyInheritanceDefault PolicyInheritance = "Default"
	// PolicyInheritanceOverride keeps more specific policies from winning.
	PolicyInheritanceOverride PolicyInheritance = "Override"
)
