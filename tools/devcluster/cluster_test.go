package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	corev1apply "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

var widgets = schema.GroupVersionResource{Group: "test.example.com", Version: "v1", Resource: "widgets"}

// TestAPIServer checks, on one cluster of the smallest kind, all that the
// controller and its tests need of an API server.
func TestAPIServer(t *testing.T) {
	p := start(t, "--components", "apiserver", "--crds", "testdata/manifests")
	config, client := p.connect(t)
	ctx := t.Context()

	t.Run("kubeconfig is private", func(t *testing.T) {
		info, err := os.Stat(p.Kubeconfig)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != fs.FileMode(0o600) {
			t.Errorf("mode %v", info.Mode())
		}
		if !strings.HasPrefix(p.Server, "https://127.0.0.1:") || config.Host != p.Server {
			t.Errorf("ready line says %q, kubeconfig %q", p.Server, config.Host)
		}
	})
	t.Run("manifests are applied and served", func(t *testing.T) { checkWidgets(ctx, t, config) })
	t.Run("admission policies apply", func(t *testing.T) { checkPolicy(ctx, t, client) })
	t.Run("service accounts and RBAC", func(t *testing.T) { checkTokens(ctx, t, config, client) })
	t.Run("server-side apply", func(t *testing.T) {
		wanted := corev1apply.ConfigMap("settings", "default").WithData(map[string]string{"colour": "green"})
		options := metav1.ApplyOptions{FieldManager: "test"}
		for range 2 {
			got, err := client.CoreV1().ConfigMaps("default").Apply(ctx, wanted, options)
			if err != nil {
				t.Fatal(err)
			}
			if got.Data["colour"] != "green" {
				t.Errorf("got %v", got.Data)
			}
		}
	})
	t.Run("leases", func(t *testing.T) {
		lease := &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: "leader"},
			Spec:       coordinationv1.LeaseSpec{HolderIdentity: new("me")},
		}
		if _, err := client.CoordinationV1().Leases("default").Create(ctx, lease, metav1.CreateOptions{}); err != nil {
			t.Error(err)
		}
	})
	t.Run("services get addresses", func(t *testing.T) {
		service := &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: "web"},
			Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
		}
		got, err := client.CoreV1().Services("default").Create(ctx, service, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(got.Spec.ClusterIP, "10.96.") {
			t.Errorf("cluster IP %q is outside %s", got.Spec.ClusterIP, serviceIPRange)
		}
	})
	p.terminate(t)
}

func checkWidgets(ctx context.Context, t *testing.T, config *rest.Config) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Resource(widgets).Namespace("workshop").Get(ctx, "first", metav1.GetOptions{}); err != nil {
		t.Errorf("the widget of the manifests: %v", err)
	}
	bad := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "test.example.com/v1", "kind": "Widget",
		"metadata": map[string]any{"name": "bad"},
		"spec":     map[string]any{"size": int64(0)},
	}}
	_, err = client.Resource(widgets).Namespace("workshop").Create(ctx, bad, metav1.CreateOptions{})
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "size must be positive") {
		t.Errorf("a widget that breaks the CRD's rule: %v", err)
	}
}

// checkPolicy asks again and again, because a policy begins to work a moment
// after it was accepted.
func checkPolicy(ctx context.Context, t *testing.T, client kubernetes.Interface) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var last error
	err := poll(ctx, func() error {
		forbidden := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "forbidden-"}}
		_, last = client.CoreV1().ConfigMaps("default").Create(ctx, forbidden, metav1.CreateOptions{})
		if last == nil {
			return os.ErrExist
		}
		return nil
	})
	if err != nil || !strings.Contains(last.Error(), "this name is forbidden") {
		t.Errorf("the policy isn't in force: %v, %v", err, last)
	}
}

