package v1alpha1_test

import (
	"encoding/json"
	"testing"
	"time"

	"agentgateway.dev/controller/apis/v1alpha1"
)

func TestByteSize(t *testing.T) {
	for _, test := range []struct {
		json  string
		bytes uint32
		known bool
	}{
		{`1024`, 1024, true},
		{`4294967295`, 4294967295, true},
		{`4294967296`, 4294967295, true},
		{`99999999999999999999`, 4294967295, true},
		{`0`, 0, true},
		{`-1`, 0, true},
		{`-3000000000`, 0, true},
		{`"1.5Ki"`, 1536, true},
		{`"100m"`, 1, true},
		{`"1e3"`, 1000, true},
		{`"5Gi"`, 4294967295, true},
		{`"-1"`, 0, true},
		{`"not-a-quantity"`, 0, false},
		{`""`, 0, false},
		{`true`, 0, false},
		{`{"a":1}`, 0, false},
	} {
		var holder struct{ Size *v1alpha1.ByteSize }
		if err := json.Unmarshal([]byte(`{"Size":`+test.json+`}`), &holder); err != nil {
			t.Errorf("%s: decoding fails: %v", test.json, err)
			continue
		}
		bytes, known := holder.Size.Bytes()
		if bytes != test.bytes || known != test.known {
			t.Errorf("%s: %d bytes, known %t, want %d, %t", test.json, bytes, known, test.bytes, test.known)
		}
		again, err := json.Marshal(holder.Size)
		if err != nil {
			t.Errorf("%s: encoding fails: %v", test.json, err)
		}
		var copied v1alpha1.ByteSize
		if err := json.Unmarshal(again, &copied); err != nil || copied != *holder.Size {
			t.Errorf("%s: %s reads back as %s: %v", test.json, again, copied.String(), err)
		}
	}
	if _, known := (*v1alpha1.ByteSize)(nil).Bytes(); known {
		t.Error("an unset size is known")
	}
	for _, bytes := range []uint32{0, 1, 2147483647, 2147483648, 4294967295} {
		size := v1alpha1.NewByteSize(bytes)
		if got, known := size.Bytes(); got != bytes || !known {
			t.Errorf("NewByteSize(%d) is %d bytes, known %t", bytes, got, known)
		}
	}
}

func TestUncheckedDuration(t *testing.T) {
	for text, want := range map[v1alpha1.UncheckedDuration]time.Duration{"": 0, "90s": 90 * time.Second, "1h30m": 90 * time.Minute} {
		if got, err := text.Parse(); err != nil || got != want {
			t.Errorf("%q is %v (%v), want %v", text, got, err, want)
		}
	}
	if _, err := v1alpha1.UncheckedDuration("as you like").Parse(); err == nil {
		t.Error("a text that isn't a duration has no error")
	}
}

// One bad object must not keep the others of a list from being read.
func TestMalformedValuesDecode(t *testing.T) {
	var backends v1alpha1.AgentgatewayBackendList
	err := json.Unmarshal([]byte(`{"items":[
		{"spec":{"policies":{"auth":{"oauthTokenExchange":{"cache":{"inMemory":{"defaultTtl":"as you like"}}}}}}},
		{"spec":{"policies":{"extAuth":{"forwardBody":{"maxSize":"not-a-quantity"}}}}},
		{"spec":{"static":{"host":"example.com"}}}]}`), &backends)
	if err != nil {
		t.Fatal(err)
	}
	if host := backends.Items[2].Spec.Static.Host; host == nil || *host != "example.com" {
		t.Errorf("host %v, want example.com", host)
	}
}
