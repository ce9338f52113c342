package integration

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// churns is how often the route is changed under load, churnPace the time
	// between two changes at least: users and their tools edit routes like that,
	// and a proxy is in the middle of requests each time.
	churns    = 20
	churnPace = 200 * time.Millisecond
	// clients send requests one after the other, each on a connection of its
	// own that stays open.
	clients = 4
)

// TestRouteChangesUnderContinuousRequests moves a route between two ports of
// its backend and gives it a filter and takes it away, while clients send
// requests without a pause. Each change must come to show in the answers, and
// there must be no answer but 200.
func TestRouteChangesUnderContinuousRequests(t *testing.T) {
	e := newEnvironment(t, shared)
	e.gatewayClass()
	ports := map[int]int{80: e.echo(), 81: e.echo()}
	e.apply(fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: echo}
spec:
  selector: {app: echo}
  ports: [{name: one, port: 80, targetPort: %d}, {name: two, port: 81, targetPort: %d}]
`, ports[80], ports[81]))
	e.pod("echo-0", map[string]string{"app": "echo"}, "127.0.0.1", int32(ports[80]))
	e.apply(oneGateway + route("main", "gw", "/main"))
	d := e.startDataplane(e.startReplica(), "gw")
	d.answers("/main", http.StatusOK, hostOf(ports[80]))

	load := d.load("/main")
	pace := time.NewTicker(churnPace)
	defer pace.Stop()
	for n := range churns {
		// The four combinations, each of which differs from the last in the port,
		// and every second time in the filter too.
		port := 80 + (n+1)%2
		filter, shown := "[]", `"/main"`
		if n%4 < 2 {
			shown = fmt.Sprintf("turn-%d", n)
			filter = fmt.Sprintf(`[{"type":"RequestHeaderModifier","requestHeaderModifier":{"set":[{"name":"x-turn","value":%q}]}}]`, shown)
		}
		<-pace.C
		e.patchRoute("main", fmt.Sprintf(`[
			{"op":"replace","path":"/spec/rules/0/backendRefs/0/port","value":%d},
			{"op":"add","path":"/spec/rules/0/filters","value":%s}]`, port, filter))
		d.answers("/main", http.StatusOK, hostOf(ports[port]))
		d.answers("/main", http.StatusOK, shown)
	}
	served, failures := load()
	if len(failures) > 0 || served == 0 {
		t.Errorf("of %d requests %d failed: %.1000q", served, len(failures), failures)
	}
}

// hostOf is how an echo server tells which one it is.
func hostOf(port int) string { return fmt.Sprintf(`"port":%d}`, port) }

func (e *environment) patchRoute(name, patch string) {
	e.t.Helper()
	_, err := e.gateway.GatewayV1().HTTPRoutes(e.Namespace).Patch(e.ctx, name, types.JSONPatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		e.t.Fatal(err)
	}
}

// load sends requests for path until it is asked how many there were, and
// which failed.
func (d *dataplane) load(path string) (ended func() (served int, failures []string)) {
	d.e.t.Helper()
	stop := make(chan struct{})
	var mu sync.Mutex
	var sent int
	var failed []string
	var running sync.WaitGroup
	for range clients {
		running.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for {
				select {
				case <-stop:
					return
				default:
				}
				failure := d.request(client, path)
				mu.Lock()
				if sent++; failure != "" {
					failed = append(failed, failure)
				}
				mu.Unlock()
			}
		})
	}
	end := sync.OnceFunc(func() {
		close(stop)
		running.Wait()
	})
	d.e.t.Cleanup(end)
	return func() (int, []string) {
		end()
		return sent, failed
	}
}

// request returns what was wrong with the answer, "" for nothing.
func (d *dataplane) request(client *http.Client, path string) string {
	code, body, err := fetchBy(client, d.url+path)
	switch {
	case err != nil:
		return err.Error()
	case code != http.StatusOK:
		return strconv.Itoa(code) + " " + body
	}
	return ""
}
