package controller

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentgateway.dev/controller/pkg/resources"
)

func TestChanges(t *testing.T) {
	resource := func(name, version string) resources.Resource {
		return resources.Resource{Name: name, Version: version}
	}
	list := func(of ...resources.Resource) []resources.Resource { return of }
	for _, test := range []struct {
		name   string
		deltas []resources.Delta
		want   []string
	}{
		{"nothing", nil, nil},
		{"a new item", []resources.Delta{{New: list(resource("a", "1"), resource("b", "1"))}}, []string{"a=1", "b=1"}},
		{"an item that is gone", []resources.Delta{{Old: list(resource("a", "1"))}}, []string{"a removed"}},
		{"an item that carries something else", []resources.Delta{
			{Old: list(resource("a", "1"), resource("b", "1")), New: list(resource("b", "2"), resource("c", "1"))},
		}, []string{"b=2", "c=1", "a removed"}},
		{"events stay in order", []resources.Delta{
			{New: list(resource("a", "1"))}, {Old: list(resource("a", "1"))}, {New: list(resource("a", "2"))},
		}, []string{"a=1", "a removed", "a=2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, change := range changes(test.deltas) {
				if change.New == nil {
					got = append(got, change.Name+" removed")
				} else {
					got = append(got, fmt.Sprintf("%s=%s", change.Name, change.New.Version))
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}
