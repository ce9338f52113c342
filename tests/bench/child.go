package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"agentgateway.dev/controller/tests/cluster"
)

// child is a process under measurement.
type child struct {
	name    string
	pid     int
	started time.Time
	log     *os.File
	ended   chan error
	command *exec.Cmd
	// xds, health, metrics and admin are addresses; a process of informers only
	// has metrics and admin.
	xds, health, metrics, admin string
}

// clockTick is the unit of CPU times under /proc, the same on every Linux that
// Go runs on.
const clockTick = 10 * time.Millisecond

// endPatience is how long a child may take to end.
const endPatience = 20 * time.Second

func (c *child) start(logPath string, binary string, environment []string, args ...string) error {
	log, err := os.Create(logPath)
	if err != nil {
		return err
	}
	command := exec.Command(binary, args...)
	command.Env = append(os.Environ(), environment...)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	c.log, c.command, c.ended = log, command, make(chan error, 1)
	started := make(chan error)
	go func() {
		// Linux kills the child when the thread that started it ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		c.started = time.Now()
		err := command.Start()
		started <- err
		if err == nil {
			c.ended <- command.Wait()
		}
	}()
	if err := <-started; err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", c.name, err), log.Close())
	}
	c.pid = command.Process.Pid
	return nil
}

// stop ends the child.
func (c *child) stop() error {
	defer c.log.Close()
	if err := c.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case err := <-c.ended:
		if err != nil {
			return fmt.Errorf("%s, see %s: %w", c.name, c.log.Name(), err)
		}
		return nil
	case <-time.After(endPatience):
		return errors.Join(fmt.Errorf("%s didn't end within %s", c.name, endPatience), c.command.Process.Kill())
	}
}

// running is nil unless the child has ended by itself.
func (c *child) running() error {
	select {
	case err := <-c.ended:
		c.ended <- err
		return fmt.Errorf("%s has ended, see %s: %w", c.name, c.log.Name(), err)
	default:
		return nil
	}
}

// cpu is the CPU time that the child took so far, in user and kernel.
func (c *child) cpu() time.Duration {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.pid))
	if err != nil {
		return 0
	}
	// The name of the command, in parentheses, may hold anything.
	_, rest, _ := strings.Cut(string(content), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick
}

// memory is what the kernel counts of the child, in MiB.
type memory struct {
	// Resident is all that is in memory, Anonymous what isn't the binary or
	// another file, and Peak the largest Resident so far.
	Resident, Anonymous, Peak float64
}

func (c *child) memory() memory {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid))
	if err != nil {
		return memory{}
	}
	value := func(key string) float64 {
		for line := range strings.Lines(string(content)) {
			if rest, ok := strings.CutPrefix(line, key+":"); ok {
				kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
				if err == nil {
					return kib / 1024
				}
			}
		}
		return 0
	}
	return memory{Resident: value("VmRSS"), Anonymous: value("RssAnon"), Peak: value("VmHWM")}
}

// heap returns the live heap and the stacks, in MiB, after a collection, and
// keeps the profile in the file if one is named.
func (c *child) heap(ctx context.Context, file string) (live, stacks float64, err error) {
	profile, err := get(ctx, c.admin, "/debug/pprof/heap?gc=1")
	if err != nil {
		return 0, 0, err
	}
	if file != "" {
		if err := os.WriteFile(file, profile, 0o644); err != nil {
			return 0, 0, err
		}
	}
	m, err := c.scrape(ctx)
	if err != nil {
		return 0, 0, err
	}
	return m.sum("go_memstats_heap_alloc_bytes") / (1 << 20), m.sum("go_memstats_stack_inuse_bytes") / (1 << 20), nil
}

// metrics are the values of /metrics by name and labels as written.
type metrics map[string]float64

func (c *child) scrape(ctx context.Context) (metrics, error) {
	body, err := get(ctx, c.metrics, "/metrics")
	if err != nil {
		return nil, err
	}
	found := metrics{}
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		space := strings.LastIndexByte(strings.TrimSpace(line), ' ')
		if space < 0 {
			continue
		}
		if value, err := strconv.ParseFloat(strings.TrimSpace(line[space+1:]), 64); err == nil {
			found[line[:space]] = value
		}
	}
	return found, nil
}

// sum adds up the values of a metric over all labels that contain each of the
// given texts.
func (m metrics) sum(name string, labels ...string) float64 {
	sum := 0.0
series:
	for key, value := range m {
		rest, ok := strings.CutPrefix(key, name)
		if !ok || rest != "" && rest[0] != '{' {
			continue
		}
		for _, label := range labels {
			if !strings.Contains(rest, label) {
				continue series
			}
		}
		sum += value
	}
	return sum
}

func get(ctx context.Context, address, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, response.Status)
	}
	return body, err
}

// freeAddresses are n addresses of this machine that nobody listens on.
func freeAddresses(n int) ([]string, error) {
	addresses := make([]string, n)
	for i := range addresses {
		port, err := cluster.FreePort()
		if err != nil {
			return nil, err
		}
		addresses[i] = fmt.Sprintf("127.0.0.1:%d", port)
	}
	return addresses, nil
}

// startController starts the controller on the API server, at the addresses
// that it has if it ran before.
func (r *run) startController() error {
	c := r.controller
	if c == nil {
		addresses, err := freeAddresses(4)
		if err != nil {
			return err
		}
		c = &child{name: "controller", xds: addresses[0], health: addresses[1], metrics: addresses[2], admin: addresses[3]}
		r.controller = c
	}
	r.starts++
	return c.start(filepath.Join(r.bench.results, fmt.Sprintf("%s-controller-%d.log", r.Name, r.starts)), r.bench.controller, []string{
		"KUBECONFIG=" + r.cluster.Kubeconfig,
		"AGW_CONTROLLER_NAME=" + controllerName,
		"AGW_AGENTGATEWAY_CLASS_NAME=" + className,
		"AGW_DISABLE_LEADER_ELECTION=true",
		fmt.Sprintf("AGW_XDS_AUTH=%t", r.bench.auth),
		"AGW_XDS_ADDRESS=" + c.xds,
		"AGW_HEALTH_ADDRESS=" + c.health,
		"AGW_METRICS_ADDRESS=" + c.metrics,
		"AGW_ADMIN_ADDRESS=" + c.admin,
		"POD_NAMESPACE=" + systemNamespace,
	})
}
