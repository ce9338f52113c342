package serve

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"agentgateway.dev/controller/tools/dataplane/internal/router"
)

// failed lets a router failure travel as an error through the transport.
type failed struct{ *router.Failure }

func (f failed) Error() string { return f.Text }

func fail(status int, format string, args ...any) failed {
	return failed{&router.Failure{Status: status, GRPC: router.GRPCStatus(status), Text: fmt.Sprintf(format, args...)}}
}

// isGRPC tells whether the client expects errors as gRPC status.
func isGRPC(header http.Header) bool {
	return strings.HasPrefix(header.Get("Content-Type"), "application/grpc")
}

// writeFailure answers in plain text, or to a gRPC client with HTTP 200 and a
// status in the headers.
func writeFailure(w http.ResponseWriter, request http.Header, failure *router.Failure) {
	if !isGRPC(request) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(failure.Status)
		// The client may be gone; nobody else wants to know.
		_, _ = io.WriteString(w, failure.Text)
		return
	}
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Grpc-Status", strconv.FormatUint(uint64(failure.GRPC), 10))
	w.Header().Set("Grpc-Message", url.PathEscape(failure.Text))
	w.WriteHeader(http.StatusOK)
}
