//go:build !linux

package main

import "context"

// runApart does nothing: there are no namespaces.
func runApart(context.Context, *Options) (code int, done bool) { return 0, false }
