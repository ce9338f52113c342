// Package resources holds what translators produce and the xDS server serves:
// one wire resource, translated once, marshalled once, hashed once. Its bytes
// are shared by every client that needs it.
package resources

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"hash/fnv"
	"strings"

	"google.golang.org/protobuf/proto"
	"istio.io/istio/pkg/workloadapi"
	"k8s.io/apimachinery/pkg/types"

	api "agentgateway.dev/controller/apis/xds"
)

// Type is one of the two resource types that the proxy subscribes to.
type Type uint8

const (
	// TypeResource is agentgateway.dev.resource.Resource: binds, listeners,
	// routes, policies and backends, scoped to one Gateway.
	TypeResource Type = iota
	// TypeAddress is istio.workload.Address: services and workloads, the same
	// for every Gateway.
	TypeAddress
)

const (
	// ResourceTypeURL is the type URL of TypeResource.
	ResourceTypeURL = "type.googleapis.com/agentgateway.dev.resource.Resource"
	// AddressTypeURL is the type URL of TypeAddress.
	AddressTypeURL = "type.googleapis.com/istio.workload.Address"
)

// URL returns the type URL that stands in subscriptions and in the Any of a
// resource.
func (t Type) URL() string {
	if t == TypeAddress {
		return AddressTypeURL
	}
	return ResourceTypeURL
}

// TypeOfURL is the inverse of URL; ok is false for a type this server does not
// serve.
func TypeOfURL(url string) (t Type, ok bool) {
	switch url {
	case ResourceTypeURL:
		return TypeResource, true
	case AddressTypeURL:
		return TypeAddress, true
	default:
		return 0, false
	}
}

// Resource is one named resource as it travels to a proxy. It is immutable.
type Resource struct {
	// Gateway is the Gateway whose proxies need the resource. It is zero for
	// TypeAddress: addresses go to every proxy.
	Gateway types.NamespacedName
	Type    Type
	// Name is the xDS name, unique within (Gateway, Type). Its first path
	// segment names the kind ("bind/…", "route/…"); addresses have the names
	// that the proxy demands instead.
	Name string
	// Parent is the name of the resource inside which the proxy keeps this one
	// and with which it drops it: "bind/…" for a listener, "" for every other
	// kind.
	Parent string
	// Version is a hash of the content: equal content has an equal version on
	// every replica and after every restart. For kinds with fields that the
	// proxy cannot change in place it is "<identity>-<content>", where identity
	// hashes just those fields.
	Version string
	// Body is the marshalled message without its Any envelope.
	Body []byte
}

// ResourceName is the key within a collection: the Gateway and the xDS name.
func (r Resource) ResourceName() string { return r.Gateway.String() + "|" + r.Name }

// Equals compares by name and version; equal versions mean equal bytes, and
// with them an equal parent.
func (r Resource) Equals(other Resource) bool {
	return r.Version == other.Version && r.Name == other.Name && r.Type == other.Type && r.Gateway == other.Gateway
}

// Identity returns the part of the version that must stay the same for an
// update in place, "" when every field can be updated. See IdentityOf.
func (r Resource) Identity() string { return IdentityOf(r.Version) }

// IdentityOf returns the identity part of a version. A proxy that reconnects
// reports versions only, so the identity of what it holds is read from there.
func IdentityOf(version string) string {
	identity, _, found := strings.Cut(version, "-")
	if !found {
		return ""
	}
	return identity
}

// Message decodes the body.
func (r Resource) Message() (proto.Message, error) {
	var message proto.Message = &api.Resource{}
	if r.Type == TypeAddress {
		message = &workloadapi.Address{}
	}
	if err := proto.Unmarshal(r.Body, message); err != nil {
		return nil, fmt.Errorf("decode %s %q: %w", r.Type.URL(), r.Name, err)
	}
	return message, nil
}

// ForGateway wraps the message of one kind for the proxies of gateway. The
// name follows from the kind and its key, so the relation of both is fixed.
func ForGateway(gateway types.NamespacedName, message *api.Resource) Resource {
	resource := Resource{Gateway: gateway, Type: TypeResource, Name: resourceName(message), Body: marshal(message)}
	if listener := message.GetListener(); listener != nil {
		resource.Parent = "bind/" + listener.GetBindKey()
	}
	resource.Version = version(identity(message), resource.Body)
	return resource
}

// ForAddress wraps a service or workload under the name that the proxy
// expects: "<namespace>/<hostname>" or the workload's uid.
func ForAddress(address *workloadapi.Address) Resource {
	resource := Resource{Type: TypeAddress, Body: marshal(address)}
	switch kind := address.GetType().(type) {
	case *workloadapi.Address_Service:
		resource.Name = kind.Service.GetNamespace() + "/" + kind.Service.GetHostname()
	case *workloadapi.Address_Workload:
		resource.Name = kind.Workload.GetUid()
	}
	resource.Version = version(nil, resource.Body)
	return resource
}

func resourceName(message *api.Resource) string {
	switch kind := message.GetKind().(type) {
	case *api.Resource_Bind:
		return "bind/" + kind.Bind.GetKey()
	case *api.Resource_Listener:
		return "listener/" + kind.Listener.GetKey()
	case *api.Resource_Route:
		return "route/" + kind.Route.GetKey()
	case *api.Resource_TcpRoute:
		return "tcp_route/" + kind.TcpRoute.GetKey()
	case *api.Resource_ModelRoute:
		return "model_route/" + kind.ModelRoute.GetKey()
	case *api.Resource_Backend:
		return "backend/" + kind.Backend.GetKey()
	case *api.Resource_Policy:
		return "policy/" + kind.Policy.GetKey()
	default:
		// The proxy refuses every other kind in this type.
		panic(fmt.Sprintf("resource of kind %T cannot be sent to a proxy", kind))
	}
}

// identity hashes the fields that a running proxy takes over only when it
// first sees the name: the socket and accept loop of a bind, and the bind that
// a listener hangs on.
func identity(message *api.Resource) hash.Hash32 {
	h := fnv.New32a()
	switch kind := message.GetKind().(type) {
	case *api.Resource_Bind:
		fmt.Fprintf(h, "%d/%d/%d/%d", kind.Bind.GetPort(), kind.Bind.GetProtocol(), kind.Bind.GetTunnelProtocol(), kind.Bind.GetMode())
	case *api.Resource_Listener:
		fmt.Fprint(h, kind.Listener.GetBindKey())
	default:
		return nil
	}
	return h
}

func marshal(message proto.Message) []byte {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil {
		// Only invalid UTF-8 in a string can fail here; the API server and the
		// file reader both refuse it before it gets this far.
		panic(fmt.Sprintf("marshal %T: %v", message, err))
	}
	return body
}

func version(identity hash.Hash32, body []byte) string {
	sum := sha256.Sum256(body)
	content := encode(sum[:versionBytes])
	if identity == nil {
		return content
	}
	return encode(identity.Sum(nil)) + "-" + content
}

// versionBytes is the length of a content hash before encoding: long enough
// that nobody finds two contents with one version, short enough to be listed
// for every resource in a reconnect.
const versionBytes = 16

// encode avoids '-', the separator of identity and content.
func encode(sum []byte) string {
	return strings.ReplaceAll(base64.RawURLEncoding.EncodeToString(sum), "-", ".")
}
