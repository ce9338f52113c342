// Package conformance runs the conformance suite of Gateway API against the
// controller, with real traffic through real proxies, on one machine:
//
//	go test -C tests/conformance -count=1 -timeout 2h
//
// It builds what it needs into bin/, starts devcluster with a node on which
// pods are local processes, and the controller beside it. Proxies are pods that
// the controller provisions: the development data plane, or what
// AGENTGATEWAY_BIN names. The suite's backends are its own echo server.
//
// A line is printed for each test when it ends, and a complete run that passes
// or fails leaves the official report in report.yaml. The suite's flags work
// after -args, among them -run-test and -skip-tests with lists of names, and
// -debug; -shard 2/3 runs the second third. Pods as processes need Linux and
// root.
package conformance
