package store

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// errNoBody rejects an envelope without a resource in it.
var errNoBody = errors.New("resource is missing")

// decode fills message from the envelope, whose own type URL does not matter.
func decode(envelope *anypb.Any, message proto.Message) error {
	if envelope == nil {
		return errNoBody
	}
	if err := proto.Unmarshal(envelope.GetValue(), message); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	return wireTypes(message.ProtoReflect())
}

// wireTypes finds fields that arrived with the wire type of another field
// type. Go keeps them as unknown fields, the proxy refuses the message.
func wireTypes(message protoreflect.Message) error {
	fields := message.Descriptor().Fields()
	for unknown := message.GetUnknown(); len(unknown) > 0; {
		number, wireType, n := protowire.ConsumeTag(unknown)
		if n >= 0 {
			n += max(protowire.ConsumeFieldValue(number, wireType, unknown[n:]), -n-1)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		if field := fields.ByNumber(number); field != nil {
			return fmt.Errorf("decode: field %s has wire type %d", field.FullName(), wireType)
		}
		unknown = unknown[n:]
	}
	var err error
	eachMessage(message, func(child protoreflect.Message) bool {
		err = wireTypes(child)
		return err == nil
	})
	return err
}

// eachMessage calls visit for every message directly inside message, until it
// returns false.
func eachMessage(message protoreflect.Message, visit func(protoreflect.Message) bool) {
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsMap():
			if field.MapValue().Message() == nil {
				return true
			}
			more := true
			value.Map().Range(func(_ protoreflect.MapKey, item protoreflect.Value) bool {
				more = visit(item.Message())
				return more
			})
			return more
		case field.Message() == nil:
			return true
		case field.IsList():
			for i := range value.List().Len() {
				if !visit(value.List().Get(i).Message()) {
					return false
				}
			}
			return true
		default:
			return visit(value.Message())
		}
	})
}
