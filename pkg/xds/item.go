package xds

import (
	"fmt"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"agentgateway.dev/controller/pkg/resources"
)

// item is one version of a resource, encoded once for all clients. A response
// is written as a sequence of items without copying or encoding any of them
// again.
type item struct {
	name, version, parent string
	// envelope is everything of the entry in a response that precedes body:
	// field tags, lengths, version, name and type URL.
	envelope mem.Buffer
	body     mem.Buffer
}

// Field numbers of envoy.service.discovery.v3.DeltaDiscoveryResponse.
const (
	responseSystemVersion protowire.Number = 1
	responseResources     protowire.Number = 2
	responseTypeURL       protowire.Number = 4
	responseNonce         protowire.Number = 5
	responseRemoved       protowire.Number = 6
)

// Field numbers of envoy.service.discovery.v3.Resource and google.protobuf.Any.
const (
	resourceVersion protowire.Number = 1
	resourceAny     protowire.Number = 2
	resourceName    protowire.Number = 3
	anyTypeURL      protowire.Number = 1
	anyValue        protowire.Number = 2
)

func newItem(r *resources.Resource) *item {
	url := r.Type.URL()
	anySize := sizeField(anyTypeURL, len(url)) + sizeField(anyValue, len(r.Body))
	size := sizeField(resourceVersion, len(r.Version)) + sizeField(resourceName, len(r.Name)) + sizeField(resourceAny, anySize)

	envelope := make([]byte, 0, sizeField(responseResources, size)-len(r.Body))
	envelope = appendLength(envelope, responseResources, size)
	envelope = appendString(envelope, resourceVersion, r.Version)
	envelope = appendString(envelope, resourceName, r.Name)
	envelope = appendLength(envelope, resourceAny, anySize)
	envelope = appendString(envelope, anyTypeURL, url)
	envelope = appendLength(envelope, anyValue, len(r.Body))
	return &item{
		name:     r.Name,
		version:  r.Version,
		parent:   r.Parent,
		envelope: mem.SliceBuffer(envelope),
		body:     mem.SliceBuffer(r.Body),
	}
}

// size is the number of bytes that the item adds to a response.
func (i *item) size() int { return i.envelope.Len() + i.body.Len() }

func (i *item) identity() string { return resources.IdentityOf(i.version) }

// oversized is how a resource that fits into no message is reported.
func (i *item) oversized(to audience) Rejection {
	return Rejection{
		Gateway: to.gateway, Type: to.kind, Name: i.name, Version: i.version, Severity: SeverityError,
		Text: fmt.Sprintf("not sent: %d bytes are more than a message may have (%d)", i.size(), maxItemBytes),
	}
}

func sizeField(number protowire.Number, length int) int {
	return protowire.SizeTag(number) + protowire.SizeBytes(length)
}

func appendLength(b []byte, number protowire.Number, length int) []byte {
	b = protowire.AppendTag(b, number, protowire.BytesType)
	return protowire.AppendVarint(b, uint64(length))
}

func appendString(b []byte, number protowire.Number, value string) []byte {
	return append(appendLength(b, number, len(value)), value...)
}
