//go:build linux

package pods

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"agentgateway.dev/controller/tools/devcluster/node/container"
	"agentgateway.dev/controller/tools/devcluster/node/logs"
)

// eagerPeriod is how soon a probe that hasn't succeeded yet is tried again at
// first; the wait grows up to the probe's own period. Such attempts are extra:
// their failures don't count.
const eagerPeriod = 50 * time.Millisecond

// unhealth is why a container is to be restarted.
type unhealth struct {
	message string
	grace   *int64
}

// probe asks how the container is until it ends.
func (m *member) probe(running context.Context, unhealthy chan<- unhealth) {
	if probe := m.spec.StartupProbe; probe != nil {
		started := make(chan struct{})
		startup, done := context.WithCancel(running)
		m.repeat(startup, "Startup", probe, true, func(ok bool) {
			if ok {
				close(started)
			} else {
				unhealthy <- unhealth{"failed startup probe", probe.TerminationGracePeriodSeconds}
			}
			done()
		})
		select {
		case <-started:
		default:
			return
		}
	}
	m.change(func(s *corev1.ContainerStatus) {
		s.Started = new(true)
		s.Ready = m.spec.ReadinessProbe == nil
	})
	m.markStarted.Do(func() { close(m.started) })
	var both sync.WaitGroup
	if probe := m.spec.ReadinessProbe; probe != nil {
		both.Go(func() {
			m.repeat(running, "Readiness", probe, true, func(ok bool) {
				m.change(func(s *corev1.ContainerStatus) { s.Ready = ok && s.State.Running != nil })
			})
		})
	}
	if probe := m.spec.LivenessProbe; probe != nil {
		both.Go(func() {
			liveness, done := context.WithCancel(running)
			defer done()
			m.repeat(liveness, "Liveness", probe, false, func(ok bool) {
				if !ok {
					unhealthy <- unhealth{"failed liveness probe", probe.TerminationGracePeriodSeconds}
					done()
				}
			})
		})
	}
	both.Wait()
}

// repeat probes until ctx ends, and tells of every change of the result. Eager
// probing looks for the first success more often.
func (m *member) repeat(ctx context.Context, kind string, probe *corev1.Probe, eager bool, changed func(ok bool)) {
	period := time.Duration(max(probe.PeriodSeconds, 1)) * time.Second
	if !sleep(ctx, time.Duration(probe.InitialDelaySeconds)*time.Second) {
		return
	}
	// In a row.
	var successes, failures int32
	known, result := false, false
	extra := eagerPeriod
	counted := time.Now()
	for {
		err := m.ask(ctx, probe)
		if ctx.Err() != nil {
			return
		}
		counts := err == nil || !eager || !time.Now().Before(counted)
		if counts {
			counted = time.Now().Add(period)
		}
		switch {
		case err == nil:
			successes, failures = successes+1, 0
		case counts:
			successes, failures = 0, failures+1
			m.pod.warn("Unhealthy", "%s probe failed: %v", kind, err)
		}
		if successes >= max(probe.SuccessThreshold, 1) && (!known || !result) {
			known, result, eager = true, true, false
			changed(true)
		}
		if failures >= max(probe.FailureThreshold, 1) && (!known || result) {
			known, result = true, false
			changed(false)
		}
		wait := period
		if eager {
			wait = min(extra, period)
			extra = extra * 3 / 2
		}
		if !sleep(ctx, wait) {
			return
		}
	}
}

func sleep(ctx context.Context, wait time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(wait):
		return ctx.Err() == nil
	}
}

// ask probes once.
func (m *member) ask(ctx context.Context, probe *corev1.Probe) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(max(probe.TimeoutSeconds, 1))*time.Second)
	defer cancel()
	switch {
	case probe.HTTPGet != nil:
		return m.get(ctx, probe.HTTPGet)
	case probe.TCPSocket != nil:
		address, err := m.target(probe.TCPSocket.Host, probe.TCPSocket.Port)
		if err != nil {
			return err
		}
		connection, err := m.pod.dial(ctx, address)
		if err != nil {
			return err
		}
		return connection.Close()
	case probe.Exec != nil:
		return m.tryCommand(ctx, probe.Exec.Command)
	case probe.GRPC != nil:
		return m.checkGRPC(ctx, probe.GRPC)
	}
	return nil
}

