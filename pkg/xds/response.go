package xds

import (
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that requests are decoded with
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"agentgateway.dev/controller/pkg/resources"
)

const (
	// defaultResponseBytes is the size at which a round is split. The proxy
	// applies a response under one lock, so a message should be worked off in
	// milliseconds; 4 MiB is also what gRPC clients accept by default.
	defaultResponseBytes = 4 << 20
	// maxMessageBytes is the largest message that the proxy decodes.
	maxMessageBytes = 200 << 20
	// maxItemBytes leaves room for the rest of a message with one resource.
	maxItemBytes = maxMessageBytes - 64<<10
)

// Response is one message to a client. It shares its items with the journal
// and with all other responses.
type Response struct {
	Type  resources.Type
	Nonce string
	// Removed names what the client must drop, after it has applied the items.
	Removed []string

	url   string
	items []*item
}

// Len returns the number of resources in the response, removals not counted.
func (r *Response) Len() int { return len(r.items) }

// Message decodes the response to its protobuf form, for tests and debugging.
func (r *Response) Message() (*discoveryv3.DeltaDiscoveryResponse, error) {
	message := &discoveryv3.DeltaDiscoveryResponse{}
	return message, proto.Unmarshal(r.encode().Materialize(), message)
}

// encode lays out the message around the encoded items.
func (r *Response) encode() mem.BufferSlice {
	var head []byte
	head = appendString(head, responseTypeURL, r.url)
	head = appendString(head, responseNonce, r.Nonce)
	for _, name := range r.Removed {
		head = appendString(head, responseRemoved, name)
	}
	buffers := make(mem.BufferSlice, 0, 1+2*len(r.items))
	buffers = append(buffers, mem.SliceBuffer(head))
	for _, item := range r.items {
		buffers = append(buffers, item.envelope)
		if item.body.Len() > 0 {
			buffers = append(buffers, item.body)
		}
	}
	return buffers
}

// codec writes responses from the shared bytes and leaves every other message
// to the ordinary protobuf codec.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2("proto")} }

func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if response, ok := v.(*Response); ok {
		return response.encode(), nil
	}
	return c.CodecV2.Marshal(v)
}
