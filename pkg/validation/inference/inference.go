// Package inference carries the CRDs of Gateway API's inference extension, in
// the release that the controller is compiled with, in the form of the CRDs of
// Gateway API itself.
package inference

import "embed"

// Files holds the CRDs, one a file.
//
//go:embed *.yaml
var Files embed.FS
