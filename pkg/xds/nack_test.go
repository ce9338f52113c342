package xds

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"agentgateway.dev/controller/pkg/resources"
)

func TestRejectionsIn(t *testing.T) {
	response := &Response{Type: resources.TypeAddress, items: []*item{
		newItem(&resources.Resource{Name: "a", Version: "1"}),
		newItem(&resources.Resource{Name: "b", Version: "2"}),
	}}
	tests := []struct {
		name, message string
		want          []Rejection
	}{
		{name: "text", message: "boom", want: []Rejection{{Severity: SeverityError, Text: "boom"}}},
		{name: "nothing", message: "", want: []Rejection{{Severity: SeverityError}}},
		{name: "empty list", message: "[]", want: []Rejection{{Severity: SeverityError, Text: "[]"}}},
		{
			name: "warning", message: `[{"key":"a","warn":"w"}]`,
			want: []Rejection{{Name: "a", Version: "1", Severity: SeverityWarning, Text: "w"}},
		},
		{
			name: "several", message: `[{"key":"b","warn":"w"},{"key":"a","warn":"x"},{"key":"b","error":"e"}]`,
			want: []Rejection{
				{Name: "b", Version: "2", Severity: SeverityError, Text: "w; e"},
				{Name: "a", Version: "1", Severity: SeverityWarning, Text: "x"},
			},
		},
		{
			name: "unknown name", message: `[{"key":"c","error":"e"}]`,
			want: []Rejection{{Severity: SeverityError, Text: "c: e"}},
		},
		{
			name: "endless", message: strings.Repeat("ä", maxRejectionText),
			want: []Rejection{{Severity: SeverityError, Text: strings.Repeat("ä", maxRejectionText/2) + "…"}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for i := range test.want {
				test.want[i].Gateway, test.want[i].Type = defaultGateway, resources.TypeAddress
			}
			got := rejectionsIn(response, test.message, defaultGateway)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("other rejections (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRejectedAddress: what the proxies of several Gateways say about an
// address ends for all of them when it changes.
func TestRejectedAddress(t *testing.T) {
	store := NewStore()
	store.Apply([]Change{setAddress("ns/svc", "1", 1)})
	gateways := []types.NamespacedName{{Namespace: "ns", Name: "a"}, {Namespace: "ns", Name: "b"}}
	for _, gateway := range gateways {
		r := Rejection{Gateway: gateway, Type: resources.TypeAddress, Name: "ns/svc", Version: "1"}
		if !store.reject(r) || store.reject(r) {
			t.Errorf("the rejection by %s is new once", gateway)
		}
	}
	store.Apply([]Change{setAddress("ns/svc", "2", 1)})
	for _, gateway := range gateways {
		if left := store.Rejections(gateway); len(left) != 0 {
			t.Errorf("%s still has %v", gateway, left)
		}
	}
}

// TestTooLargeForAnyMessage: such a resource is left out and reported, and
// what was there before stays.
func TestTooLargeForAnyMessage(t *testing.T) {
	store := NewStore()
	store.Apply([]Change{set(defaultGateway, "backend/b", "1")})
	giant := set(defaultGateway, "backend/b", "2")
	giant.New.Body = make([]byte, maxMessageBytes)
	store.Apply([]Change{giant})
	if version := store.gateways[defaultGateway].version("backend/b"); version != "1" {
		t.Errorf("the journal has version %q", version)
	}
	rejections := store.Rejections(defaultGateway)
	if len(rejections) != 1 || rejections[0].Severity != SeverityError || !strings.Contains(rejections[0].Text, "not sent") {
		t.Errorf("unexpected rejections: %v", rejections)
	}
	store.Apply([]Change{{Gateway: defaultGateway, Name: "backend/b"}})
	if rejections := store.Rejections(defaultGateway); len(rejections) != 0 {
		t.Errorf("the removed resource still has %v", rejections)
	}
}
