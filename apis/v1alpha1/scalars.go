package v1alpha1

import "time"

// TinyString is a text of 1 to 64 characters.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=64
type TinyString string

// ShortString is a text of 1 to 256 characters.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=256
type ShortString string

// LongString is a text of 1 to 1024 characters.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=1024
type LongString string

// CELExpression is a Common Expression Language text, evaluated by the proxy
// for every request. Example: request.headers["x-team"] == "blue".
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=16384
type CELExpression string

// SNI is a lowercase DNS name, sent as the TLS server name.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
type SNI string

// HTTPHeaderName is the name of an HTTP header, without regard to case.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:Pattern=`^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$`
type HTTPHeaderName string

// HeaderName is the name of an HTTP header, or one of the pseudo headers
// :authority, :method, :path, :scheme and :status.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:Pattern=`^:?[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$`
// +kubebuilder:validation:XValidation:rule="!self.startsWith(':') || self in [':authority', ':method', ':path', ':scheme', ':status']",message="a name that starts with ':' must be one of :authority, :method, :path, :scheme, :status"
type HeaderName string

// FailureMode says what happens to a request when a service that must be asked
// about it can't be reached or fails. Unset means FailClosed.
//
// +kubebuilder:validation:Enum=FailClosed;FailOpen
type FailureMode string

const (
	// FailClosed refuses the request.
	FailClosed FailureMode = "FailClosed"
	// FailOpen lets the request pass as if there were nothing to ask.
	FailOpen FailureMode = "FailOpen"
)

// UncheckedDuration is a duration such as 90s whose text the schema doesn't
// check. It decodes from any string, so that one bad object can't stop the
// listing of all the others.
type UncheckedDuration string

// Parse returns the duration, or an error when the text isn't one. The empty
// text is 0 without error.
func (d UncheckedDuration) Parse() (time.Duration, error) {
	if d == "" {
		return 0, nil
	}
	return time.ParseDuration(string(d))
}
