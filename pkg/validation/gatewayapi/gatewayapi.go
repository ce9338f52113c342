// Package gatewayapi carries the Gateway API CRDs of the standard channel, in
// the release that the controller is compiled with. What says nothing about
// which objects are valid (descriptions, printer columns, versions that aren't
// served) is left out; make generate makes the files from the module.
package gatewayapi

import "embed"

// Files holds the CRDs, one a file.
//
//go:embed *.yaml
var Files embed.FS
