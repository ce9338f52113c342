//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"

	"agentgateway.dev/controller/tools/devcluster/node"
)

// testImage stands for podProgram.
const testImage = "registry.example.com/devcluster/test:1"

// withNode starts a cluster with a node in one of the forms, or skips the test
// where there can't be one.
func withNode(t *testing.T, form form, args ...string) *process {
	t.Helper()
	form.need(t)
	p := prepare(t, append([]string{"--node", "--images", "devcluster/test=" + podProgram}, args...)...)
	if p.form = form; form == rootless {
		takeRights(t, p.command)
	}
	p.begin(t)
	p.awaitReady(t)
	if p.Node != node.Name || p.NodeAddress != node.Address {
		t.Fatalf("ready line names the node %q, %q", p.Node, p.NodeAddress)
	}
	return p
}

// scene is a namespace of a cluster in which one test plays.
type scene struct {
	*testing.T
	process   *process
	ctx       context.Context
	client    kubernetes.Interface
	namespace string
}

func newScene(t *testing.T, p *process, client kubernetes.Interface, namespace string) *scene {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	s := &scene{T: t, process: p, ctx: ctx, client: client, namespace: namespace}
	object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	_, err := client.CoreV1().Namespaces().Create(ctx, object, metav1.CreateOptions{})
	s.must(err)
	s.eventually("the default service account", func() error {
		_, err := client.CoreV1().ServiceAccounts(namespace).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
	return s
}

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// eventually waits until there is no error.
func (s *scene) eventually(what string, ask func() error) {
	s.Helper()
	if err := poll(s.ctx, ask); err != nil {
		s.Fatalf("%s: %v", what, err)
	}
}

// serving is a container that serves on port 8080 and knows its pod's name.
func serving(before ...string) corev1.Container {
	return corev1.Container{
		Name: "main", Image: testImage, Args: append(before, "serve=:8080"),
		Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
		Env:   []corev1.EnvVar{{Name: "POD_NAME", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}}},
		ReadinessProbe: &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/ready", Port: intstr.FromString("http")}},
			PeriodSeconds: 1, FailureThreshold: 1,
		},
	}
}

func (s *scene) pod(name string, spec corev1.PodSpec) *corev1.Pod {
	s.Helper()
	object := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}}, Spec: spec}
	made, err := s.client.CoreV1().Pods(s.namespace).Create(s.ctx, object, metav1.CreateOptions{})
	s.must(err)
	return made
}

func (s *scene) deployment(name string, replicas int32, spec corev1.PodSpec) *appsv1.Deployment {
	s.Helper()
	labels := map[string]string{"app": name}
	object := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
		},
	}
	made, err := s.client.AppsV1().Deployments(s.namespace).Create(s.ctx, object, metav1.CreateOptions{})
	s.must(err)
	return made
}

func (s *scene) service(name string, kind corev1.ServiceType) *corev1.Service {
	s.Helper()
	object := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.ServiceSpec{
			Type: kind, Selector: map[string]string{"app": name},
			Ports: []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromString("http")}},
		},
	}
	made, err := s.client.CoreV1().Services(s.namespace).Create(s.ctx, object, metav1.CreateOptions{})
	s.must(err)
	return made
}

// balancedAddress waits until a Service has the address of a load balancer.
func (s *scene) balancedAddress(name string) *corev1.Service {
	s.Helper()
	var service *corev1.Service
	s.eventually("load balancer", func() (err error) {
		service, err = s.client.CoreV1().Services(s.namespace).Get(s.ctx, name, metav1.GetOptions{})
		if err == nil && len(service.Status.LoadBalancer.Ingress) == 0 {
			err = errors.New("no address")
		}
		return err
	})
	return service
}

// rolledOut waits until a deployment is what it was last asked to be.
func (s *scene) rolledOut(name string) {
	s.Helper()
	s.eventually("rollout of "+name, func() error {
		d, err := s.client.AppsV1().Deployments(s.namespace).Get(s.ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if st := d.Status; st.ObservedGeneration < d.Generation || st.UpdatedReplicas != *d.Spec.Replicas ||
			st.Replicas != *d.Spec.Replicas || st.AvailableReplicas != *d.Spec.Replicas {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
}

// pods returns the pods of an app, by their names.
func (s *scene) pods(app string) map[string]corev1.Pod {
	s.Helper()
	list, err := s.client.CoreV1().Pods(s.namespace).List(s.ctx, metav1.ListOptions{LabelSelector: "app=" + app})
	s.must(err)
	found := map[string]corev1.Pod{}
	for _, pod := range list.Items {
		found[pod.Name] = pod
	}
	return found
}

// onlyPod returns the one pod of an app.
func (s *scene) onlyPod(app string) corev1.Pod {
	s.Helper()
	found := s.pods(app)
	if len(found) != 1 {
		s.Fatalf("%d pods of %s", len(found), app)
	}
	return found[slices.Collect(maps.Keys(found))[0]]
}

// until waits until a pod is as the condition wants it.
func (s *scene) until(name, what string, condition func(*corev1.Pod) bool) *corev1.Pod {
	s.Helper()
	var pod *corev1.Pod
	s.eventually(name+" "+what, func() error {
		var err error
		if pod, err = s.client.CoreV1().Pods(s.namespace).Get(s.ctx, name, metav1.GetOptions{}); err != nil {
			return err
		}
		if !condition(pod) {
			return fmt.Errorf("%+v", pod.Status)
		}
		return nil
	})
	return pod
}

func isReady(pod *corev1.Pod) bool { return conditionOf(pod, corev1.PodReady) == corev1.ConditionTrue }

func conditionOf(pod *corev1.Pod, kind corev1.PodConditionType) corev1.ConditionStatus {
	for _, c := range pod.Status.Conditions {
		if c.Type == kind {
			return c.Status
		}
	}
	return ""
}

// gone waits until the API has forgotten a pod.
func (s *scene) gone(name string) {
	s.Helper()
	s.eventually("end of "+name, func() error {
		_, err := s.client.CoreV1().Pods(s.namespace).Get(s.ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(errors.New("it is still there"), err)
	})
}

func (s *scene) logs(pod string, options corev1.PodLogOptions) string {
	s.Helper()
	content, err := s.client.CoreV1().Pods(s.namespace).GetLogs(pod, &options).DoRaw(s.ctx)
	s.must(err)
	return string(content)
}

// get asks an HTTP server, on a connection of its own, from where the node is.
func (s *scene) get(host, path string, query ...string) (string, error) {
	values := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		values.Set(query[i], query[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: s.process.dial}, Timeout: 5 * time.Second}
	response, err := client.Get("http://" + host + path + "?" + values.Encode())
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", response.StatusCode, strings.TrimSpace(string(content)))
	}
	return string(content), err
}

// says waits until a server answers with the text.
func (s *scene) says(want, host, path string, query ...string) {
	s.Helper()
	s.eventually(host+path, func() error {
		got, err := s.get(host, path, query...)
		if err == nil && got != want {
			err = fmt.Errorf("got %q, want %q", got, want)
		}
		return err
	})
}
