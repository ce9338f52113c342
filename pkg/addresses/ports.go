package addresses

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"istio.io/istio/pkg/workloadapi"
)

// maxPort is the largest number of a port. Proxies take no larger one.
const maxPort = 65535

// servicePort is one port of a service.
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

// podPorts maps the ports of a service to those of a pod. A port whose name
// the pod doesn't know is left out, and only for this pod. Numbers in known,
// by service port, come first.
func podPorts(pod *corev1.Pod, of source, ports []servicePort, known map[uint32]uint32) *workloadapi.PortList {
	return mapPorts(ports, func(port servicePort) uint32 {
		if target, ok := known[port.number]; ok {
			return target
		}
		if port.targetName != "" {
			return containerPort(pod, port.targetName)
		}
		// A ServiceEntry has no names of targets: its own name for the port
		// stands for them.
		if of == fromEntry && port.name != "" {
			return cmp.Or(containerPort(pod, port.name), port.target)
		}
		return port.target
	})
}

// entryPorts maps the ports of a service to those of a WorkloadEntry, which
// has a number for each of their names.
func entryPorts(numbers map[string]uint32, ports []servicePort) *workloadapi.PortList {
	return mapPorts(ports, func(port servicePort) uint32 {
		if port.targetName != "" {
			return numbers[port.targetName]
		}
		return cmp.Or(numbers[port.name], port.target)
	})
}

func mapPorts(ports []servicePort, target func(servicePort) uint32) *workloadapi.PortList {
	mapped := &workloadapi.PortList{}
	for _, port := range ports {
		if !port.tcp {
			continue
		}
		if number := target(port); number > 0 && number <= maxPort {
			mapped.Ports = append(mapped.Ports, &workloadapi.Port{ServicePort: port.number, TargetPort: number})
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