func (m *member) tryCommand(ctx context.Context, command []string) error {
	var output bytes.Buffer
	exit, err := m.exec(ctx, command, container.Streams{Out: &output, Err: &output})
	if err != nil {
		return err
	}
	if exit.Code != 0 {
		return fmt.Errorf("exit code %d: %s", exit.Code, strings.TrimSpace(output.String()))
	}
	return nil
}

// get asks by HTTP. Every status from 200 to 399 is a success.
func (m *member) get(ctx context.Context, action *corev1.HTTPGetAction) error {
	address, err := m.target(action.Host, action.Port)
	if err != nil {
		return err
	}
	path, err := url.Parse(action.Path)
	if err != nil {
		path = &url.URL{Path: action.Path}
	}
	path.Scheme, path.Host = strings.ToLower(string(action.Scheme)), address
	if path.Scheme == "" {
		path.Scheme = "http"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, path.String(), nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "kube-probe/devcluster")
	request.Header.Set("Accept", "*/*")
	for _, header := range action.HTTPHeaders {
		if strings.EqualFold(header.Name, "Host") {
			request.Host = header.Value
			continue
		}
		request.Header.Add(header.Name, header.Value)
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) { return m.pod.dial(ctx, address) },
		// A probe asks whether something answers, not who.
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		DisableKeepAlives: true,
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode < http.StatusOK || response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("HTTP probe failed with statuscode: %d", response.StatusCode)
	}
	return nil
}

// target is the address that a probe without a host asks: the pod's.
func (m *member) target(host string, port intstr.IntOrString) (string, error) {
	if host == "" {
		m.pod.mu.Lock()
		host = m.pod.address
		m.pod.mu.Unlock()
	}
	if port.Type == intstr.Int {
		return net.JoinHostPort(host, strconv.Itoa(port.IntValue())), nil
	}
	for _, named := range m.spec.Ports {
		if named.Name == port.StrVal {
			return net.JoinHostPort(host, strconv.Itoa(int(named.ContainerPort))), nil
		}
	}
	if number, err := strconv.Atoi(port.StrVal); err == nil {
		return net.JoinHostPort(host, strconv.Itoa(number)), nil
	}
	return "", fmt.Errorf("the container has no port named %q", port.StrVal)
}

// postStart runs the hook of that name. It returns false if the container is
// to be killed for it.
func (m *member) postStart(running context.Context, unhealthy chan<- unhealth) bool {
	if m.spec.Lifecycle == nil || m.spec.Lifecycle.PostStart == nil {
		return true
	}
	if err := m.hook(running, m.spec.Lifecycle.PostStart); err != nil && running.Err() == nil {
		m.pod.warn("FailedPostStartHook", "PostStartHook failed: %v", err)
		unhealthy <- unhealth{"failed its postStart hook", nil}
		return false
	}
	return true
}

// preStop runs the hook of that name, for as long as the container may live.
func (m *member) preStop(patience context.Context) {
	if m.spec.Lifecycle == nil || m.spec.Lifecycle.PreStop == nil {
		return
	}
	if err := m.hook(patience, m.spec.Lifecycle.PreStop); err != nil && patience.Err() == nil {
		m.pod.warn("FailedPreStopHook", "PreStopHook failed: %v", err)
	}
}

func (m *member) hook(ctx context.Context, hook *corev1.LifecycleHandler) error {
	switch {
	case hook.Exec != nil:
		return m.tryCommand(ctx, hook.Exec.Command)
	case hook.HTTPGet != nil:
		return m.get(ctx, hook.HTTPGet)
	case hook.Sleep != nil:
		sleep(ctx, time.Duration(hook.Sleep.Seconds)*time.Second)
	}
	return nil
}

// logTail is the end of what the container has printed.
func (m *member) logTail() string {
	const lines, size = 80, 2048
	m.pod.mu.Lock()
	log := m.log
	m.pod.mu.Unlock()
	if log == nil {
		return ""
	}
	var b bytes.Buffer
	if err := log.Copy(context.Background(), &b, logs.Options{Tail: lines, Limit: -1}); err != nil && err != io.EOF {
		return ""
	}
	return string(b.Bytes()[max(0, b.Len()-size):])
}
