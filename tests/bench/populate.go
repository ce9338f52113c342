package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	gatewayclient "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned"

	"agentgateway.dev/controller/tests/cluster"
)

// apiServer is a cluster with clients that have no limit of their own.
type apiServer struct {
	*cluster.Cluster
	kube    kubernetes.Interface
	gateway gatewayclient.Interface
}

func startCluster() (*apiServer, error) {
	c, err := cluster.New(cluster.Options{})
	if err != nil {
		return nil, err
	}
	s := &apiServer{Cluster: c}
	// Core kinds travel as protobuf, which leaves more of the machine to what
	// is measured.
	core := rest.CopyConfig(c.RESTConfig)
	core.ContentType = "application/vnd.kubernetes.protobuf"
	if s.kube, err = kubernetes.NewForConfig(core); err == nil {
		s.gateway, err = gatewayclient.NewForConfig(c.RESTConfig)
	}
	return s, err
}

// populate creates everything of a world.
func (s *apiServer) populate(ctx context.Context, w world, progress func(string, ...any)) error {
	for _, name := range []string{namespace, systemNamespace} {
		if _, err := s.kube.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	if _, err := s.kube.CoreV1().ServiceAccounts(namespace).Create(ctx, account, metav1.CreateOptions{}); err != nil {
		return err
	}
	if _, err := s.gateway.GatewayV1().GatewayClasses().Create(ctx, gatewayClass(), metav1.CreateOptions{}); err != nil {
		return err
	}
	for _, step := range []struct {
		what   string
		count  int
		create func(context.Context, int) error
	}{
		{"services with pods", w.Services, func(ctx context.Context, i int) error { return s.createService(ctx, i, w.PodsEach) }},
		{"certificates", w.Certificates, s.createCertificate},
		{"gateways", w.Gateways, func(ctx context.Context, i int) error {
			_, err := s.gateway.GatewayV1().Gateways(namespace).Create(ctx, w.gateway(i), metav1.CreateOptions{})
			return err
		}},
		{"listener sets", w.ListenerSets, func(ctx context.Context, i int) error {
			_, err := s.gateway.GatewayV1().ListenerSets(namespace).Create(ctx, w.listenerSet(i), metav1.CreateOptions{})
			return err
		}},
		{"routes", w.Routes, func(ctx context.Context, i int) error {
			if i > 0 && i%5000 == 0 {
				progress("  %d routes", i)
			}
			_, err := s.gateway.GatewayV1().HTTPRoutes(namespace).Create(ctx, w.route(i), metav1.CreateOptions{})
			return err
		}},
	} {
		if step.count == 0 {
			continue
		}
		progress("creating %d %s", step.count, step.what)
		if err := each(ctx, step.count, step.create); err != nil {
			return fmt.Errorf("create %s: %w", step.what, err)
		}
	}
	return nil
}

func (s *apiServer) createService(ctx context.Context, i, pods int) error {
	if _, err := s.kube.CoreV1().Services(namespace).Create(ctx, service(i), metav1.CreateOptions{}); err != nil {
		return err
	}
	numbers := make([]int, pods)
	for p := range pods {
		numbers[p] = p
		if _, err := s.createPod(ctx, i, p); err != nil {
			return err
		}
	}
	_, err := s.kube.DiscoveryV1().EndpointSlices(namespace).Create(ctx, slice(i, numbers...), metav1.CreateOptions{})
	return err
}

// createPod makes a pod and then makes it run. It returns when the request was
// sent that did the latter.
func (s *apiServer) createPod(ctx context.Context, service, i int) (time.Time, error) {
	pods := s.kube.CoreV1().Pods(namespace)
	created, err := pods.Create(ctx, pod(service, i), metav1.CreateOptions{})
	if err != nil {
		return time.Time{}, err
	}
	created.Status = podStatus(podIP(service, i))
	sent := time.Now()
	_, err = pods.UpdateStatus(ctx, created, metav1.UpdateOptions{})
	return sent, err
}

func (s *apiServer) createCertificate(ctx context.Context, i int) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: certificateName(i)},
		DNSNames: []string{"*.example.com"}, NotAfter: time.Now().Add(24 * time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: certificateName(i)},
		Type:       corev1.SecretTypeTLS,
		Data: map[string][]byte{
			corev1.TLSCertKey:       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
			corev1.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		},
	}
	_, err = s.kube.CoreV1().Secrets(namespace).Create(ctx, secret, metav1.CreateOptions{})
	return err
}

// token is one of the service account that the controller makes for a Gateway.
func (s *apiServer) token(ctx context.Context, account string) (string, error) {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{"agentgateway"}}}
	request, err := s.kube.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return request.Status.Token, nil
}
