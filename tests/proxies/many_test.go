package proxies

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gwv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// many is how many Gateways are created at once.
const many = 200

// provisioned are the resources that a Gateway has one object of.
var provisioned = []string{"serviceaccounts", "secrets", "configmaps", "services", "deployments"}

// Many Gateways at once get each object once, and a controller that starts anew
// has nothing to do. No pods run: a small machine would have no room for them.
func TestManyGateways(t *testing.T) {
	e := newEnvironment(t)
	e.apply(`
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayParameters
metadata: {name: quick}
spec:
  shutdown: {min: 1, max: 5}
  deployment: {spec: {replicas: 0}}
  service: {spec: {type: ClusterIP}}
`)
	r := e.start()
	began, busy := time.Now(), cpuTime()
	for i := range many {
		e.bareGateway(fmt.Sprintf("gw-%d", i))
	}
	e.allHaveAddresses(many)
	t.Logf("%d Gateways in %v; this process, which the controller is a part of, took %v of CPU time for it",
		many, time.Since(began).Round(time.Millisecond), (cpuTime() - busy).Round(time.Millisecond))
	for _, resource := range ours {
		if slices.Contains(provisioned, resource.Resource) {
			list := must(e.dynamic.Resource(resource).Namespace(e.name).List(e.ctx, metav1.ListOptions{LabelSelector: gatewayLabel}))(t)
			if len(list.Items) != many {
				t.Errorf("%d %s, want %d", len(list.Items), resource.Resource, many)
			}
		}
	}
	r.reconciled(many)
	writes := r.writes.counted()
	t.Logf("the controller's writes: %v", writes)
	for _, resource := range provisioned {
		if n := writes["PATCH "+resource]; n < many || n > many+many/10 {
			t.Errorf("%d writes of %s for %d Gateways", n, resource, many)
		}
	}
	// When the Gateway is accepted, when its Service has an address, and once
	// more at most for what comes between.
	if n := writes["PATCH gateways/status"] + writes["PUT gateways/status"]; n > 3*many {
		t.Errorf("%d writes of status for %d Gateways", n, many)
	}
	r.Stop()

	began, busy = time.Now(), cpuTime()
	again := e.start()
	again.reconciled(many)
	t.Logf("a controller that starts anew is done after %v and %v of CPU time; its writes: %v",
		time.Since(began).Round(time.Millisecond), (cpuTime() - busy).Round(time.Millisecond), again.writes.counted())
	e.nothingWritten(again)

	// It still repairs what it didn't write itself.
	e.patch(deployments, "gw-7", `{"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 77}}}}`)
	e.eventually(func() error {
		if seconds := *e.deployment("gw-7").Spec.Template.Spec.TerminationGracePeriodSeconds; seconds != 5 {
			return fmt.Errorf("the grace period is %d s", seconds)
		}
		return nil
	})
	if n := again.writes.counted()["PATCH deployments"]; n != 1 {
		t.Errorf("%d writes for one repair", n)
	}
}

func (e *environment) nothingWritten(r *running) {
	e.Helper()
	for request, n := range r.writes.counted() {
		if _, resource, _ := strings.Cut(request, " "); slices.Contains(provisioned, resource) {
			e.Errorf("%d × %s, though nothing had changed", n, request)
		}
	}
}

// bareGateway creates a Gateway without routes.
func (e *environment) bareGateway(name string) {
	e.Helper()
	must(e.gateway.GatewayV1().Gateways(e.name).Create(e.ctx, &gwv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: gwv1.GatewaySpec{
			GatewayClassName: gwv1.ObjectName(e.name),
			Listeners:        []gwv1.Listener{{Name: "http", Port: 8080, Protocol: gwv1.HTTPProtocolType}},
		},
	}, metav1.CreateOptions{}))(e)
}

// allHaveAddresses waits until n Gateways are programmed and have an address.
func (e *environment) allHaveAddresses(n int) {
	e.Helper()
	e.eventually(func() error {
		list, err := e.gateway.GatewayV1().Gateways(e.name).List(e.ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		done := 0
		for _, gateway := range list.Items {
			programmed := slices.ContainsFunc(gateway.Status.Conditions, func(c metav1.Condition) bool {
				return c.Type == "Programmed" && c.Status == metav1.ConditionTrue
			})
			if programmed && len(gateway.Status.Addresses) == 1 {
				done++
			}
		}
		if done < n {
			return fmt.Errorf("%d of %d Gateways are done", done, n)
		}
		return nil
	})
}

// reconciliations finds the series of reconciliations that went well.
var reconciliations = regexp.MustCompile(`(?m)^agentgateway_controller_reconciliations_(total|running)\{controller="gateway",name="([^"]*)",namespace="([^"]*)"(?:,result="success")?\} (\S+)$`)

// reconciled waits until the controller has reconciled n Gateways of the test
// and is at rest.
func (r *running) reconciled(n int) {
	r.e.Helper()
	r.e.eventually(func() error {
		_, body, err := fetch(http.DefaultClient, "http://"+r.Addresses["metrics"]+"/metrics")
		if err != nil {
			return err
		}
		done := map[types.NamespacedName]bool{}
		for _, match := range reconciliations.FindAllStringSubmatch(body, -1) {
			value, err := strconv.ParseFloat(match[4], 64)
			if err != nil {
				return err
			}
			switch {
			case match[1] == "running" && value > 0:
				return fmt.Errorf("%s is being reconciled", match[2])
			case match[1] == "total" && value > 0 && match[3] == r.e.name:
				done[types.NamespacedName{Namespace: match[3], Name: match[2]}] = true
			}
		}
		if len(done) < n {
			return fmt.Errorf("%d of %d Gateways are reconciled; some: %v", len(done), n, slices.Collect(maps.Keys(done))[:min(3, len(done))])
		}
		return nil
	})
}

// cpuTime is what this process has used of the processors.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
