package v1alpha1

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// ByteSize is a number of bytes: an integer, or a Kubernetes quantity such as
// 64Ki or 2M.
//
// It decodes from any JSON value. What isn't a number of bytes counts as unset
// (see Bytes).
//
// +kubebuilder:validation:XIntOrString
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:Pattern=`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(([KMGTPE]i)|[numkMGTPE]|[eE](\+?0*([0-9]|1[0-8])|-0*[0-9]))?$`
// +kubebuilder:validation:XValidation:rule="type(self) == int ? (self >= 1 && self <= 4294967295) : size(string(self)) > 0",message="write a number of bytes from 1 to 4294967295, or a quantity such as 64Ki"
type ByteSize intstr.IntOrString

// NewByteSize returns the size of n bytes.
func NewByteSize(n uint32) ByteSize {
	if n <= math.MaxInt32 {
		return ByteSize(intstr.FromInt32(int32(n)))
	}
	return ByteSize(intstr.FromString(strconv.FormatUint(uint64(n), 10)))
}

// Bytes returns the size in bytes: fractions are rounded up, a negative size is
// 0, a size beyond 32 bits is 4294967295. It reports false when there is no
// size or the text isn't a quantity; the field then counts as unset.
func (s *ByteSize) Bytes() (uint32, bool) {
	if s == nil {
		return 0, false
	}
	if s.Type == intstr.Int {
		return uint32(max(s.IntVal, 0)), true
	}
	quantity, err := resource.ParseQuantity(s.StrVal)
	if err != nil {
		return 0, false
	}
	// Value rounds up, and caps what doesn't fit an int64.
	return uint32(min(max(quantity.Value(), 0), math.MaxUint32)), true
}

// String returns the size as it was written.
func (s *ByteSize) String() string {
	if s == nil {
		return ""
	}
	return (*intstr.IntOrString)(s).String()
}

// UnmarshalJSON accepts every JSON value: integers and strings as they are,
// anything else as its JSON text, which Bytes then reports as no size.
func (s *ByteSize) UnmarshalJSON(data []byte) error {
	text := string(bytes.TrimSpace(data))
	if number, err := strconv.ParseInt(text, 10, 32); err == nil {
		*s = ByteSize(intstr.FromInt32(int32(number)))
		return nil
	}
	var unquoted string
	if err := json.Unmarshal(data, &unquoted); err == nil {
		text = unquoted
	}
	*s = ByteSize(intstr.FromString(text))
	return nil
}

// MarshalJSON writes the size as it was read.
func (s ByteSize) MarshalJSON() ([]byte, error) {
	return intstr.IntOrString(s).MarshalJSON()
}
