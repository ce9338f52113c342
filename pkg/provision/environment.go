package provision

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// authorityPath is where the proxy finds the CA of the xDS server.
const authorityPath = "/etc/xds-tls/" + authorityDataKey

// env are the variables of the proxy's container in a fixed order: the
// controller's own without those that the user sets, then the user's, which so
// can refer to ours.
func (d draft) env() []corev1.EnvVar {
	list := []corev1.EnvVar{
		{Name: "TERMINATION_GRACE_PERIOD_SECONDS", Value: strconv.FormatInt(d.drainMax, 10)},
		{Name: "CONNECTION_MIN_TERMINATION_DEADLINE", Value: strconv.FormatInt(d.drainMin, 10) + "s"},
		fromField("NODE_NAME", "spec.nodeName"),
		fromField("POD_NAMESPACE", "metadata.namespace"),
		fromField("POD_NAME", "metadata.name"),
		{Name: "RUST_BACKTRACE", Value: "1"},
		{Name: "RUST_LOG", Value: d.logLevel},
		{Name: sessionVariable, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: d.sessionSecretName}, Key: sessionDataKey,
		}}},
		{Name: "XDS_ADDRESS", Value: d.xdsAddress()},
	}
	if d.Defaults.XDSTLS {
		list = append(list, corev1.EnvVar{Name: "XDS_ROOT_CA", Value: authorityPath})
	}
	list = append(list,
		fromField("NAMESPACE", "metadata.namespace"),
		// The proxy looks for itself by this name in listeners and policies, so
		// it is never shortened; who it is allowed to be follows from its
		// ServiceAccount.
		corev1.EnvVar{Name: "GATEWAY", Value: d.Gateway.Name},
		corev1.EnvVar{Name: "CPU_LIMIT", ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{
			Resource: "limits.cpu", Divisor: resource.MustParse("1"),
		}}},
		fromField("INSTANCE_IP", "status.podIP"),
		fromField("SERVICE_ACCOUNT", "spec.serviceAccountName"),
	)
	list = append(list, d.mesh.env()...)
	if len(d.catalogs) > 0 {
		var paths []string
		for _, c := range d.catalogs {
			paths = append(paths, c.dir()+"/"+c.file())
		}
		list = append(list, corev1.EnvVar{Name: "MODEL_CATALOG_PATHS", Value: strings.Join(paths, ",")})
	}
	return mergeEnv(list, d.parameters.env)
}

func (d draft) xdsAddress() string {
	scheme := "http"
	if d.Defaults.XDSTLS {
		scheme = "https"
	}
	return fmt.Sprintf("%s://%s:%d", scheme, d.Defaults.XDSHost, d.Defaults.XDSPort)
}

func fromField(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
}
