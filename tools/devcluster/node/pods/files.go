//go:build linux

package pods

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// volumeRetry is how long after a failed change of a volume it is tried again.
const volumeRetry = 10 * time.Second

func (p *Pod) makeDir() error {
	return errors.Join(os.MkdirAll(filepath.Join(p.dir, "etc"), 0o755), os.MkdirAll(filepath.Join(p.dir, "volumes"), 0o755))
}

// writeFiles writes what every container finds in its /etc.
func (p *Pod) writeFiles() error {
	object := p.current()
	p.mu.Lock()
	address := p.address
	p.mu.Unlock()
	files := map[string]string{
		"hosts":       hosts(object, address),
		"hostname":    hostname(object) + "\n",
		"resolv.conf": p.resolvConf(object),
	}
	for name, content := range files {
		path := filepath.Join(p.dir, "etc", name)
		// The mode is set apart from the umask, because containers run as others.
		if err := errors.Join(os.WriteFile(path, []byte(content), 0o644), os.Chmod(path, 0o644)); err != nil {
			return err
		}
	}
	return nil
}

func hosts(pod *corev1.Pod, address string) string {
	var b strings.Builder
	b.WriteString("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n")
	name := hostname(pod)
	if pod.Spec.Subdomain != "" {
		name = fmt.Sprintf("%s.%s.%s.svc.cluster.local\t%s", name, pod.Spec.Subdomain, pod.Namespace, name)
	}
	fmt.Fprintf(&b, "%s\t%s\n", address, name)
	for _, alias := range pod.Spec.HostAliases {
		fmt.Fprintf(&b, "%s\t%s\n", alias.IP, strings.Join(alias.Hostnames, "\t"))
	}
	return b.String()
}

func hostname(pod *corev1.Pod) string {
	name := pod.Spec.Hostname
	if name == "" {
		name = pod.Name
	}
	// The kernel's limit, less the end of the text.
	return strings.TrimRight(name[:min(len(name), 63)], "-.")
}

// resolvConf is the configuration of the pod's resolver. Names without enough
// dots are looked for in the pod's namespace first.
func (p *Pod) resolvConf(pod *corev1.Pod) string {
	servers := []string{p.machine.ClusterDNS}
	searches := []string{pod.Namespace + ".svc.cluster.local", "svc.cluster.local", "cluster.local"}
	options := map[string]string{"ndots": "5"}
	order := []string{"ndots"}
	switch pod.Spec.DNSPolicy {
	case corev1.DNSNone:
		servers, searches, order = nil, nil, nil
	case corev1.DNSDefault:
		if content, err := os.ReadFile("/etc/resolv.conf"); err == nil {
			return string(content)
		}
	}
	if config := pod.Spec.DNSConfig; config != nil {
		servers = append(servers, config.Nameservers...)
		searches = append(searches, config.Searches...)
		for _, option := range config.Options {
			if _, set := options[option.Name]; !set || len(order) == 0 {
				order = append(order, option.Name)
			}
			options[option.Name] = ""
			if option.Value != nil {
				options[option.Name] = *option.Value
			}
		}
	}
	var b strings.Builder
	for _, server := range servers {
		fmt.Fprintf(&b, "nameserver %s\n", server)
	}
	if len(searches) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(searches, " "))
	}
	for _, name := range order {
		b.WriteString("options " + name)
		if options[name] != "" {
			b.WriteString(":" + options[name])
		}
		b.WriteString("\n")
	}
	return b.String()
}

// writeVolumes brings the volumes up to date, with the pod as it is now.
func (p *Pod) writeVolumes() error {
	_, err := p.volumes.Write(p.alive, p.withStatus())
	return err
}

// keepVolumes follows changes of what is mounted until the pod stops.
func (p *Pod) keepVolumes() {
	var last string
	for {
		next, err := p.volumes.Write(p.alive, p.withStatus())
		if p.alive.Err() != nil {
			return
		}
		message := ""
		if err != nil {
			message = err.Error()
			if message != last {
				p.warn("FailedMount", "updating volumes: %v", err)
			}
			next = time.Now().Add(volumeRetry)
		}
		last = message
		var due <-chan time.Time
		if !next.IsZero() {
			due = time.After(time.Until(next))
		}
		select {
		case <-p.stale:
		case <-due:
		case <-p.alive.Done():
			return
		}
	}
}