func checkTokens(ctx context.Context, t *testing.T, config *rest.Config, client kubernetes.Interface) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "proxy"}}
	if _, err := client.CoreV1().ServiceAccounts("default").Create(ctx, account, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	request := func(audiences ...string) string {
		t.Helper()
		made, err := client.CoreV1().ServiceAccounts("default").CreateToken(ctx, "proxy", &authenticationv1.TokenRequest{
			Spec: authenticationv1.TokenRequestSpec{Audiences: audiences},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return made.Status.Token
	}
	review := func(token, audience string) authenticationv1.TokenReviewStatus {
		t.Helper()
		made, err := client.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
			Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{audience}},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return made.Status
	}
	token := request("agentgateway")
	got := review(token, "agentgateway")
	if !got.Authenticated || got.User.Username != "system:serviceaccount:default:proxy" || !slices.Contains(got.Audiences, "agentgateway") {
		t.Errorf("review for the token's audience: %+v", got)
	}
	if got := review(token, "somebody-else"); got.Authenticated {
		t.Errorf("review for another audience: %+v", got)
	}

	speaker := rest.AnonymousClientConfig(config)
	speaker.BearerToken = request()
	limited, err := kubernetes.NewForConfig(speaker)
	if err != nil {
		t.Fatal(err)
	}
	_, err = limited.CoreV1().Secrets("default").List(ctx, metav1.ListOptions{})
	if !apierrors.IsForbidden(err) {
		t.Errorf("a service account without a role lists secrets: %v", err)
	}
}

// TestControllers checks that the other components do their work: a
// Deployment becomes a Pod, which waits for a node because there is none.
func TestControllers(t *testing.T) {
	p := start(t)
	_, client := p.connect(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	labels := map[string]string{"app": "web"}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "none"}}},
			},
		},
	}
	if _, err := client.AppsV1().Deployments("default").Create(ctx, deployment, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	err := poll(ctx, func() error {
		pods, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
		if err != nil {
			return err
		}
		for _, pod := range pods.Items {
			for _, condition := range pod.Status.Conditions {
				if condition.Type == corev1.PodScheduled && condition.Reason == corev1.PodReasonUnschedulable {
					return nil
				}
			}
		}
		return fs.ErrNotExist
	})
	if err != nil {
		t.Errorf("no pod that waits for a node: %v", err)
	}
	p.terminate(t)
}

// TestRestartKeepsEverything stops a cluster and starts it again on the same
// directory: objects, port, and credentials handed out before are still good.
func TestRestartKeepsEverything(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	kubeconfig := filepath.Join(t.TempDir(), "admin.kubeconfig")
	readyFile := filepath.Join(t.TempDir(), "ready.json")
	args := []string{"--components", "apiserver", "--dir", dir, "--kubeconfig", kubeconfig, "--ready-file", readyFile}

	first := start(t, args...)
	if first.Kubeconfig != kubeconfig {
		t.Errorf("kubeconfig %q, asked for %q", first.Kubeconfig, kubeconfig)
	}
	if _, err := os.Stat(readyFile); err != nil {
		t.Errorf("ready file: %v", err)
	}
	_, client := first.connect(t)
	kept := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "kept"}, Data: map[string]string{"a": "1"}}
	if _, err := client.CoreV1().ConfigMaps("default").Create(t.Context(), kept, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}

	rival := launch(t, args...)
	if err := rival.command.Wait(); err == nil || !strings.Contains(rival.stderr.String(), "another devcluster uses") {
		t.Errorf("a second cluster on the same directory: %v\n%s", err, rival.stderr)
	}
	first.terminate(t)
	if _, err := os.Stat(readyFile); err == nil {
		t.Error("the ready file outlived the cluster")
	}

	second := start(t, args...)
	if second.Server != first.Server {
		t.Errorf("the server moved from %s to %s", first.Server, second.Server)
	}
	// The client of before: its certificate was issued by the first start.
	got, err := client.CoreV1().ConfigMaps("default").Get(t.Context(), "kept", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Data["a"] != "1" {
		t.Errorf("got %v", got.Data)
	}
	second.terminate(t)
}

// TestEndsWithStdin closes the pipe that a parent would hold, while a client
// watches: an open watch must not hold up the end.
func TestEndsWithStdin(t *testing.T) {
	p := start(t, "--components", "apiserver", "--exit-with-stdin")
	_, client := p.connect(t)
	watch, err := client.CoreV1().ConfigMaps("default").Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Stop()
	if err := p.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	p.ends(t)
}

// TestEndsWhileStarting stops a cluster before it is ready, which is no error.
func TestEndsWhileStarting(t *testing.T) {
	p := launch(t, "--exit-with-stdin")
	if err := p.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	p.ends(t)
}

// TestBadManifest checks that a start which can't succeed says why and leaves
// nothing.
func TestBadManifest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bad.yaml")
	content := "apiVersion: unknown.example.com/v1\nkind: Mystery\nmetadata:\n  name: x\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, "--components", "apiserver", "--crds", file)
	if err := p.command.Wait(); err == nil || !strings.Contains(p.stderr.String(), "Mystery x") {
		t.Errorf("exit: %v\n%s", err, p.stderr)
	}
	if left, err := os.ReadDir(p.temporary); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
