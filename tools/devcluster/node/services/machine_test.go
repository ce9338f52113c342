//go:build linux

package services

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestReadPorts reads tables as the kernel writes them, of IPv4 and IPv6.
func TestReadPorts(t *testing.T) {
	found := map[uint16]bool{}
	for _, table := range []string{
		`  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21 1 0 100 0 0 10 0
   1: 00000000:26FA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 22 1 0 100 0 0 10 0
   2: 00000000:0050 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 23 1 0 100 0 0 10 0
`,
		`  sl  local_address                         remote_address                        st tx_queue rx_queue
   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000
   1: 00000000000000000000000001000000:01BC 00000000000000000000000000000000:0000 0A 00000000:00000000
`,
		"",
	} {
		if err := readPorts(strings.NewReader(table), found); err != nil {
			t.Error(err)
		}
	}
	// Neither those of the loopback device, nor connections.
	if got, want := slices.Sorted(maps.Keys(found)), []uint16{443, 9978}; !slices.Equal(got, want) {
		t.Errorf("ports %v, want %v", got, want)
	}
}
