package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

const hidden = "(hidden)"

// secretFields are the fields, in lower case, whose contents never leave the
// process: the data of Secrets, and encoded resources, which may hold keys of
// certificates. The number of bytes of a string, and the keys of an object,
// stay visible.
var secretFields = map[string]bool{
	"data": true, "binarydata": true, "stringdata": true, "body": true,
	"privatekey": true, "password": true, "token": true, "credential": true,
}

// redact encodes a value to JSON and decodes it without what is secret. It
// goes by names of fields and not by types, so that a new collection that
// carries a Secret on is covered as well.
func redact(value any) (any, error) {
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	var decoded any
	if err := decoder.Decode(&decoded); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	return redacted(decoded), nil
}

func redacted(value any) any {
	switch typed := value.(type) {
	case map[string]any:
		for name, field := range typed {
			if secretFields[strings.ToLower(name)] {
				typed[name] = hide(field)
			} else {
				typed[name] = redacted(field)
			}
		}
	case []any:
		for i := range typed {
			typed[i] = redacted(typed[i])
		}
	case string:
		if strings.Contains(typed, "PRIVATE KEY-----") {
			return hide(typed)
		}
	}
	return value
}

// hide keeps the form and drops the content.
func hide(value any) any {
	switch typed := value.(type) {
	case nil:
		return nil
	case map[string]any:
		for name, field := range typed {
			typed[name] = hide(field)
		}
		return typed
	case string:
		return fmt.Sprintf("%s %d characters", hidden, len(typed))
	default:
		return hidden
	}
}
