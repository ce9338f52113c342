package match

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	api "agentgateway.dev/controller/apis/xds"
)

// Route is a Route of the wire with its matches compiled.
type Route struct {
	Spec    *api.Route
	Matches []Match
}

// Table holds the routes of one parent (listener, service or route group) in
// the order in which they are tried. It is immutable.
type Table struct {
	// byHost has the hostname as written, "" for routes without hostnames.
	byHost map[string][]entry
}

type entry struct {
	route *Route
	match Match
}

// NewTable sorts routes by precedence. A route without a match is never found.
func NewTable(routes iter.Seq[*Route]) *Table {
	t := &Table{byHost: map[string][]entry{}}
	for route := range routes {
		hostnames := route.Spec.GetHostnames()
		if len(hostnames) == 0 {
			hostnames = []string{""}
		}
		for _, hostname := range hostnames {
			for _, m := range route.Matches {
				t.byHost[hostname] = append(t.byHost[hostname], entry{route: route, match: m})
			}
		}
	}
	for _, entries := range t.byHost {
		slices.SortStableFunc(entries, func(a, b entry) int {
			return cmp.Or(a.match.compare(b.match), cmp.Compare(a.route.Spec.GetKey(), b.route.Spec.GetKey()))
		})
	}
	return t
}

// Find returns the first route that matches. The list of the most specific
// hostname that has any matching entry wins, whatever the paths in others.
func (t *Table) Find(r *Request) (route *Route, matched Match, found bool) {
	for hostname := range Hostnames(r.Host) {
		for _, e := range t.byHost[hostname] {
			if e.match.Holds(r) {
				return e.route, e.match, true
			}
		}
	}
	return nil, Match{}, false
}

// Hostnames yields the patterns that cover host, the most specific first: the
// host itself, wildcards from the longest suffix to the shortest, and "" for
// any host. The comparison is case-sensitive.
func Hostnames(host string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if host != "" && !yield(host) {
			return
		}
		for i := 1; i < len(host); i++ {
			if host[i] == '.' && !yield("*"+host[i:]) {
				return
			}
		}
		yield("")
	}
}

// HostOf cuts the port off an authority, and the brackets of an IPv6 literal
// stay.
func HostOf(authority string) string {
	host, _ := SplitAuthority(authority)
	return host
}

// SplitAuthority separates an authority into host and port; port is empty if
// there is none.
func SplitAuthority(authority string) (host, port string) {
	colon := strings.LastIndexByte(authority, ':')
	if colon < 0 || strings.HasSuffix(authority, "]") {
		return authority, ""
	}
	return authority[:colon], authority[colon+1:]
}
