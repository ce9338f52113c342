//go:build linux

package main

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
)

// playNames asks for names of endpoints and of Services without an address.
func playNames(s *scene) {
	headless := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "members"}, Spec: corev1.ServiceSpec{
		ClusterIP: corev1.ClusterIPNone, Selector: map[string]string{"app": "one"}, Ports: []corev1.ServicePort{{Name: "http", Port: 8080}},
	}}
	alias := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "alias"}, Spec: corev1.ServiceSpec{
		Type: corev1.ServiceTypeExternalName, ExternalName: "members.names.svc.cluster.local",
	}}
	for _, service := range []*corev1.Service{headless, alias} {
		_, err := s.client.CoreV1().Services(s.namespace).Create(s.ctx, service, metav1.CreateOptions{})
		s.must(err)
	}
	s.pod("one", corev1.PodSpec{Hostname: "first", Subdomain: "members", Containers: []corev1.Container{serving()}})
	host := s.until("one", "ready", isReady).Status.PodIP + ":8080"
	for _, name := range []string{"members", "first.members", "alias"} {
		s.says("one", host, "/get", "url", (&url.URL{Scheme: "http", Host: name + ":8080", Path: "/"}).String())
	}
	if _, err := s.get(host, "/get", "url", "http://nothing.names.svc.cluster.local/"); err == nil || !strings.Contains(err.Error(), "no such host") {
		s.Errorf("a name that nothing has: %v", err)
	}
}

// playAPI asks the API server from inside of a pod.
func playAPI(s *scene) {
	s.pod("client", corev1.PodSpec{Containers: []corev1.Container{serving()}})
	host := s.until("client", "ready", isReady).Status.PodIP + ":8080"
	s.eventually("answer of the API server", func() error {
		got, err := s.get(host, "/api", "path", "/version")
		if err == nil && !strings.Contains(got, "gitVersion") {
			err = fmt.Errorf("got %q", got)
		}
		return err
	})
	// Who it is is known, too: the answer names the account.
	got, err := s.get(host, "/api", "path", "/api/v1/namespaces/api/secrets")
	s.must(err)
	if !strings.Contains(got, "system:serviceaccount:api:default") {
		s.Errorf("got %q", got)
	}
}

// playExec runs a program in a container, and asks a Service, both by way of
// the API server.
func playExec(s *scene) {
	s.service("web", corev1.ServiceTypeClusterIP)
	s.pod("web", corev1.PodSpec{Containers: []corev1.Container{serving()}})
	s.until("web", "ready", isReady)
	config, _ := s.process.connect(s.T)
	request := s.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(s.namespace).Name("web").SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Command: []string{"sh", "-c", "cat; echo $$POD_NAME >&2"}, Stdin: true, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	executor, err := remotecommand.NewWebSocketExecutor(config, "GET", request.URL().String())
	s.must(err)
	var out, errs strings.Builder
	s.must(executor.StreamWithContext(s.ctx, remotecommand.StreamOptions{Stdin: strings.NewReader("echoed"), Stdout: &out, Stderr: &errs}))
	if out.String() != "echoed" || !strings.HasSuffix(errs.String(), "POD_NAME\n") {
		s.Errorf("said %q and %q", out.String(), errs.String())
	}
	s.eventually("answer of the Service by way of the API server", func() error {
		got, err := s.client.CoreV1().Services(s.namespace).ProxyGet("http", "web", "http", "/", nil).DoRaw(s.ctx)
		if err == nil && string(got) != "web" {
			err = fmt.Errorf("got %q", got)
		}
		return err
	})
}

// playMachine asks a server on the machine from inside of a pod, by the address
// that the ready line names, and as the endpoint of a Service.
func playMachine(s *scene) {
	listener, err := net.Listen("tcp", ":0")
	s.must(err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the machine") })}
	s.Cleanup(func() { server.Close() })
	go func() { _ = server.Serve(listener) }()
	port := listener.Addr().(*net.TCPAddr).Port
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "machine"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}
	_, err = s.client.CoreV1().Services(s.namespace).Create(s.ctx, service, metav1.CreateOptions{})
	s.must(err)
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: "machine", Labels: map[string]string{discoveryv1.LabelServiceName: "machine"}},
		AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Name: new(""), Port: new(int32(port))}},
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{s.process.NodeAddress}}},
	}
	_, err = s.client.DiscoveryV1().EndpointSlices(s.namespace).Create(s.ctx, slice, metav1.CreateOptions{})
	s.must(err)
	s.pod("visitor", corev1.PodSpec{Containers: []corev1.Container{serving()}})
	visitor := s.until("visitor", "ready", isReady)
	for _, host := range []string{fmt.Sprintf("%s:%d", s.process.NodeAddress, port), "machine"} {
		s.says("the machine", visitor.Status.PodIP+":8080", "/get", "url", "http://"+host+"/")
	}
}
