// Command bench measures the controller against what the machine allows.
//
// It starts an API server without nodes, fills it with objects, runs the
// controller as a child process, and connects clients that subscribe,
// acknowledge and keep state as proxies do. Every client checks on arrival
// that it is sent nothing of another Gateway, nothing that it has already, and
// nothing that refers to what it doesn't hold.
//
// A figure stands beside its floor, measured in the same run: latency beside a
// plain watch on the same API server in this process, so that one clock times
// both; memory and CPU beside a process that does nothing but keep the same
// kinds in informers with the same projections.
//
// What is filled in is a world (worlds.go), what is done in it a scenario
// (scenarios.go). Every world begins with a cold start of the controller, so
// that is measured each time. "bench -h" lists the flags.
//
// Clients aren't authenticated, because a token review for each of a thousand
// clients would measure the API server; -auth turns it on. Leader election is
// off: acquiring the lease would add its own seconds to a cold start. The
// controller provisions a Deployment and more for every Gateway, as it does
// anywhere; those writes belong to the time until settled, and are counted.
package main
