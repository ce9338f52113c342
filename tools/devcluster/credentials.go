package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"path/filepath"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"agentgateway.dev/controller/tools/devcluster/node"
)

// credentials are the files that the components and their clients need, by
// path.
type credentials struct {
	authority         string
	serverCertificate string
	serverKey         string
	// kubelet… are what the API server shows to the node.
	kubeletClientCertificate string
	kubeletClientKey         string
	// node is what the node shows to the API server.
	node tls.Certificate
	// serviceAccountKey signs service account tokens, and is also read to
	// check them.
	serviceAccountKey string

	// Kubeconfigs: who each speaks for stands in the names that RBAC knows.
	admin, controllerManager, scheduler string
}

// writeCredentials makes every key and certificate, and the kubeconfigs that
// point to the server URL. The authority and the service account key are kept
// in the data directory; all the rest is made anew at every start.
func writeCredentials(dir *dataDir, server, kubeconfig string) (credentials, error) {
	c := credentials{
		authority:                dir.file("pki", "ca.crt"),
		serverCertificate:        dir.file("pki", "apiserver.crt"),
		serverKey:                dir.file("pki", "apiserver.key"),
		kubeletClientCertificate: filepath.Join(dir.run, "apiserver-kubelet-client.crt"),
		kubeletClientKey:         filepath.Join(dir.run, "apiserver-kubelet-client.key"),
		serviceAccountKey:        dir.file("pki", "service-account.key"),
		admin:                    kubeconfig,
		controllerManager:        filepath.Join(dir.run, "controller-manager.kubeconfig"),
		scheduler:                filepath.Join(dir.run, "scheduler.kubeconfig"),
	}
	issuer, err := loadOrMakeAuthority(c.authority, dir.file("pki", "ca.key"))
	if err != nil {
		return credentials{}, fmt.Errorf("certificate authority: %w", err)
	}
	if err := loadOrMakeKey(c.serviceAccountKey); err != nil {
		return credentials{}, fmt.Errorf("service account key: %w", err)
	}
	serving, err := issuer.issueServer("kube-apiserver",
		[]string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
		[]net.IP{net.IPv4(127, 0, 0, 1), net.ParseIP(apiServiceIP)})
	if err != nil {
		return credentials{}, err
	}
	if err := writePrivately(c.serverCertificate, serving.certificatePEM); err != nil {
		return credentials{}, err
	}
	if err := writePrivately(c.serverKey, serving.keyPEM); err != nil {
		return credentials{}, err
	}
	if err := c.issueForNode(issuer); err != nil {
		return credentials{}, err
	}
	for _, client := range []struct {
		file, user string
		groups     []string
	}{
		{c.admin, "devcluster-admin", []string{"system:masters"}},
		{c.controllerManager, "system:kube-controller-manager", nil},
		{c.scheduler, "system:kube-scheduler", nil},
	} {
		id, err := issuer.issueClient(client.user, client.groups...)
		if err != nil {
			return credentials{}, err
		}
		content, err := renderKubeconfig(server, client.user, issuer.certificatePEM, id)
		if err != nil {
			return credentials{}, err
		}
		if err := writePrivately(client.file, content); err != nil {
			return credentials{}, fmt.Errorf("writing the kubeconfig of %s: %w", client.user, err)
		}
	}
	return c, nil
}

// issueForNode makes what the API server and the node show to each other.
func (c *credentials) issueForNode(issuer *authority) error {
	client, err := issuer.issueClient("kube-apiserver-kubelet-client", "system:masters")
	if err != nil {
		return err
	}
	if err := writePrivately(c.kubeletClientCertificate, client.certificatePEM); err != nil {
		return err
	}
	if err := writePrivately(c.kubeletClientKey, client.keyPEM); err != nil {
		return err
	}
	serving, err := issuer.issueServer("system:node:"+node.Name, []string{node.Name}, []net.IP{net.ParseIP(node.Address)})
	if err != nil {
		return err
	}
	c.node, err = tls.X509KeyPair(serving.certificatePEM, serving.keyPEM)
	return err
}

// renderKubeconfig holds its keys inline, so that the file may be copied
// anywhere.
func renderKubeconfig(server, user string, authorityPEM []byte, id identity) ([]byte, error) {
	const name = "devcluster"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: authorityPEM}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: id.certificatePEM, ClientKeyData: id.keyPEM}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: user}
	config.CurrentContext = name
	content, err := clientcmd.Write(*config)
	if err != nil {
		return nil, fmt.Errorf("encoding the kubeconfig of %s: %w", user, err)
	}
	return content, nil
}
