package xds

import (
	"strings"

	"agentgateway.dev/controller/pkg/resources"
)

// rank orders resources within a round: what is referred to goes before what
// refers to it, so that a proxy has no moment with a route to a backend that
// it does not know. Removals go the other way round.
type rank uint8

const (
	rankBackend rank = iota
	rankPolicy
	rankListener
	rankRoute
	// rankBind is last: a socket opens when everything behind it is there.
	rankBind
	rankCount
)

const (
	rankService  = rankBackend
	rankWorkload = rankPolicy
)

// rankOf reads the kind from a name.
func rankOf(kind resources.Type, name string) rank {
	if kind == resources.TypeAddress {
		// "<namespace>/<hostname>" is a service; the uid of a workload has more
		// than one slash, or none.
		if strings.Count(name, "/") == 1 {
			return rankService
		}
		return rankWorkload
	}
	segment, _, _ := strings.Cut(name, "/")
	switch segment {
	case "policy":
		return rankPolicy
	case "listener":
		return rankListener
	case "route", "tcp_route", "model_route":
		return rankRoute
	case "bind":
		return rankBind
	default:
		return rankBackend
	}
}
