// Package crds carries the agentgateway.dev CRDs that lie beside it, so that a
// program has them without the repository.
package crds

import "embed"

// Files holds the CRDs, one a file.
//
//go:embed *.yaml
var Files embed.FS
