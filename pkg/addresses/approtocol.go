package addresses

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"istio.io/istio/pkg/workloadapi"
)

// standardProtocols are the appProtocol values that Kubernetes itself defines.
var standardProtocols = map[string]workloadapi.AppProtocol{
	"kubernetes.io/h2c": workloadapi.AppProtocol_HTTP2,
	"kubernetes.io/ws":  workloadapi.AppProtocol_HTTP11,
	"kubernetes.io/wss": workloadapi.AppProtocol_TLS,
}

// protocolWords are the words that a port name may start with. Those that map
// to UNKNOWN are listed because a known word keeps the port's number from
// being consulted.
var protocolWords = map[string]workloadapi.AppProtocol{
	"http":       workloadapi.AppProtocol_HTTP11,
	"http2":      workloadapi.AppProtocol_HTTP2,
	"grpc":       workloadapi.AppProtocol_GRPC,
	"https":      workloadapi.AppProtocol_TLS,
	"tls":        workloadapi.AppProtocol_TLS,
	"tcp":        workloadapi.AppProtocol_TCP,
	"udp":        workloadapi.AppProtocol_UNKNOWN,
	"http_proxy": workloadapi.AppProtocol_UNKNOWN,
	"mongo":      workloadapi.AppProtocol_UNKNOWN,
	"mysql":      workloadapi.AppProtocol_UNKNOWN,
	"redis":      workloadapi.AppProtocol_UNKNOWN,
	"hbone":      workloadapi.AppProtocol_UNKNOWN,
}

// serverFirstPorts are the ports of protocols in which the server speaks
// first, so that nobody may wait for bytes of the client to guess what it is:
// SMTP, DNS, MySQL, MongoDB.
var serverFirstPorts = map[int32]bool{25: true, 53: true, 3306: true, 27017: true}

// grpcWeb has a dash, so the first word of a name would not tell it from gRPC.
const grpcWeb = "grpc-web"

// appProtocol is what a proxy may assume about the bytes on a port: from its
// appProtocol if that is set, else from its name, else from its number.
func appProtocol(port *corev1.ServicePort) workloadapi.AppProtocol {
	if port.Protocol == corev1.ProtocolUDP {
		return workloadapi.AppProtocol_UNKNOWN
	}
	word := port.Name
	if port.AppProtocol != nil {
		word = *port.AppProtocol
		if standard, ok := standardProtocols[word]; ok {
			return standard
		}
	}
	word = strings.ToLower(word)
	if strings.HasPrefix(word, grpcWeb) {
		return workloadapi.AppProtocol_UNKNOWN
	}
	word, _, _ = strings.Cut(word, "-")
	if known, ok := protocolWords[word]; ok {
		return known
	}
	if serverFirstPorts[port.Port] {
		return workloadapi.AppProtocol_TCP
	}
	return workloadapi.AppProtocol_UNKNOWN
}
