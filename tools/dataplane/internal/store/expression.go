package store

import (
	"net/netip"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"

	"agentgateway.dev/controller/tools/dataplane/internal/match"
)

// parser reads CEL without knowing any variable or function: the dialect of
// the proxy adds many of both, so only the syntax can be judged here.
var parser = sync.OnceValues(func() (*cel.Env, error) { return cel.NewEnv(cel.OptionalTypes()) })

// checkExpressions warns about CEL that cannot be parsed; the proxy replaces it
// by an expression that always fails. Empty texts mean that there is none.
func checkExpressions(r *review, expressions ...string) {
	for _, expression := range expressions {
		if expression == "" {
			continue
		}
		env, err := parser()
		if err != nil {
			r.warnf("CEL cannot be parsed here: %v", err)
			return
		}
		if _, issues := env.Parse(expression); issues.Err() != nil {
			r.warnf("expression %q always fails: %v", expression, issues.Err())
		}
	}
}

// validServerName tells whether a text is an IP address or a DNS name that TLS
// can verify.
func validServerName(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") || !match.ValidHeaderName(label) {
			return false
		}
	}
	return true
}
