package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"agentgateway.dev/controller/tests/cluster"
	"agentgateway.dev/controller/tests/replica"
)

// dataplane is the development data plane, or the real proxy, as a process.
type dataplane struct {
	e    *environment
	url  string
	logs *replica.Logs
}

// startDataplane runs a data plane for a Gateway with one listener on port 80
// and returns when it is ready.
func (e *environment) startDataplane(r *running, gateway string) *dataplane {
	e.t.Helper()
	binary := os.Getenv("AGENTGATEWAY_BIN")
	if binary == "" {
		binary = filepath.Join(e.t.TempDir(), "dataplane")
		if output, err := exec.Command("go", "build", "-o", binary, "../../tools/dataplane").CombinedOutput(); err != nil {
			e.t.Fatalf("build the data plane: %v\n%s", err, output)
		}
	}
	token := filepath.Join(e.t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(e.token(gateway)), 0o600); err != nil {
		e.t.Fatal(err)
	}
	port, readiness := freePort(e.t), freePort(e.t)
	d := &dataplane{e: e, url: fmt.Sprintf("http://127.0.0.1:%d", port), logs: &replica.Logs{}}
	command := exec.Command(binary, "-c", "config: {}")
	command.Stderr, command.Stdout = d.logs, d.logs
	command.Env = append(os.Environ(),
		"XDS_ADDRESS=http://"+r.Addresses["xds"], "XDS_AUTH_TOKEN="+token, "NAMESPACE="+e.Namespace, "GATEWAY="+gateway,
		"ADMIN_ADDR=127.0.0.1:"+strconv.Itoa(freePort(e.t)), "STATS_ADDR=127.0.0.1:"+strconv.Itoa(freePort(e.t)),
		"READINESS_ADDR=127.0.0.1:"+strconv.Itoa(readiness), "IPV6_ENABLED=false",
		"DATAPLANE_PORTS=map:80="+strconv.Itoa(port), "DATAPLANE_LISTEN_HOST=127.0.0.1",
	)
	if err := command.Start(); err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
		if e.t.Failed() {
			e.t.Logf("data plane log:\n%s", d.logs)
		}
	})
	e.eventually(func() error {
		code, body, err := fetch(fmt.Sprintf("http://127.0.0.1:%d/healthz/ready", readiness))
		if err != nil || code != http.StatusOK {
			return fmt.Errorf("data plane not ready: %d %s %w", code, body, err)
		}
		return nil
	})
	return d
}

func freePort(t testing.TB) int {
	t.Helper()
	port, err := cluster.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func fetch(url string) (int, string, error) { return fetchBy(http.DefaultClient, url) }

func fetchBy(client *http.Client, url string) (int, string, error) {
	response, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// answers waits until path is answered with code and a body that holds part.
func (d *dataplane) answers(path string, code int, part string) {
	d.e.t.Helper()
	d.e.eventually(func() error {
		got, body, err := fetch(d.url + path)
		if err != nil {
			return err
		}
		if got != code || !strings.Contains(body, part) {
			return fmt.Errorf("GET %s: %d %s, want %d with %q", path, got, body, code, part)
		}
		return nil
	})
}

// applied counts the responses that the data plane has applied.
func (d *dataplane) applied() int { return strings.Count(d.logs.String(), " applied ") }

func TestTrafficFollowsTheRoutesAndSurvivesARestart(t *testing.T) {
	e := newEnvironment(t, shared)
	e.gatewayClass()
	server := e.echo()
	e.apply(`
---
apiVersion: v1
kind: Service
metadata: {name: echo}
spec:
  selector: {app: echo}
  ports: [{name: http, port: 80, targetPort: http}]
`)
	e.pod("echo-0", map[string]string{"app": "echo"}, "127.0.0.1", int32(server))
	e.apply(oneGateway + route("main", "gw", "/main"))
	xds := map[string]string{"AGW_XDS_ADDRESS": "127.0.0.1:" + strconv.Itoa(freePort(t))}
	r := e.startReplica(xds)
	d := e.startDataplane(r, "gw")
	d.answers("/main/x", http.StatusOK, `"/main/x"`)
	d.answers("/other", http.StatusNotFound, "")

	// A change of path and headers shows in the next requests.
	e.apply(strings.Replace(route("main", "gw", "/moved"), "    backendRefs", `    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier: {set: [{name: x-added, value: here}]}
    backendRefs`, 1))
	d.answers("/moved", http.StatusOK, "here")
	d.answers("/main", http.StatusNotFound, "")

	// Restart the controller under load.
	before := d.applied()
	var failed, served atomic.Int64
	load, stop := make(chan struct{}), sync.WaitGroup{}
	stop.Go(func() {
		for {
			select {
			case <-load:
				return
			default:
			}
			if code, _, err := fetch(d.url + "/moved"); err != nil || code != http.StatusOK {
				failed.Add(1)
			}
			served.Add(1)
		}
	})
	r.Stop()
	r = e.startReplica(xds)
	e.eventually(func() error {
		var sessions []json.RawMessage
		_, body := r.Get("admin", "/debug/xds")
		if err := json.Unmarshal([]byte(body), &sessions); err != nil || len(sessions) != 1 {
			return fmt.Errorf("the data plane is not back: %s %w", body, err)
		}
		return nil
	})
	// What the restart might have sent would have come before this change.
	e.apply(route("late", "gw", "/late"))
	d.answers("/late", http.StatusOK, "/late")
	close(load)
	stop.Wait()
	if failed.Load() > 0 || served.Load() == 0 {
		t.Errorf("%d of %d requests failed during the restart", failed.Load(), served.Load())
	}
	if names := d.namesApplied(before); len(names) != 1 || !strings.Contains(names[0], "/late.00.http") {
		t.Errorf("after the restart the data plane was sent %q, want the late route alone", names)
	}

	e.remove(httpRoutes, "main")
	d.answers("/moved", http.StatusNotFound, "")
}

// namesApplied lists the resources in all applied responses but the first
// skip ones.
func (d *dataplane) namesApplied(skip int) []string {
	var names []string
	for line := range strings.Lines(d.logs.String()) {
		_, rest, found := strings.Cut(line, " applied ")
		if !found {
			continue
		}
		if skip--; skip >= 0 {
			continue
		}
		for word := range strings.FieldsSeq(rest) {
			// The Service of the provisioned proxy may come at any time.
			provisioned := strings.Contains(word, "/gw."+d.e.Namespace+".svc.")
			if (word[0] == '+' || word[0] == '-') && !provisioned {
				names = append(names, word)
			}
		}
	}
	return names
}

// echo serves requests in this process, answering with their path and headers,
// and its own port.
func (e *environment) echo() int {
	e.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		e.t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"path": r.URL.Path, "headers": r.Header, "port": port})
	})}
	go func() { _ = server.Serve(listener) }()
	e.t.Cleanup(func() { _ = server.Close() })
	return port
}
