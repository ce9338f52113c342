//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// TestPods plays all that pods do on one cluster, each scene in a namespace of
// its own.
func TestPods(t *testing.T) { inAllForms(t, testPods) }

func testPods(t *testing.T, form form) {
	p := withNode(t, form)
	_, client := p.connect(t)
	scenes := []struct {
		name string
		play func(*scene)
	}{
		{"deployment", playDeployment},
		{"readiness", playReadiness},
		{"rolling-update", playRollingUpdate},
		{"volumes", playVolumes},
		{"graceful-deletion", playDeletion},
		{"order", playOrder},
		{"restarts", playRestarts},
		{"jobs", playCompletion},
		{"unknown-image", playUnknownImage},
		{"missing-config", playMissingConfig},
		{"security", playSecurity},
		{"names", playNames},
		{"api", playAPI},
		{"exec", playExec},
		{"machine", playMachine},
	}
	t.Run("scenes", func(t *testing.T) {
		for _, each := range scenes {
			t.Run(each.name, func(t *testing.T) {
				t.Parallel()
				each.play(newScene(t, p, client, each.name))
			})
		}
	})
	p.terminate(t)
	nothingLeft(t, form)
}

// playDeployment reaches the pod of a Deployment on every way there is.
func playDeployment(s *scene) {
	s.service("web", corev1.ServiceTypeLoadBalancer)
	s.deployment("web", 1, corev1.PodSpec{Containers: []corev1.Container{serving("say=$(POD_NAME) starts")}})
	s.rolledOut("web")
	pod := s.onlyPod("web")
	if st := pod.Status; st.Phase != corev1.PodRunning || st.HostIP == "" || st.StartTime == nil || len(st.PodIPs) != 1 ||
		!strings.HasPrefix(st.PodIP, "198.18.") || !st.ContainerStatuses[0].Ready || st.ContainerStatuses[0].State.Running == nil {
		s.Errorf("status %+v", st)
	}
	s.says(pod.Name, pod.Status.PodIP+":8080", "/")
	service := s.balancedAddress("web")
	balanced := service.Status.LoadBalancer.Ingress[0].IP
	if !strings.HasPrefix(balanced, s.process.form.balanced()) {
		s.Errorf("load balancer's address %q", balanced)
	}
	s.says(pod.Name, service.Spec.ClusterIP, "/")
	s.says(pod.Name, balanced, "/")
	s.says(pod.Name, fmt.Sprintf("198.18.0.1:%d", service.Spec.Ports[0].NodePort), "/")
	s.fromMachine(pod.Name, balanced, service.Spec.Ports[0].NodePort)

	s.pod("visitor", corev1.PodSpec{Containers: []corev1.Container{serving()}})
	visitor := s.until("visitor", "ready", isReady)
	for _, host := range []string{"web", "web.deployment", "web.deployment.svc.cluster.local", service.Spec.ClusterIP, balanced, pod.Status.PodIP + ":8080"} {
		s.says(pod.Name, visitor.Status.PodIP+":8080", "/get", "url", "http://"+host+"/")
	}
	if got, want := s.logs(pod.Name, corev1.PodLogOptions{}), pod.Name+" starts\n"; got != want {
		s.Errorf("logs %q, want %q", got, want)
	}
}

// playReadiness checks that connections go to ready pods only.
func playReadiness(s *scene) {
	service := s.service("web", corev1.ServiceTypeClusterIP)
	s.deployment("web", 1, corev1.PodSpec{Containers: []corev1.Container{serving()}})
	s.rolledOut("web")
	pod := s.onlyPod("web")
	s.says(pod.Name, service.Spec.ClusterIP, "/")
	_, err := s.get(pod.Status.PodIP+":8080", "/ready", "set", "false")
	s.must(err)
	s.until(pod.Name, "unready", func(p *corev1.Pod) bool { return !isReady(p) })
	s.eventually("refusal", func() error {
		if _, err := s.get(service.Spec.ClusterIP, "/"); err == nil {
			return errors.New("it still answers")
		}
		return nil
	})
	_, err = s.get(pod.Status.PodIP+":8080", "/ready", "set", "true")
	s.must(err)
	s.says(pod.Name, service.Spec.ClusterIP, "/")
}

