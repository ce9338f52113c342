package match

import (
	"cmp"
	"strings"

	"golang.org/x/net/http/httpguts"

	api "agentgateway.dev/controller/apis/xds"
)

type pathKind uint8

const (
	exactPath pathKind = iota
	prefixPath
	regexPath
)

// path is a compiled PathMatch.
type path struct {
	kind pathKind
	// text is the path, prefix or pattern as sent; its length is its rank.
	text  string
	regex *pattern
}

// compilePath reads a missing path match as the prefix "/".
func compilePath(spec *api.PathMatch, warn func(error)) (path, error) {
	if spec == nil {
		return path{kind: prefixPath, text: "/"}, nil
	}
	switch kind := spec.GetKind().(type) {
	case *api.PathMatch_Exact:
		return path{kind: exactPath, text: kind.Exact}, nil
	case *api.PathMatch_PathPrefix:
		return path{kind: prefixPath, text: kind.PathPrefix}, nil
	case *api.PathMatch_Regex:
		return path{kind: regexPath, text: kind.Regex, regex: compileRegex(kind.Regex, warn)}, nil
	default:
		return path{}, ErrPathKind
	}
}

func (p path) holds(value string) bool {
	switch p.kind {
	case exactPath:
		return p.text == value
	case prefixPath:
		_, ok := CutPrefix(value, p.text)
		return ok
	default:
		return p.regex.holds(value)
	}
}

// compare puts exact paths first; prefixes and patterns are one class, in
// which the longer text comes first.
func (p path) compare(other path) int {
	return cmp.Or(
		cmp.Compare(min(p.kind, prefixPath), min(other.kind, prefixPath)),
		-cmp.Compare(len(p.text), len(other.text)),
	)
}

// CutPrefix removes a prefix segment by segment, trailing slashes of the prefix
// not counting. The rest is empty or starts with a slash.
func CutPrefix(value, prefix string) (rest string, ok bool) {
	prefix = strings.TrimRight(prefix, "/")
	rest, ok = strings.CutPrefix(value, prefix)
	return rest, ok && (rest == "" || rest[0] == '/')
}

// ReplacePrefix puts replacement in the place of a matched prefix, with exactly
// one slash between both parts.
func ReplacePrefix(value, prefix, replacement string) string {
	rest, _ := CutPrefix(value, prefix)
	replaced := strings.TrimRight(replacement, "/") + rest
	if !strings.HasPrefix(replaced, "/") {
		return "/" + replaced
	}
	return replaced
}

// ValidHeaderName tells whether a name is a token that a header may have.
func ValidHeaderName(name string) bool { return httpguts.ValidHeaderFieldName(name) }

// ValidHeaderValue tells whether a value can travel in a header.
func ValidHeaderValue(value string) bool { return httpguts.ValidHeaderFieldValue(value) }
