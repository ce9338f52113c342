package routes

import "strings"

// intersects reports whether a request can match both hostnames. Either may be
// a wildcard, which stands for one or more labels; empty matches all. Compare
// is case-insensitive (Gateway API, HTTPRoute hostnames).
func intersects(listener, route string) bool {
	listener, route = strings.ToLower(listener), strings.ToLower(route)
	if listener == "" || route == "" || listener == "*" || route == "*" || listener == route {
		return true
	}
	listenerSuffix, listenerWild := strings.CutPrefix(listener, "*")
	routeSuffix, routeWild := strings.CutPrefix(route, "*")
	switch {
	case listenerWild && routeWild:
		return strings.HasSuffix(listenerSuffix, routeSuffix) || strings.HasSuffix(routeSuffix, listenerSuffix)
	case listenerWild:
		return strings.HasSuffix(route, listenerSuffix) && len(route) > len(listenerSuffix)
	case routeWild:
		return strings.HasSuffix(listener, routeSuffix) && len(listener) > len(routeSuffix)
	default:
		return false
	}
}

func anyIntersects(listener string, hostnames []string) bool {
	if len(hostnames) == 0 {
		return true
	}
	for _, hostname := range hostnames {
		if intersects(listener, hostname) {
			return true
		}
	}
	return false
}
