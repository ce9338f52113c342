package store

import "google.golang.org/protobuf/reflect/protoreflect"

// Type is one of the two resource types that a proxy subscribes to. They are
// spelt out here and not taken from the controller: the two sides of the wire
// must not share a mistake, nor this small program the size of the other.
type Type uint8

const (
	// TypeResource is everything about one Gateway.
	TypeResource Type = iota
	// TypeAddress is services and workloads.
	TypeAddress
)

const typePrefix = "type.googleapis.com/"

var typeNames = map[Type]protoreflect.FullName{
	TypeResource: "agentgateway.dev.resource.Resource",
	TypeAddress:  "istio.workload.Address",
}

// URL returns the type URL of subscriptions.
func (t Type) URL() string { return typePrefix + string(typeNames[t]) }

// TypeOfURL is the inverse of URL; ok is false for any other URL.
func TypeOfURL(url string) (t Type, ok bool) {
	for t := range typeNames {
		if t.URL() == url {
			return t, true
		}
	}
	return 0, false
}
