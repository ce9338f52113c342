package provision

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	metricsPort   = 15020
	readinessPort = 15021
	// proxyUser is the image's user, which isn't root.
	proxyUser = 10101
)

func (d draft) podTemplate() corev1.PodTemplateSpec {
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: d.podLabels(d.mesh != nil), Annotations: d.podAnnotations(d.checksums)},
		Spec: corev1.PodSpec{
			ServiceAccountName:            d.name,
			TerminationGracePeriodSeconds: &d.drainMax,
			// Listeners open privileged ports, and the proxy isn't root.
			SecurityContext: &corev1.PodSecurityContext{Sysctls: []corev1.Sysctl{{Name: "net.ipv4.ip_unprivileged_port_start", Value: "0"}}},
			Containers:      []corev1.Container{d.container()},
		},
	}
	for _, m := range d.mounts() {
		template.Spec.Volumes = append(template.Spec.Volumes, m.volume)
	}
	return template
}

func (d draft) container() corev1.Container {
	container := corev1.Container{
		Name:            "agentgateway",
		Image:           d.image,
		ImagePullPolicy: d.pullPolicy,
		Args:            []string{"-f", "/config/" + configDataKey},
		Ports:           []corev1.ContainerPort{{Name: "metrics", ContainerPort: metricsPort, Protocol: corev1.ProtocolTCP}},
		Resources:       d.resources,
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			ReadOnlyRootFilesystem:   new(true),
			RunAsNonRoot:             new(true),
			RunAsUser:                new(int64(proxyUser)),
		},
		ReadinessProbe: &corev1.Probe{ProbeHandler: ready(), PeriodSeconds: 10},
		// A proxy is ready when it has its configuration, at most a minute after
		// its start.
		StartupProbe: &corev1.Probe{ProbeHandler: ready(), PeriodSeconds: 1, FailureThreshold: 60, SuccessThreshold: 1, TimeoutSeconds: 2},
		Env:          d.env(),
	}
	mounts := d.mounts()
	slices.SortStableFunc(mounts, func(a, b mounted) int { return compareBools(b.writable, a.writable) })
	for _, m := range mounts {
		container.VolumeMounts = append(container.VolumeMounts, corev1.VolumeMount{Name: m.volume.Name, MountPath: m.path, ReadOnly: !m.writable})
	}
	return container
}

func ready() corev1.ProbeHandler {
	return corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz/ready", Port: intstr.FromInt32(readinessPort)}}
}
