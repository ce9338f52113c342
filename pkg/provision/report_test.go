package provision

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/conditions"
)

func TestReportOverTranslation(t *testing.T) {
	accepted := conditions.True("Accepted", "Accepted", "", 2)
	unsupported := conditions.False("Accepted", "UnsupportedAddress", "m", 2)
	programmed := conditions.True("Programmed", "Programmed", "", 2)
	unusable := conditions.False("Programmed", "AddressNotUsable", "m", 2)
	bad := Report{Generation: 2, Problem: invalid("Secret a/b", "data.key", "is bad")}
	message := "Secret a/b: data.key: is bad"
	invalidAccepted := conditions.False("Accepted", "InvalidParameters", message, 2)
	for name, test := range map[string]struct {
		report     Report
		translated []metav1.Condition
		want       []metav1.Condition
	}{
		"nothing to report": {Report{}, []metav1.Condition{accepted, programmed}, []metav1.Condition{accepted, programmed}},
		"no ports is for the listeners' status": {Report{Problem: &Problem{Reason: ReasonNoPorts}},
			[]metav1.Condition{accepted, programmed}, []metav1.Condition{accepted, programmed}},
		"invalid parameters": {bad, []metav1.Condition{accepted, programmed},
			[]metav1.Condition{invalidAccepted, conditions.False("Programmed", "Invalid", message, 2)}},
		"invalid parameters win over an unsupported address, not over an unusable one": {bad, []metav1.Condition{unsupported, unusable},
			[]metav1.Condition{invalidAccepted, unusable}},
		"a refused object": {Report{Generation: 2, Failure: "apply Service a/b: no"}, []metav1.Condition{accepted, programmed},
			[]metav1.Condition{accepted, conditions.False("Programmed", "DeploymentFailed", "apply Service a/b: no", 2)}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := gocmp.Diff(test.want, test.report.Over(test.translated)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	hostname := gwv1.HostnameAddressType
	for name, test := range map[string]struct {
		service corev1.Service
		asked   []gwv1.GatewaySpecAddress
		want    []string
	}{
		"load balancer, sorted": {service: corev1.Service{
			Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, ClusterIPs: []string{"10.0.0.1"}},
			Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{
				{IP: "203.0.113.9"}, {IP: "203.0.113.8", Hostname: "lb.test"}, {IP: "203.0.113.1"}}}}},
			asked: []gwv1.GatewaySpecAddress{{Value: "198.51.100.1"}},
			want:  []string{"Hostname lb.test", "IPAddress 203.0.113.1", "IPAddress 203.0.113.9"}},
		"load balancer without an address yet": {service: corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, ClusterIP: "10.0.0.1"}}},
		"addresses of the cluster, and those asked for": {
			service: corev1.Service{Spec: corev1.ServiceSpec{ClusterIP: "10.0.0.1", ClusterIPs: []string{"10.0.0.1", "fd00::1"}}},
			asked:   []gwv1.GatewaySpecAddress{{Type: &hostname, Value: "h.test"}, {Value: "10.0.0.1"}},
			want:    []string{"Hostname h.test", "IPAddress 10.0.0.1", "IPAddress fd00::1"}},
		"headless": {service: corev1.Service{Spec: corev1.ServiceSpec{ClusterIP: "None", ClusterIPs: []string{"None"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, a := range addresses(&test.service, test.asked) {
				got = append(got, string(typeOf(a))+" "+a.Value)
			}
			if diff := gocmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAuthority(t *testing.T) {
	secret := func(name string, data map[string]string) *corev1.Secret {
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "own", Name: name}, Data: map[string][]byte{}}
		for key, value := range data {
			s.Data[key] = []byte(value)
		}
		return s
	}
	for name, test := range map[string]struct {
		secrets []*corev1.Secret
		want    string
	}{
		"none":                      {nil, ""},
		"ca.crt before tls.crt":     {[]*corev1.Secret{secret(AuthoritySecret, map[string]string{"ca.crt": "ca", "tls.crt": "tls"})}, "ca"},
		"tls.crt":                   {[]*corev1.Secret{secret(AuthoritySecret, map[string]string{"tls.crt": "tls"})}, "tls"},
		"alias":                     {[]*corev1.Secret{secret(AuthorityAliasSecret, map[string]string{"ca.crt": "alias"})}, "alias"},
		"the first wins over alias": {[]*corev1.Secret{secret(AuthorityAliasSecret, map[string]string{"ca.crt": "alias"}), secret(AuthoritySecret, nil)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			authority := NewAuthority(krt.NewStaticCollection(nil, test.secrets), "own", options(t))
			authority.AsCollection().WaitUntilSynced(t.Context().Done())
			got := ""
			if found := authority.Get(); found != nil {
				got = found.PEM
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func options(t *testing.T) krt.OptionsBuilder {
	t.Helper()
	return krt.NewOptionsBuilder(t.Context().Done(), "", nil)
}
