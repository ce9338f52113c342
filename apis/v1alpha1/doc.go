// Package v1alpha1 holds the Go types of the agentgateway.dev custom resources:
// AgentgatewayPolicy, AgentgatewayBackend, AgentgatewayParameters and
// AgentgatewayModel.
//
// The comments and markers are the source of the CRDs under manifests/crds, so
// a field's comment is what `kubectl explain` shows. Conventions:
//
//   - An optional enum is a plain value, "" means unset. Every other optional
//     scalar is a pointer, unless its empty value and its absence mean the same.
//   - Defaults are filled in by the API server only. Code must behave the same
//     when one is missing: objects from files, from fake clients, or stored by
//     an older version don't have them.
//   - Decoding never fails for a value that the schema admits. Fields whose text
//     the schema doesn't fully check (ByteSize, UncheckedDuration) keep it as it
//     is and report what is wrong with it when asked.
//
// +kubebuilder:object:generate=true
// +groupName=agentgateway.dev
package v1alpha1
