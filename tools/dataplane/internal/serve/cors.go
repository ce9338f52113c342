package serve

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	api "agentgateway.dev/controller/apis/xds"
)

// originAllowed compares scheme, host and port; default ports are implied, and
// a star in the host stands for any text.
func originAllowed(cors *api.CORS, origin string) bool {
	if origin == "" {
		return false
	}
	got, err := url.Parse(origin)
	return slices.ContainsFunc(cors.GetAllowOrigins(), func(allowed string) bool {
		if allowed == "*" {
			return true
		}
		if err != nil {
			return false
		}
		scheme, authority, found := strings.Cut(allowed, "://")
		if !found || !strings.EqualFold(scheme, got.Scheme) {
			return false
		}
		return wildcard(withPort(scheme, strings.ToLower(authority)), withPort(got.Scheme, strings.ToLower(got.Host)))
	})
}

func withPort(scheme, authority string) string {
	colon := strings.LastIndexByte(authority, ':')
	if colon > strings.LastIndexByte(authority, ']') {
		return authority
	}
	return authority + ":" + defaultPort(scheme)
}

// wildcard matches text against a pattern whose stars stand for any text.
func wildcard(pattern, text string) bool {
	head, tail, found := strings.Cut(pattern, "*")
	if !found {
		return pattern == text
	}
	rest, ok := strings.CutPrefix(text, head)
	if !ok {
		return false
	}
	for i := range len(rest) + 1 {
		if wildcard(tail, rest[i:]) {
			return true
		}
	}
	return false
}

// corsHeaders are what a response to an allowed origin carries.
func corsHeaders(cors *api.CORS, origin string) http.Header {
	header := http.Header{}
	if slices.Contains(cors.GetAllowOrigins(), "*") && !cors.GetAllowCredentials() {
		origin = "*"
	} else {
		header.Set("Vary", "Origin")
	}
	header.Set("Access-Control-Allow-Origin", origin)
	if cors.GetAllowCredentials() {
		header.Set("Access-Control-Allow-Credentials", "true")
	}
	if exposed := cors.GetExposeHeaders(); len(exposed) > 0 {
		header.Set("Access-Control-Expose-Headers", strings.Join(exposed, ","))
	}
	return header
}

// preflight adds what the answer to an OPTIONS request of an allowed origin has
// besides corsHeaders.
func preflight(cors *api.CORS, request, header http.Header) {
	list := func(name string, allowed []string, asked string) {
		value := strings.Join(allowed, ",")
		if slices.Contains(allowed, "*") {
			value = request.Get(asked)
		}
		if value != "" {
			header.Set(name, value)
		}
	}
	list("Access-Control-Allow-Methods", cors.GetAllowMethods(), "Access-Control-Request-Method")
	list("Access-Control-Allow-Headers", cors.GetAllowHeaders(), "Access-Control-Request-Headers")
	if cors.GetMaxAge() != nil {
		header.Set("Access-Control-Max-Age", strconv.FormatInt(cors.GetMaxAge().GetSeconds(), 10))
	}
}
