package serve

import (
	"net/http"
	"strconv"
	"strings"

	api "agentgateway.dev/controller/apis/xds"
	"agentgateway.dev/controller/tools/dataplane/internal/match"
)

// modify applies a header modifier: add, then set, then remove. Names and
// values are not checked before; an invalid one fails the request.
func modify(header http.Header, modifier *api.HeaderModifier) error {
	for _, h := range modifier.GetAdd() {
		if err := validHeader(h); err != nil {
			return err
		}
		header.Add(h.GetName(), h.GetValue())
	}
	for _, h := range modifier.GetSet() {
		if err := validHeader(h); err != nil {
			return err
		}
		header.Set(h.GetName(), h.GetValue())
	}
	for _, name := range modifier.GetRemove() {
		if !match.ValidHeaderName(name) {
			return fail(http.StatusInternalServerError, "invalid header name %q", name)
		}
		header.Del(name)
	}
	return nil
}

func validHeader(h *api.Header) error {
	if !match.ValidHeaderName(h.GetName()) || !match.ValidHeaderValue(h.GetValue()) {
		return fail(http.StatusInternalServerError, "invalid header %q", h.GetName())
	}
	return nil
}

// modifyRequest also lets a modifier change the authority, which Go keeps
// apart from the headers.
func modifyRequest(r *http.Request, modifier *api.HeaderModifier) error {
	if modifier == nil {
		return nil
	}
	r.Header.Set("Host", r.Host)
	err := modify(r.Header, modifier)
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	r.Header.Del("Host")
	return err
}

// newPath returns the path after a rewrite or redirect. full and prefix are the
// members of the oneof, of which at most one is not nil.
func newPath(path string, matched match.Match, full, prefix *string) (string, error) {
	switch {
	case full != nil:
		return *full, nil
	case prefix != nil:
		matchedPrefix, ok := matched.Prefix()
		if !ok {
			return "", fail(http.StatusInternalServerError, "prefix replacement without a prefix match")
		}
		return match.ReplacePrefix(path, matchedPrefix, *prefix), nil
	default:
		return path, nil
	}
}

// location builds the target of a redirect; the query is kept.
func location(redirect *api.RequestRedirect, r *match.Request, matched match.Match) (string, error) {
	var full, prefix *string
	switch path := redirect.GetPath().(type) {
	case *api.RequestRedirect_Full:
		full = &path.Full
	case *api.RequestRedirect_Prefix:
		prefix = &path.Prefix
	}
	path, err := newPath(r.Path, matched, full, prefix)
	if err != nil {
		return "", err
	}
	scheme := redirect.GetScheme()
	if scheme == "" {
		scheme = r.Scheme
	}
	target := scheme + "://" + redirectAuthority(redirect, r, scheme) + path
	if r.Query != "" {
		target += "?" + r.Query
	}
	return target, nil
}

// redirectAuthority combines what the redirect gives with what the request
// has: an explicit host and port are taken verbatim, a lone host drops the port
// of the request if a scheme is given or the port is the default one.
func redirectAuthority(redirect *api.RequestRedirect, r *match.Request, scheme string) string {
	host, port := match.SplitAuthority(r.Authority)
	given := strconv.Itoa(int(redirect.GetPort()))
	switch {
	case redirect.GetHost() != "" && redirect.GetPort() != 0:
		return redirect.GetHost() + ":" + given
	case redirect.GetHost() != "":
		if redirect.GetScheme() != "" || port == "" || port == defaultPort(scheme) {
			return redirect.GetHost()
		}
		return redirect.GetHost() + ":" + port
	case redirect.GetPort() != 0:
		if given == defaultPort(scheme) {
			return host
		}
		return host + ":" + given
	default:
		return r.Authority
	}
}

func defaultPort(scheme string) string {
	switch strings.ToLower(scheme) {
	case "http":
		return "80"
	case "https":
		return "443"
	default:
		return ""
	}
}

// rewrite changes authority and path of the outgoing request.
func rewrite(out *http.Request, spec *api.UrlRewrite, r *match.Request, matched match.Match) (path string, err error) {
	var full, prefix *string
	switch kind := spec.GetPath().(type) {
	case *api.UrlRewrite_Full:
		full = &kind.Full
	case *api.UrlRewrite_Prefix:
		prefix = &kind.Prefix
	}
	if spec.GetHost() != "" {
		out.Host = spec.GetHost()
	}
	return newPath(r.Path, matched, full, prefix)
}