// playRollingUpdate changes the template and asks all the time: somebody must
// always answer.
func playRollingUpdate(s *scene) {
	service := s.service("web", corev1.ServiceTypeClusterIP)
	container := serving()
	container.Env = append(container.Env, corev1.EnvVar{Name: "VERSION", Value: "one"})
	// Time for the proxy to hear of the end before it comes.
	container.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 2}}}
	s.deployment("web", 2, corev1.PodSpec{Containers: []corev1.Container{container}})
	s.rolledOut("web")
	before := s.pods("web")
	s.says("one", service.Spec.ClusterIP, "/env", "name", "VERSION")
	patch := []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"main","env":[{"name":"VERSION","value":"two"}]}]}}}}`)
	_, err := s.client.AppsV1().Deployments(s.namespace).Patch(s.ctx, "web", types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	s.must(err)
	s.eventually("the second version", func() error {
		got, err := s.get(service.Spec.ClusterIP, "/env", "name", "VERSION")
		if err != nil {
			s.Errorf("during the update: %v", err)
		}
		if d, err := s.client.AppsV1().Deployments(s.namespace).Get(s.ctx, "web", metav1.GetOptions{}); err != nil || d.Status.UpdatedReplicas != 2 ||
			d.Status.Replicas != 2 || got != "two" {
			return errors.Join(err, fmt.Errorf("got %q", got))
		}
		return nil
	})
	for name := range before {
		s.gone(name)
	}
}

// playVolumes follows changes of what is mounted, and uses a projected token.
func playVolumes(s *scene) {
	config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "settings"}, Data: map[string]string{"colour": "green"}}
	configs := s.client.CoreV1().ConfigMaps(s.namespace)
	config, err := configs.Create(s.ctx, config, metav1.CreateOptions{})
	s.must(err)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "keys"}, StringData: map[string]string{"key": "hidden"}}
	_, err = s.client.CoreV1().Secrets(s.namespace).Create(s.ctx, secret, metav1.CreateOptions{})
	s.must(err)
	container := serving()
	container.Env = append(container.Env,
		corev1.EnvVar{Name: "KEY", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "keys"}, Key: "key"}}},
		corev1.EnvVar{Name: "IP", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.podIP"}}},
		corev1.EnvVar{Name: "BOTH", Value: "$(KEY)@$(IP)"})
	container.VolumeMounts = []corev1.VolumeMount{
		{Name: "settings", MountPath: "/etc/settings"}, {Name: "keys", MountPath: "/var/run/keys", ReadOnly: true},
		{Name: "token", MountPath: "/var/run/secrets/xds-tokens"}, {Name: "about", MountPath: "/about"},
	}
	projected := func(source corev1.VolumeProjection) corev1.VolumeSource {
		return corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{source}}}
	}
	s.pod("reader", corev1.PodSpec{Containers: []corev1.Container{container}, Volumes: []corev1.Volume{
		{Name: "settings", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}}},
		{Name: "keys", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "keys"}}},
		{Name: "token", VolumeSource: projected(corev1.VolumeProjection{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: "agentgateway", Path: "xds-token"}})},
		{Name: "about", VolumeSource: corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{
			{Path: "labels", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels"}},
		}}}},
	}})
	ip := s.until("reader", "ready", isReady).Status.PodIP
	host := ip + ":8080"
	s.says("green", host, "/file", "path", "/etc/settings/colour")
	s.says("hidden", host, "/file", "path", "/var/run/keys/key")
	s.says("app=\"reader\"", host, "/file", "path", "/about/labels")
	s.says("hidden@"+ip, host, "/env", "name", "BOTH")
	config.Data = map[string]string{"colour": "blue", "shape": "round"}
	_, err = configs.Update(s.ctx, config, metav1.UpdateOptions{})
	s.must(err)
	s.says("blue", host, "/file", "path", "/etc/settings/colour")
	s.says("round", host, "/file", "path", "/etc/settings/shape")

	token, err := s.get(host, "/file", "path", "/var/run/secrets/xds-tokens/xds-token")
	s.must(err)
	review, err := s.client.AuthenticationV1().TokenReviews().Create(s.ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{"agentgateway"}},
	}, metav1.CreateOptions{})
	s.must(err)
	if got := review.Status; !got.Authenticated || got.User.Username != "system:serviceaccount:volumes:default" ||
		!slices.Contains(got.User.Extra["authentication.kubernetes.io/pod-name"], "reader") {
		s.Errorf("review of the mounted token: %+v", got)
	}
}

// playDeletion checks that the hook runs before the signal, and that the pod
// stays in the API until its process has ended.
func playDeletion(s *scene) {
	dir := s.sharedDir()
	container := serving()
	container.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"sh", "-c", "echo asked >> /shared/story"}}}}
	container.Command = []string{"sh", "-c", `trap 'echo told >> /shared/story; exit 0' TERM; pod serve=:8080 & wait`}
	container.Args = nil
	container.VolumeMounts = []corev1.VolumeMount{{Name: "shared", MountPath: "/shared"}}
	s.pod("leaving", corev1.PodSpec{Containers: []corev1.Container{container}, Volumes: []corev1.Volume{
		{Name: "shared", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: dir}}},
	}})
	s.until("leaving", "ready", isReady)
	s.must(s.client.CoreV1().Pods(s.namespace).Delete(s.ctx, "leaving", metav1.DeleteOptions{}))
	s.gone("leaving")
	if got, err := os.ReadFile(filepath.Join(dir, "story")); err != nil || string(got) != "asked\ntold\n" {
		s.Errorf("story %q, %v", got, err)
	}
	if left := processesWith(podProgram, "leaving"); len(left) > 0 {
		s.Errorf("still running: %v", left)
	}

	// One that doesn't listen is killed when its grace is over.
	stubborn := corev1.Container{Name: "main", Image: testImage, Command: []string{"sh", "-c", "trap '' TERM; echo here; while true; do sleep 1; done"}}
	s.pod("stubborn", corev1.PodSpec{TerminationGracePeriodSeconds: new(int64(1)), Containers: []corev1.Container{stubborn}})
	s.eventually("first words", func() error {
		if got, err := s.client.CoreV1().Pods(s.namespace).GetLogs("stubborn", &corev1.PodLogOptions{}).DoRaw(s.ctx); err != nil || string(got) != "here\n" {
			return errors.Join(err, fmt.Errorf("logs %q", got))
		}
		return nil
	})
	s.must(s.client.CoreV1().Pods(s.namespace).Delete(s.ctx, "stubborn", metav1.DeleteOptions{}))
	s.gone("stubborn")
}

// playOrder checks that init containers run one by one, that a sidecar starts
// among them and ends last.
func playOrder(s *scene) {
	dir := s.sharedDir()
	mount := []corev1.VolumeMount{{Name: "shared", MountPath: "/shared"}}
	run := func(name, script string) corev1.Container {
		return corev1.Container{Name: name, Image: testImage, Command: []string{"sh", "-c", script}, VolumeMounts: mount}
	}
	sidecar := run("sidecar", `echo sidecar >> /shared/story; trap 'echo sidecar ends >> /shared/story; exit' TERM; while true; do sleep 0.1; done`)
	sidecar.RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
	sidecar.StartupProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"grep", "sidecar", "/shared/story"}}}, PeriodSeconds: 1}
	s.pod("play", corev1.PodSpec{
		RestartPolicy:  corev1.RestartPolicyNever,
		InitContainers: []corev1.Container{run("first", "sleep 0.2; echo first >> /shared/story"), sidecar, run("second", "echo second >> /shared/story")},
		Containers:     []corev1.Container{run("main", "echo main >> /shared/story")},
		Volumes:        []corev1.Volume{{Name: "shared", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: dir}}}},
	})
	pod := s.until("play", "over", func(p *corev1.Pod) bool {
		return p.Status.Phase == corev1.PodSucceeded && p.Status.InitContainerStatuses[1].State.Terminated != nil
	})
	if got, err := os.ReadFile(filepath.Join(dir, "story")); err != nil || string(got) != "first\nsidecar\nsecond\nmain\nsidecar ends\n" {
		s.Errorf("story %q, %v", got, err)
	}
	if got := conditionOf(pod, corev1.PodInitialized); got != corev1.ConditionTrue {
		s.Errorf("initialized %q", got)
	}
}

// playRestarts checks that containers that end or are unhealthy start again.
func playRestarts(s *scene) {
	failing := corev1.Container{Name: "main", Image: testImage, Args: []string{"say=run", "exit=7"}}
	s.pod("failing", corev1.PodSpec{Containers: []corev1.Container{failing}})
	pod := s.until("failing", "waiting after two runs", func(p *corev1.Pod) bool {
		return len(p.Status.ContainerStatuses) > 0 && p.Status.ContainerStatuses[0].RestartCount >= 1 && p.Status.ContainerStatuses[0].State.Waiting != nil
	})
	status := pod.Status.ContainerStatuses[0]
	if status.State.Waiting.Reason != "CrashLoopBackOff" || status.LastTerminationState.Terminated.ExitCode != 7 {
		s.Errorf("status %+v", status)
	}
	if got := s.logs("failing", corev1.PodLogOptions{Previous: true}); got != "run\n" {
		s.Errorf("previous logs %q", got)
	}

	ill := serving()
	// The delay lets it begin to listen for signals, which the first process of
	// a container doesn't hear otherwise.
	ill.LivenessProbe = &corev1.Probe{
		ProbeHandler:        corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(9)}},
		InitialDelaySeconds: 1, PeriodSeconds: 1, FailureThreshold: 1,
	}
	s.pod("ill", corev1.PodSpec{Containers: []corev1.Container{ill}})
	s.until("ill", "restarted", func(p *corev1.Pod) bool {
		return len(p.Status.ContainerStatuses) > 0 && p.Status.ContainerStatuses[0].RestartCount >= 1
	})
}

// playCompletion checks that a pod that has done its work stays as it is.
func playCompletion(s *scene) {
	once := corev1.Container{Name: "main", Image: testImage, Args: []string{"append=/dev/termination-log:all is well", "say=done", "exit=0"}}
	s.pod("once", corev1.PodSpec{RestartPolicy: corev1.RestartPolicyOnFailure, Containers: []corev1.Container{once}})
	pod := s.until("once", "succeeded", func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodSucceeded })
	if state := pod.Status.ContainerStatuses[0].State.Terminated; state.Reason != "Completed" || state.Message != "all is well\n" {
		s.Errorf("state %+v", state)
	}
	if got := s.logs("once", corev1.PodLogOptions{}); got != "done\n" {
		s.Errorf("logs %q", got)
	}
	s.must(s.client.CoreV1().Pods(s.namespace).Delete(s.ctx, "once", metav1.DeleteOptions{}))
	s.gone("once")
}

func playUnknownImage(s *scene) {
	s.pod("lost", corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "ghcr.io/nobody/knows:1.2"}}})
	pod := s.until("lost", "waiting", func(p *corev1.Pod) bool {
		return len(p.Status.ContainerStatuses) > 0 && p.Status.ContainerStatuses[0].State.Waiting != nil &&
			p.Status.ContainerStatuses[0].State.Waiting.Reason == "ErrImagePull"
	})
	const want = `no local program stands for the image "ghcr.io/nobody/knows:1.2" (repository nobody/knows): name one with --images`
	if got := pod.Status.ContainerStatuses[0].State.Waiting.Message; got != want || pod.Status.Phase != corev1.PodPending {
		s.Errorf("phase %s, message %q", pod.Status.Phase, got)
	}
	s.hasEvent("lost", want)
	s.must(s.client.CoreV1().Pods(s.namespace).Delete(s.ctx, "lost", metav1.DeleteOptions{}))
	s.gone("lost")
}

func (s *scene) hasEvent(pod, message string) {
	s.Helper()
	s.eventually("event of "+pod, func() error {
		events, err := s.client.CoreV1().Events(s.namespace).List(s.ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=" + pod})
		if err != nil {
			return err
		}
		for _, event := range events.Items {
			if strings.Contains(event.Message, message) {
				return nil
			}
		}
		return fmt.Errorf("not among %d", len(events.Items))
	})
}

// playMissingConfig starts a pod before what it mounts.
func playMissingConfig(s *scene) {
	container := serving()
	container.VolumeMounts = []corev1.VolumeMount{{Name: "late", MountPath: "/late"}}
	s.pod("early", corev1.PodSpec{Containers: []corev1.Container{container}, Volumes: []corev1.Volume{
		{Name: "late", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "late"}}}},
	}})
	s.hasEvent("early", `configmap "late" not found`)
	config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "late"}, Data: map[string]string{"a": "b"}}
	_, err := s.client.CoreV1().ConfigMaps(s.namespace).Create(s.ctx, config, metav1.CreateOptions{})
	s.must(err)
	ip := s.until("early", "ready", isReady).Status.PodIP
	s.says("b", ip+":8080", "/file", "path", "/late/a")
}

// playSecurity runs a container as the proxy runs: as a user without rights,
// who may still open low ports.
func playSecurity(s *scene) {
	container := serving()
	container.Args = []string{"serve=:80"}
	container.Ports[0].ContainerPort = 80
	container.SecurityContext = &corev1.SecurityContext{
		RunAsUser: new(int64(10101)), RunAsNonRoot: new(true), ReadOnlyRootFilesystem: new(true), AllowPrivilegeEscalation: new(false),
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
	container.VolumeMounts = []corev1.VolumeMount{{Name: "tmp", MountPath: "/tmp"}}
	s.pod("confined", corev1.PodSpec{
		Containers:      []corev1.Container{container},
		SecurityContext: &corev1.PodSecurityContext{Sysctls: []corev1.Sysctl{{Name: "net.ipv4.ip_unprivileged_port_start", Value: "0"}}},
		Volumes:         []corev1.Volume{{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
	})
	host := s.until("confined", "ready", isReady).Status.PodIP
	status, err := s.get(host, "/file", "path", "/proc/self/status")
	s.must(err)
	user := "10101\t10101\t10101\t10101"
	if s.process.form == rootless {
		// There are no other users than one.
		user = "0\t0\t0\t0"
	}
	for _, want := range []string{"Uid:\t" + user + "\n", "CapBnd:\t0000000000000000\n", "NoNewPrivs:\t1\n", "\nPid:\t1\n"} {
		if !strings.Contains(status, want) {
			s.Errorf("no %q in\n%s", want, status)
		}
	}
	mounts, err := s.get(host, "/file", "path", "/proc/self/mounts")
	s.must(err)
	if !strings.Contains(mounts, "container / tmpfs ro,") || strings.Contains(mounts, ".old") {
		s.Errorf("mounts\n%s", mounts)
	}
}

// TestNodeIsFast prints how long pods take from the creation of their
// Deployment until all are ready. It asserts nothing but that they become so.
func TestNodeIsFast(t *testing.T) { inAllForms(t, testNodeIsFast) }

func testNodeIsFast(t *testing.T, form form) {
	p := withNode(t, form)
	_, client := p.connect(t)
	for _, replicas := range []int32{1, 50} {
		s := newScene(t, p, client, fmt.Sprintf("pods-%d", replicas))
		began := time.Now()
		s.deployment("web", replicas, corev1.PodSpec{Containers: []corev1.Container{serving()}})
		s.rolledOut("web")
		t.Logf("%d pods ready after %v", replicas, time.Since(began).Round(time.Millisecond))
	}
	p.terminate(t)
	nothingLeft(t, form)
}

// TestNodeAfterCrash kills a cluster with a running pod. The pod must die with
// it, and the next start must find nothing in its way.
func TestNodeAfterCrash(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first := withNode(t, asRoot, "--dir", dir)
	_, client := first.connect(t)
	s := newScene(t, first, client, "crash")
	s.deployment("web", 1, corev1.PodSpec{Containers: []corev1.Container{serving()}})
	s.rolledOut("web")
	name := s.onlyPod("web").Name
	if err := first.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.command.Wait()
	if left, err := filepath.Glob(filepath.Join(first.temporary, "devcluster-node-*")); err != nil || len(left) != 1 {
		t.Errorf("directories of the killed node: %v, %v", left, err)
	}
	s.eventually("end of the pod's process", func() error {
		if left := processesWith(podProgram, name); len(left) > 0 {
			return fmt.Errorf("still running: %v", left)
		}
		return nil
	})
	second := prepare(t, "--node", "--images", "devcluster/test="+podProgram, "--dir", dir)
	// Where the killed one had its files.
	second.command.Env = append(second.command.Env, "TMPDIR="+first.temporary)
	second.begin(t)
	second.awaitReady(t)
	if left, err := filepath.Glob(filepath.Join(first.temporary, "devcluster-node-*")); err != nil || len(left) != 1 {
		t.Errorf("directories of nodes: %v, %v", left, err)
	}
	pod := s.until(name, "ready again", func(p *corev1.Pod) bool { return isReady(p) && p.Status.ContainerStatuses[0].RestartCount == 1 })
	s.says(name, pod.Status.PodIP+":8080", "/")
	second.terminate(t)
	nothingLeft(t, asRoot)
}

// TestSecondNode checks that a node doesn't get into the way of another one.
func TestSecondNode(t *testing.T) {
	first := withNode(t, asRoot)
	rival := launch(t, "--node")
	if err := rival.command.Wait(); err == nil || !strings.Contains(rival.stderr.String(), "another cluster has a node on this machine") {
		t.Errorf("a second node: %v\n%s", err, rival.stderr)
	}
	modest := start(t, "--node=auto")
	modest.terminate(t)
	if modest.Node != "" || !strings.Contains(modest.stderr.String(), "no node: another cluster has a node") {
		t.Errorf("with auto: node %q\n%s", modest.Node, modest.stderr)
	}
	first.terminate(t)
	nothingLeft(t, asRoot)
}
