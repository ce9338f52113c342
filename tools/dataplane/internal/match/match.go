// Package match decides which route of a table a request belongs to. It knows
// nothing of sockets or of the store: requests and routes are plain values.
package match

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	api "agentgateway.dev/controller/apis/xds"
)

// Request is what routing looks at.
type Request struct {
	// Host is the authority without its port, in the case the client sent.
	Host string
	// Authority is the Host header or :authority, with its port if any.
	Authority string
	// Path is the path as sent, not decoded.
	Path string
	// Query is the raw query without the question mark.
	Query  string
	Method string
	// Scheme is "http" or "https", by the connection.
	Scheme string
	Header http.Header
}

// Match is one compiled RouteMatch.
type Match struct {
	path    path
	method  string
	headers []condition
	queries []condition
}

// ErrPathKind rejects a path match that says neither exact, prefix nor regex.
var ErrPathKind = errors.New("path match without a kind")

// Compile prepares one RouteMatch. A regular expression that does not compile
// is returned as a warning, and the match then never holds; every other defect
// is an error.
func Compile(spec *api.RouteMatch) (m Match, warnings []error, err error) {
	warn := func(e error) { warnings = append(warnings, e) }
	if m.path, err = compilePath(spec.GetPath(), warn); err != nil {
		return Match{}, nil, err
	}
	m.method = spec.GetMethod().GetExact()
	for _, header := range spec.GetHeaders() {
		c, err := compileHeader(header, warn)
		if err != nil {
			return Match{}, nil, err
		}
		m.headers = append(m.headers, c)
	}
	for _, query := range spec.GetQueryParams() {
		c := condition{name: query.GetName()}
		switch value := query.GetValue().(type) {
		case *api.QueryMatch_Exact:
			c.exact = value.Exact
		case *api.QueryMatch_Regex:
			c.regex = compileRegex(value.Regex, warn)
		default:
			return Match{}, nil, fmt.Errorf("query parameter %q without a value to match", query.GetName())
		}
		m.queries = append(m.queries, c)
	}
	return m, warnings, nil
}

func compileHeader(header *api.HeaderMatch, warn func(error)) (condition, error) {
	c := condition{name: header.GetName()}
	if !ValidHeaderName(header.GetName()) && !isPseudo(header.GetName()) {
		return c, fmt.Errorf("header match on invalid name %q", header.GetName())
	}
	switch value := header.GetValue().(type) {
	case *api.HeaderMatch_Exact:
		if !ValidHeaderValue(value.Exact) {
			return c, fmt.Errorf("header match on %q with a value that no header can have", header.GetName())
		}
		c.exact = value.Exact
	case *api.HeaderMatch_Regex:
		c.regex = compileRegex(value.Regex, warn)
	default:
		return c, fmt.Errorf("header %q without a value to match", header.GetName())
	}
	return c, nil
}

func isPseudo(name string) bool {
	return slices.Contains([]string{":method", ":path", ":authority", ":scheme"}, name)
}

// Prefix returns the path prefix that matched, for rewrites that replace it;
// ok is false if the match was not by prefix.
func (m Match) Prefix() (prefix string, ok bool) {
	return m.path.text, m.path.kind == prefixPath
}

// Holds tells whether every part of the match is true for the request.
func (m Match) Holds(r *Request) bool {
	if !m.path.holds(r.Path) || (m.method != "" && m.method != r.Method) {
		return false
	}
	for _, header := range m.headers {
		if !slices.ContainsFunc(headerValues(r, header.name), header.holds) {
			return false
		}
	}
	if len(m.queries) == 0 {
		return true
	}
	// Pairs that cannot be decoded are left out, the others still count.
	values, _ := url.ParseQuery(r.Query)
	for _, query := range m.queries {
		given := values[query.name]
		// Of a repeated parameter only the last value counts.
		if len(given) == 0 || !query.holds(given[len(given)-1]) {
			return false
		}
	}
	return true
}

func headerValues(r *Request, name string) []string {
	switch strings.ToLower(name) {
	case ":method":
		return []string{r.Method}
	case ":authority", "host":
		return []string{r.Authority}
	case ":scheme":
		return []string{r.Scheme}
	case ":path":
		if r.Query != "" {
			return []string{r.Path + "?" + r.Query}
		}
		return []string{r.Path}
	}
	return r.Header.Values(name)
}

// compare orders matches by precedence, the one to try first being smaller.
func (m Match) compare(other Match) int {
	return cmp.Or(
		m.path.compare(other.path),
		-cmp.Compare(min(len(m.method), 1), min(len(other.method), 1)),
		-cmp.Compare(len(m.headers), len(other.headers)),
		-cmp.Compare(len(m.queries), len(other.queries)),
	)
}

// condition compares one value with a text or a regular expression.
type condition struct {
	name  string
	exact string
	regex *pattern
}

func (c condition) holds(value string) bool {
	if c.regex != nil {
		return c.regex.holds(value)
	}
	return c.exact == value
}

// pattern is a regular expression that must span the whole value. It searches
// the leftmost match first and then looks at its extent, as the proxy does: in
// "a|ab" the second branch therefore never gets a chance.
type pattern struct {
	// compiled is nil for an invalid expression, which never matches.
	compiled *regexp.Regexp
}

func compileRegex(text string, warn func(error)) *pattern {
	compiled, err := regexp.Compile(text)
	if err != nil {
		warn(fmt.Errorf("regular expression %q never matches: %w", text, err))
	}
	return &pattern{compiled: compiled}
}

func (p *pattern) holds(value string) bool {
	if p.compiled == nil {
		return false
	}
	span := p.compiled.FindStringIndex(value)
	return span != nil && span[0] == 0 && span[1] == len(value)
}
