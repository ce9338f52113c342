package addresses

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"istio.io/istio/pkg/workloadapi"
)

func TestAppProtocol(t *testing.T) {
	const (
		unknown = workloadapi.AppProtocol_UNKNOWN
		http11  = workloadapi.AppProtocol_HTTP11
		http2   = workloadapi.AppProtocol_HTTP2
		grpc    = workloadapi.AppProtocol_GRPC
		tcp     = workloadapi.AppProtocol_TCP
		tls     = workloadapi.AppProtocol_TLS
	)
	for _, test := range []struct {
		name        string
		appProtocol string // "-" is set, but empty
		number      int32
		protocol    corev1.Protocol
		want        workloadapi.AppProtocol
	}{
		{name: "", number: 80, want: unknown},
		{name: "http", want: http11},
		{name: "HTTP-web", want: http11},
		{name: "http2-web", want: http2},
		{name: "grpc", want: grpc},
		{name: "grpc-api", want: grpc},
		{name: "grpc-web", want: unknown},
		{name: "grpc-website", want: unknown},
		{name: "GRPC-WEB-x", want: unknown},
		{name: "https", number: 443, want: tls},
		{name: "tls-x", want: tls},
		{name: "tcp", want: tcp},
		{name: "httpx", want: unknown},
		{name: "mysql", number: 3306, want: unknown},
		{name: "redis", number: 53, want: unknown},
		{name: "hbone", number: 25, want: unknown},
		{name: "database", number: 3306, want: tcp},
		{name: "", number: 25, want: tcp},
		{name: "", number: 53, want: tcp},
		{name: "", number: 27017, want: tcp},
		{name: "http", protocol: corev1.ProtocolUDP, want: unknown},
		{name: "", number: 53, protocol: corev1.ProtocolUDP, want: unknown},
		{appProtocol: "kubernetes.io/h2c", want: http2},
		{appProtocol: "kubernetes.io/ws", want: http11},
		{appProtocol: "kubernetes.io/wss", want: tls},
		{appProtocol: "Kubernetes.io/h2c", want: unknown},
		{appProtocol: "HTTP2", want: http2},
		{appProtocol: "https", want: tls},
		{name: "http", appProtocol: "example.com/own", number: 9090, want: unknown},
		{name: "http", appProtocol: "agentgateway.dev/a2a", number: 9090, want: unknown},
		{name: "http", appProtocol: "example.com/own", number: 3306, want: tcp},
		{name: "http", appProtocol: "-", want: unknown},
		{name: "kubernetes.io/h2c", want: unknown},
	} {
		port := &corev1.ServicePort{Name: test.name, Port: test.number, Protocol: test.protocol}
		switch test.appProtocol {
		case "":
		case "-":
			port.AppProtocol = new(string)
		default:
			port.AppProtocol = &test.appProtocol
		}
		if got := appProtocol(port); got != test.want {
			t.Errorf("name %q, appProtocol %q, port %d %s: got %v, want %v", test.name, test.appProtocol, test.number, test.protocol, got, test.want)
		}
	}
}
