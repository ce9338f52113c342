package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
)

// fieldManager owns what this tool applies.
const fieldManager = "agentgateway-run"

// cluster is the API server, as this tool uses it.
type cluster struct {
	kube    kubernetes.Interface
	dynamic dynamic.Interface
	mapper  *restmapper.DeferredDiscoveryRESTMapper
}

func connect(kubeconfig string) (*cluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	dynamicClient, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(kube.Discovery()))
	return &cluster{kube: kube, dynamic: dynamicClient, mapper: mapper}, nil
}

// prepare makes the namespace of the controller and applies the manifests
// below dir.
func (c *cluster) prepare(ctx context.Context, dir string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: controllerNamespace}}
	_, err := c.kube.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("no *.yaml in %s", dir)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := c.apply(ctx, content); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func (c *cluster) apply(ctx context.Context, content []byte) error {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
	for {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(object); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if len(object.Object) == 0 {
			continue
		}
		mapping, err := c.mapper.RESTMapping(object.GroupVersionKind().GroupKind(), object.GroupVersionKind().Version)
		if err != nil {
			return err
		}
		client := dynamic.ResourceInterface(c.dynamic.Resource(mapping.Resource))
		if object.GetNamespace() != "" {
			client = c.dynamic.Resource(mapping.Resource).Namespace(object.GetNamespace())
		}
		_, err = client.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
		if err != nil {
			return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
}

// writeToken writes a token as the pod of the quickstart Gateway would have
// one mounted: of its service account, for the controller's audience.
func (c *cluster) writeToken(ctx context.Context, file string) error {
	accounts := c.kube.CoreV1().ServiceAccounts(quickstartNamespace)
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: quickstartGateway}}
	if _, err := accounts.Create(ctx, account, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		Audiences:         []string{"agentgateway"},
		ExpirationSeconds: new(int64((24 * time.Hour).Seconds())),
	}}
	request, err := accounts.CreateToken(ctx, quickstartGateway, request, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(request.Status.Token), 0o600)
}

// gatewayAddress waits until the quickstart Gateway has an address, and
// returns it with the port of its listener.
func (c *cluster) gatewayAddress(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	gateways := c.dynamic.Resource(schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gateways"})
	watcher, err := gateways.Namespace(quickstartNamespace).Watch(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	defer watcher.Stop()
	for event := range watcher.ResultChan() {
		object, ok := event.Object.(*unstructured.Unstructured)
		if !ok || object.GetName() != quickstartGateway {
			continue
		}
		addresses, _, err := unstructured.NestedSlice(object.Object, "status", "addresses")
		if err != nil || len(addresses) == 0 {
			continue
		}
		if address, ok := addresses[0].(map[string]any); ok {
			return fmt.Sprintf("%v:%d", address["value"], quickstartPort), nil
		}
	}
	return "", ctx.Err()
}

// followProxies shows what the proxies of the quickstart Gateway log, until
// ctx ends: a line for each change that they apply.
func (c *cluster) followProxies(ctx context.Context) {
	selector := metav1.ListOptions{LabelSelector: "gateway.networking.k8s.io/gateway-name=" + quickstartGateway}
	pods, err := c.kube.CoreV1().Pods(quickstartNamespace).List(ctx, selector)
	if err != nil {
		fmt.Fprintln(os.Stderr, "run: list proxies:", err)
		return
	}
	for _, pod := range pods.Items {
		go func() {
			options := &corev1.PodLogOptions{Follow: true, SinceSeconds: new(int64(1))}
			stream, err := c.kube.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, options).Stream(ctx)
			if err != nil {
				fmt.Fprintf(os.Stderr, "run: logs of %s: %v\n", pod.Name, err)
				return
			}
			defer stream.Close()
			for lines := bufio.NewScanner(stream); lines.Scan(); {
				fmt.Printf("%-10s| %s\n", "proxy", lines.Text())
			}
		}()
	}
}
