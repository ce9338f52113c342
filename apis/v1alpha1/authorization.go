package v1alpha1

// Authorization allows or denies by CEL expressions. Every expression is a rule
// of its own: one Deny rule that is true denies; one Require rule that isn't
// true denies; otherwise one Allow rule that is true allows, and with no Allow
// rule at all everything is allowed. An expression that fails counts as false.
// Rules of all policies in force add up.
type Authorization struct {
	// The rules.
	//
	// +required
	Policy AuthorizationPolicy `json:"policy"`

	// What a rule that is true does: Allow (the default) permits, Deny refuses,
	// Require must be true for the request to pass.
	//
	// +optional
	// +kubebuilder:default=Allow
	Action AuthorizationPolicyAction `json:"action,omitempty"`
}

// AuthorizationPolicy is a list of rules.
type AuthorizationPolicy struct {
	// CEL expressions, each a rule of its own (not joined by "and"). Example:
	// jwt.sub == "admin".
	//
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	MatchExpressions []CELExpression `json:"matchExpressions"`
}

// AuthorizationPolicyAction is what a rule that is true does.
//
// +kubebuilder:validation:Enum=Allow;Deny;Require
type AuthorizationPolicyAction string

const (
	// AuthorizationAllow permits what a rule matches.
	AuthorizationAllow AuthorizationPolicyAction = "Allow"
	// AuthorizationDeny refuses what a rule matches.
	AuthorizationDeny AuthorizationPolicyAction = "Deny"
	// AuthorizationRequire refuses what a rule doesn't match.
	AuthorizationRequire AuthorizationPolicyAction = "Require"
)
