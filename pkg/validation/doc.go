// Package validation judges manifests of the agentgateway.dev and Gateway API
// kinds as an API server judges them when they are created with strict field
// validation, without a server. It uses the API server's own libraries, so the
// verdicts and the messages are the same; what it adds is the line of the file,
// and the name that an unknown field was probably meant to have.
//
// The controller doesn't import this package: the API server's libraries would
// make it much larger.
package validation
