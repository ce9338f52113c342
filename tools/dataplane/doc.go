// Command dataplane is a small stand-in for the agentgateway proxy, for
// development and tests on machines that do not have the real one. It is no
// product: it is neither fast nor hardened, and it leaves much out.
//
// It connects to the controller exactly as the real proxy does, validates what
// it is sent at least as strictly, answers with the same ACKs and NACKs, and
// serves HTTP, HTTPS, TLS and TCP binds on real sockets: listener and route
// selection, the filters of Gateway API, weighted backends, and endpoints of
// services. It takes the same arguments and environment, and answers on the
// same readiness, metrics and admin ports.
//
// Not implemented, and so stored without any effect: authentication and
// authorization, rate limits, external processing and authorization,
// transformations, everything about AI and MCP, CEL evaluation (so conditional
// policies, too), tunnels and HBONE, mesh certificates, waypoints. Values that
// would make the real proxy panic or truncate a number are refused with an
// error.
//
// # Environment
//
// As the real proxy: XDS_ADDRESS, XDS_ROOT_CA, XDS_AUTH_TOKEN, CLUSTER_ID,
// NAMESPACE, GATEWAY, POD_NAME, INSTANCE_IP, NODE_NAME, LOCALITY, RUST_LOG,
// LOG_FORMAT, IPV6_ENABLED, ADMIN_ADDR, STATS_ADDR, READINESS_ADDR,
// TERMINATION_GRACE_PERIOD_SECONDS, CONNECTION_TERMINATION_DEADLINE,
// CONNECTION_MIN_TERMINATION_DEADLINE.
//
// For development only:
//
//	DATAPLANE_PORTS        offset:N listens on port+N for every bind;
//	                       map:80=8080,443=8443 moves single ports.
//	DATAPLANE_LISTEN_HOST  address that binds listen on (all addresses).
//	DATAPLANE_CLOSE_DELAY  how long a removed bind still holds its port (500ms).
//	                       The real proxy closes asynchronously too.
package main
