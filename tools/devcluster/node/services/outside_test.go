//go:build linux

package services

import (
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestOutsideFront(t *testing.T) {
	balanced := netip.MustParsePrefix("127.18.3.0/24")
	outside := Outside{Node: netip.MustParseAddr("127.18.3.1"), FirstPort: 1024}
	for _, test := range []struct {
		name, address string
		outside       Outside
		ports         []int32
		// want is where the machine finds the first port, "" for nowhere.
		want string
	}{
		{"port that anybody opens", "127.18.3.2", outside, []int32{1024}, "127.18.3.2:1024"},
		{"port of root", "127.18.3.2", outside, []int32{443}, "127.18.3.2:8443"},
		{"port of root whose other one is taken", "127.18.3.2", outside, []int32{80, 8080}, ""},
		{"every port may be opened", "127.18.3.2", Outside{Node: outside.Node}, []int32{80}, "127.18.3.2:80"},
		{"address inside of the cluster", "10.96.0.9", outside, []int32{8080}, ""},
		{"the machine is part of the network", "127.18.3.2", Outside{}, []int32{8080}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			service := &corev1.Service{}
			for _, port := range test.ports {
				service.Spec.Ports = append(service.Spec.Ports, corev1.ServicePort{Port: port})
			}
			got, has := test.outside.front(netip.MustParseAddr(test.address), service, uint16(test.ports[0]), balanced)
			if has != (test.want != "") || has && (got.AddrPort.String() != test.want || !got.outside) {
				t.Errorf("got %+v, %v, want %q", got, has, test.want)
			}
		})
	}
}
