package match

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "agentgateway.dev/controller/apis/xds"
)

func exact(path string) *api.PathMatch {
	return &api.PathMatch{Kind: &api.PathMatch_Exact{Exact: path}}
}

func prefix(path string) *api.PathMatch {
	return &api.PathMatch{Kind: &api.PathMatch_PathPrefix{PathPrefix: path}}
}

func regex(path string) *api.PathMatch {
	return &api.PathMatch{Kind: &api.PathMatch_Regex{Regex: path}}
}

func header(name, value string) *api.HeaderMatch {
	return &api.HeaderMatch{Name: name, Value: &api.HeaderMatch_Exact{Exact: value}}
}

func query(name, value string) *api.QueryMatch {
	return &api.QueryMatch{Name: name, Value: &api.QueryMatch_Exact{Exact: value}}
}

func TestHolds(t *testing.T) {
	r := Request{
		Host: "a.com", Authority: "a.com:8080", Method: "GET", Scheme: "http",
		Header: http.Header{"X-Two": {"1", "2"}},
	}
	for _, test := range []struct {
		name  string
		match *api.RouteMatch
		path  string
		query string
		want  bool
	}{
		{name: "empty", match: &api.RouteMatch{}, path: "/x", want: true},
		{name: "exact", match: &api.RouteMatch{Path: exact("/a")}, path: "/a", want: true},
		{name: "exact with slash", match: &api.RouteMatch{Path: exact("/a")}, path: "/a/"},
		{name: "exact is not decoded", match: &api.RouteMatch{Path: exact("/a b")}, path: "/a%20b"},
		{name: "prefix itself", match: &api.RouteMatch{Path: prefix("/a/")}, path: "/a", want: true},
		{name: "prefix below", match: &api.RouteMatch{Path: prefix("/a")}, path: "/a/b", want: true},
		{name: "prefix by segment", match: &api.RouteMatch{Path: prefix("/a")}, path: "/ab"},
		{name: "regex spans all", match: &api.RouteMatch{Path: regex("/a[0-9]+")}, path: "/a12", want: true},
		{name: "regex in the middle", match: &api.RouteMatch{Path: regex("a[0-9]")}, path: "/a1"},
		{name: "regex takes the first branch", match: &api.RouteMatch{Path: regex("/a|/ab")}, path: "/ab"},
		{name: "invalid regex", match: &api.RouteMatch{Path: regex("(")}, path: "("},
		{name: "method", match: &api.RouteMatch{Method: &api.MethodMatch{Exact: "get"}}},
		{name: "any header value", match: &api.RouteMatch{Headers: []*api.HeaderMatch{header("x-two", "2")}}, want: true},
		{name: "all headers", match: &api.RouteMatch{Headers: []*api.HeaderMatch{header("x-two", "2"), header("x-one", "")}}},
		{name: "pseudo header", match: &api.RouteMatch{Headers: []*api.HeaderMatch{header(":authority", "a.com:8080")}}, want: true},
		{name: "last parameter", match: &api.RouteMatch{QueryParams: []*api.QueryMatch{query("q", "2")}}, query: "q=1&q=2", want: true},
		{name: "not the first parameter", match: &api.RouteMatch{QueryParams: []*api.QueryMatch{query("q", "1")}}, query: "q=1&q=2"},
		{name: "decoded parameter", match: &api.RouteMatch{QueryParams: []*api.QueryMatch{query("q", "a b")}}, query: "q=a%20b", want: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, _, err := Compile(test.match)
			if err != nil {
				t.Fatal(err)
			}
			r.Path, r.Query = test.path, test.query
			if got := m.Holds(&r); got != test.want {
				t.Errorf("holds %v, want %v", got, test.want)
			}
		})
	}
}

