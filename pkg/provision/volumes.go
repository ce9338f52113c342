package provision

import (
	corev1 "k8s.io/api/core/v1"
)

// tokenSeconds is the life of projected tokens; the proxy reads them again
// every minute.
const tokenSeconds = 43200

// mounted is a volume and where the proxy has it. The paths are the proxy's
// own: it reads them relative to its working directory, which is the root.
type mounted struct {
	volume   corev1.Volume
	path     string
	writable bool
}

func (d draft) mounts() []mounted {
	list := []mounted{
		{volume: corev1.Volume{Name: "config-volume", VolumeSource: fromConfigMap(d.name)}, path: "/config", writable: true},
		{volume: token("xds-token", "agentgateway"), path: "/var/run/secrets/xds-tokens"},
		// Profiles are written here; the rest of the file system is read-only.
		{volume: corev1.Volume{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}, path: "/tmp", writable: true},
	}
	if d.Defaults.XDSTLS {
		list = append(list, mounted{path: "/etc/xds-tls", volume: corev1.Volume{Name: "xds-ca",
			VolumeSource: fromConfigMap(authorityName(d.name), corev1.KeyToPath{Key: authorityDataKey, Path: authorityDataKey})}})
	}
	if d.mesh != nil {
		list = append(list,
			mounted{volume: corev1.Volume{Name: "istiod-ca-cert", VolumeSource: fromConfigMap("istio-ca-root-cert")}, path: "/var/run/secrets/istio"},
			mounted{volume: token("istio-token", "istio-ca"), path: "/var/run/secrets/tokens"})
	}
	for _, c := range d.catalogs {
		// A mount of the directory, not of the file: only so do changes of the
		// ConfigMap reach the pod.
		list = append(list, mounted{path: c.dir(), volume: corev1.Volume{Name: c.volume(),
			VolumeSource: fromConfigMap(c.configMap, corev1.KeyToPath{Key: c.key, Path: c.file()})}})
	}
	return list
}

func fromConfigMap(name string, items ...corev1.KeyToPath) corev1.VolumeSource {
	return corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: name}, Items: items,
	}}
}

func token(name, audience string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
			Audience: audience, ExpirationSeconds: new(int64(tokenSeconds)), Path: name,
		}}},
	}}}
}
