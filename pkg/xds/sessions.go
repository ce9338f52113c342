package xds

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"agentgateway.dev/controller/pkg/resources"
)

// SessionInfo describes one open stream, for people who look for the proxy
// that is behind.
type SessionInfo struct {
	Gateway types.NamespacedName
	// Pod is what the proxy says of itself.
	Pod       types.NamespacedName
	Remote    string
	Connected time.Time
	// ResourceLag and AddressLag are the distance between the newest change of
	// the type and the newest one sent, in numbers of the process-wide sequence;
	// 0 is up to date.
	ResourceLag uint64
	AddressLag  uint64
}

// Sessions lists the open streams, by Gateway and then by age.
func (s *Server) Sessions() []SessionInfo {
	s.mu.Lock()
	infos := make([]SessionInfo, 0, len(s.streams))
	positions := make([][2]uint64, 0, len(s.streams))
	for st := range s.streams {
		if !st.serving.Load() {
			continue
		}
		infos = append(infos, SessionInfo{Gateway: st.gateway, Pod: st.pod, Remote: st.remote, Connected: st.connected})
		positions = append(positions, [2]uint64{st.positions[0].Load(), st.positions[1].Load()})
	}
	s.mu.Unlock()

	heads := map[audience]uint64{}
	lag := func(i int, kind resources.Type) uint64 {
		of := audience{kind: kind}
		if kind == resources.TypeResource {
			of.gateway = infos[i].Gateway
		}
		head, known := heads[of]
		if !known {
			head = s.options.Store.head(of)
			heads[of] = head
		}
		return head - min(head, positions[i][kind])
	}
	for i := range infos {
		infos[i].ResourceLag = lag(i, resources.TypeResource)
		infos[i].AddressLag = lag(i, resources.TypeAddress)
	}
	slices.SortFunc(infos, func(a, b SessionInfo) int {
		return cmp.Or(cmp.Compare(a.Gateway.String(), b.Gateway.String()), a.Connected.Compare(b.Connected), cmp.Compare(a.Remote, b.Remote))
	})
	return infos
}

// Rejections returns what proxies of a Gateway complained about and is still
// current; see Store.Rejections.
func (s *Server) Rejections(gateway types.NamespacedName) []Rejection {
	return s.options.Store.Rejections(gateway)
}

func (s *Server) track(st *stream) {
	st.serving.Store(true)
	s.metrics.streams.Inc()
}

func (s *Server) untrack(st *stream) {
	st.serving.Store(false)
	s.metrics.streams.Dec()
}