// TestPrecedence puts routes with ascending preference into one table: of each
// neighbouring pair, which both match, the later one must win.
func TestPrecedence(t *testing.T) {
	request := &Request{
		Host: "a.b.com", Path: "/p/q", Method: "GET", Query: "x=1&y=2", Scheme: "http",
		Header: http.Header{"A": {"1"}, "B": {"2"}},
	}
	get := &api.MethodMatch{Exact: "GET"}
	ascending := []*api.Route{
		{Key: "any host, exact path", Matches: []*api.RouteMatch{{Path: exact("/p/q"), Method: get}}},
		{Key: "short wildcard", Hostnames: []string{"*.com"}, Matches: []*api.RouteMatch{{Path: exact("/p/q")}}},
		{Key: "long wildcard", Hostnames: []string{"*.b.com"}, Matches: []*api.RouteMatch{{}}},
		{Key: "host", Hostnames: []string{"a.b.com"}, Matches: []*api.RouteMatch{{}}},
		{Key: "longer prefix", Hostnames: []string{"a.b.com"}, Matches: []*api.RouteMatch{{Path: prefix("/p")}}},
		{Key: "z two parameters", Hostnames: []string{"a.b.com"}, Matches: []*api.RouteMatch{{Path: prefix("/p"), QueryParams: []*api.QueryMatch{query("x", "1"), query("y", "2")}}}},
		{Key: "z header", Hostnames: []string{"a.b.com"}, Matches: []*api.RouteMatch{{Path: prefix("/p"), Headers: []*api.HeaderMatch{header("a", "1")}}}},
		{Key: "y two headers", Hostnames: []string{"a.b.com"}, Matches: []*api.RouteMatch{{Path: prefix("/p"), Headers: []*api.HeaderMatch{header("a", "1"), header("b", "2")}}}},
		{Key: "x method", Hostnames: []string{"a.b.com"}, Matches: []*api.RouteMatch{{Path: prefix("/p"), Method: get}}},
		{Key: "w longer regex", Hostnames: []string{"a.b.com"}, Matches: []*api.RouteMatch{{Path: regex("/p/.*")}}},
		{Key: "v exact", Hostnames: []string{"a.b.com"}, Matches: []*api.RouteMatch{{Path: exact("/p/q")}}},
		{Key: "u exact, lower key", Hostnames: []string{"a.b.com"}, Matches: []*api.RouteMatch{{Path: exact("/p/q")}}},
	}
	var routes []*Route
	for _, spec := range ascending {
		route := &Route{Spec: spec}
		for _, m := range spec.GetMatches() {
			compiled, _, err := Compile(m)
			if err != nil {
				t.Fatal(err)
			}
			route.Matches = append(route.Matches, compiled)
		}
		routes = append(routes, route)
	}
	for n := range routes {
		found, _, ok := NewTable(slices.Values(routes[:n+1])).Find(request)
		if !ok || found != routes[n] {
			t.Errorf("of %d routes %q was found, want %q", n+1, found.Spec.GetKey(), ascending[n].GetKey())
		}
	}
}

func TestHostnameThatMatchesNothingGoesOn(t *testing.T) {
	specific := &Route{Spec: &api.Route{Key: "a", Hostnames: []string{"a.com"}}}
	open := &Route{Spec: &api.Route{Key: "b"}}
	never, _, _ := Compile(&api.RouteMatch{Path: exact("/other")})
	always, _, _ := Compile(&api.RouteMatch{})
	specific.Matches, open.Matches = []Match{never}, []Match{always}
	found, _, _ := NewTable(slices.Values([]*Route{specific, open})).Find(&Request{Host: "a.com", Path: "/"})
	if found != open {
		t.Errorf("found %v", found)
	}
}

func TestHostnames(t *testing.T) {
	for host, want := range map[string][]string{
		"":        {""},
		"a":       {"a", ""},
		"a.b.com": {"a.b.com", "*.b.com", "*.com", ""},
	} {
		if diff := cmp.Diff(want, slices.Collect(Hostnames(host))); diff != "" {
			t.Errorf("%q: %s", host, diff)
		}
	}
}

func TestReplacePrefix(t *testing.T) {
	for _, test := range [][4]string{
		{"/foo/bar", "/foo", "/xyz", "/xyz/bar"},
		{"/foo/bar", "/foo", "/xyz/", "/xyz/bar"},
		{"/foo/bar", "/foo/", "/xyz", "/xyz/bar"},
		{"/foo", "/foo", "/xyz", "/xyz"},
		{"/foo/", "/foo", "/xyz", "/xyz/"},
		{"/foo/bar", "/foo", "", "/bar"},
		{"/foo", "/foo", "/", "/"},
		{"/bar", "/", "/xyz", "/xyz/bar"},
	} {
		if got := ReplacePrefix(test[0], test[1], test[2]); got != test[3] {
			t.Errorf("%s with %s for %s: %s, want %s", test[0], test[2], test[1], got, test[3])
		}
	}
}

func TestSplitAuthority(t *testing.T) {
	for authority, want := range map[string][2]string{
		"a.com": {"a.com", ""}, "a.com:80": {"a.com", "80"}, "[::1]": {"[::1]", ""}, "[::1]:80": {"[::1]", "80"},
	} {
		host, port := SplitAuthority(authority)
		if want != [2]string{host, port} {
			t.Errorf("%s: %q %q", authority, host, port)
		}
	}
}
