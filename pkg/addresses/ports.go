package addresses

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"istio.io/istio/pkg/workloadapi"
)

// servicePort is one port of a Service.
type servicePort struct {
	name   string
	number uint32
	// target is 0 when the port is named: each pod has its own number then.
	target     uint32
	targetName string
	// tcp is false for ports that no proxy forwards to. They are listed in the
	// Service, as it has them, but never mapped on a workload.
	tcp         bool
	appProtocol workloadapi.AppProtocol
}

func projectPort(port *corev1.ServicePort) servicePort {
	projected := servicePort{
		name:        port.Name,
		number:      uint32(port.Port),
		tcp:         isTCP(port.Protocol),
		appProtocol: appProtocol(port),
	}
	switch {
	case port.TargetPort.Type == intstr.String && port.TargetPort.StrVal != "":
		projected.targetName = port.TargetPort.StrVal
	case port.TargetPort.IntVal > 0:
		projected.target = uint32(port.TargetPort.IntVal)
	default:
		projected.target = projected.number
	}
	return projected
}

// isTCP treats an unset protocol as TCP: the API server fills it in, a
// manifest need not.
func isTCP(protocol corev1.Protocol) bool { return protocol == "" || protocol == corev1.ProtocolTCP }

// podPorts maps the ports of a Service to those of a pod. A port whose name
// the pod doesn't know is left out, and only for this pod. Numbers in known,
// by service port, come first.
func podPorts(pod *corev1.Pod, ports []servicePort, known map[uint32]uint32) *workloadapi.PortList {
	mapped := &workloadapi.PortList{}
	for _, port := range ports {
		if !port.tcp {
			continue
		}
		target, ok := known[port.number]
		if !ok {
			target = port.target
			if port.targetName != "" {
				target = containerPort(pod, port.targetName)
			}
		}
		if target > 0 {
			mapped.Ports = append(mapped.Ports, &workloadapi.Port{ServicePort: port.number, TargetPort: target})
		}
	}
	return mapped
}

// containerPort returns the number of a pod's named TCP port, 0 if there is
// none. Containers come before native sidecars; other init containers have
// ended before traffic arrives.
func containerPort(pod *corev1.Pod, name string) uint32 {
	for i := range pod.Spec.Containers {
		if number := namedPort(&pod.Spec.Containers[i], name); number > 0 {
			return number
		}
	}
	for i := range pod.Spec.InitContainers {
		container := &pod.Spec.InitContainers[i]
		if container.RestartPolicy == nil || *container.RestartPolicy != corev1.ContainerRestartPolicyAlways {
			continue
		}
		if number := namedPort(container, name); number > 0 {
			return number
		}
	}
	return 0
}

func namedPort(container *corev1.Container, name string) uint32 {
	for _, port := range container.Ports {
		if port.Name == name && isTCP(port.Protocol) {
			return uint32(port.ContainerPort)
		}
	}
	return 0
}
