package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"agentgateway.dev/controller/pkg/resources"
	"agentgateway.dev/controller/tests/cluster"
	"agentgateway.dev/controller/tools/dataplane/xdsclient"
)

func TestProxyGetsOnlyItsOwnGateway(t *testing.T) {
	e := newEnvironment(t, shared)
	e.gatewayClass()
	e.backend("echo")
	e.apply(oneGateway + route("secret", "gw", "/secret"))
	r := e.startReplica()
	for name, token := range map[string]string{"another account": e.token("intruder"), "no token": "", "no such token": "x.y.z"} {
		intruder := r.connect("gw", nil, func(o *xdsclient.Options) { o.Token = token })
		intruder.until(name+" is refused twice", func() bool { return intruder.Streams() >= 2 || intruder.lastEnd.Load() != nil })
		if got := intruder.History(); len(got) > 0 {
			t.Errorf("%s: received %+v", name, got)
		}
		intruder.stop()
	}
	if failures := r.metric("agentgateway_xds_auth_rq_failure_total"); failures < 2 {
		t.Errorf("%v failed authentications counted, want at least 2", failures)
	}
	r.connect("gw", nil).holdsRoutes("gw", "secret")
}

func TestNamespacesAreDiscoveredBySelector(t *testing.T) {
	e := newEnvironment(t, shared)
	e.gatewayClass()
	e.backend("echo")
	e.apply(oneGateway + route("one", "gw", "/one"))
	r := e.startReplica(map[string]string{"AGW_DISCOVERY_NAMESPACE_SELECTORS": `[{"matchLabels":{"agentgateway.dev/managed":"true"}}]`})
	p := r.connect("gw", nil)
	p.until("a first response", func() bool { return len(p.received(resources.ResourceTypeURL, 0)) > 0 })
	p.holds()

	e.label(e.Namespace, `{"metadata":{"labels":{"agentgateway.dev/managed":"true"}}}`)
	p.holdsRoutes("gw", "one")
	e.condition("one", "Accepted", metav1.ConditionTrue, "Accepted", "")
	e.label(e.Namespace, `{"metadata":{"labels":{"agentgateway.dev/managed":null}}}`)
	p.holds()
}

func (e *environment) label(namespace, patch string) {
	e.t.Helper()
	_, err := e.kube.CoreV1().Namespaces().Patch(e.ctx, namespace, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		e.t.Fatal(err)
	}
}

func TestLeadershipMovesAndProxiesAreServedByAll(t *testing.T) {
	e := newEnvironment(t, shared)
	e.gatewayClass()
	e.backend("echo")
	e.apply(oneGateway)
	elected := map[string]string{"AGW_DISABLE_LEADER_ELECTION": "false"}
	first := e.startReplica(elected)
	e.apply(route("one", "gw", "/one"))
	e.condition("one", "Accepted", metav1.ConditionTrue, "Accepted", "")
	second := e.startReplica(elected)
	second.connect("gw", nil).holdsRoutes("gw", "one")

	// The first one gives its lease back when it stops.
	first.Stop()
	e.apply(route("two", "gw", "/two"))
	e.condition("two", "Accepted", metav1.ConditionTrue, "Accepted", "")
	lease, err := e.kube.CoordinationV1().Leases(e.System).Get(e.ctx, "agentgateway-agentgateway", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if lease.Spec.LeaseTransitions == nil || *lease.Spec.LeaseTransitions == 0 {
		t.Errorf("the lease did not change hands: %+v", lease.Spec)
	}
}

func TestGatewayClassIsMadeAndKept(t *testing.T) {
	e := newEnvironment(t, shared)
	e.startReplica()
	accepted := func() error {
		class, err := e.gateway.GatewayV1().GatewayClasses().Get(e.ctx, e.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, condition := range class.Status.Conditions {
			if condition.Type == "Accepted" && condition.Status == metav1.ConditionTrue && string(class.Spec.ControllerName) == e.Controller {
				return nil
			}
		}
		return fmt.Errorf("%+v", class.Status)
	}
	e.eventually(accepted)
	if err := e.gateway.GatewayV1().GatewayClasses().Delete(e.ctx, e.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	e.eventually(accepted)
}

func TestKindsAreWatchedWhenTheirCRDsCome(t *testing.T) {
	bare := cluster.Start(t, cluster.Options{GatewayAPI: cluster.NoGatewayAPI, WithoutProjectCRDs: true})
	e := newEnvironment(t, bare)
	r := e.startReplica()
	p := r.connect("gw", nil)
	p.until("answers for both types", func() bool {
		return len(p.received(resources.ResourceTypeURL, 0)) > 0 && len(p.received(resources.AddressTypeURL, 0)) > 0
	})

	e.installGatewayAPI()
	e.backend("echo")
	e.eventually(func() error { return e.tryApply(oneGateway + route("one", "gw", "/one")) })
	p.holdsRoutes("gw", "one")
	e.condition("one", "Accepted", metav1.ConditionTrue, "Accepted", "")
}

// installGatewayAPI installs the CRDs while the controller runs.
func (e *environment) installGatewayAPI() {
	e.t.Helper()
	directories, err := cluster.StandardChannel.Manifests()
	if err != nil {
		e.t.Fatal(err)
	}
	for _, directory := range directories {
		files, err := filepath.Glob(filepath.Join(directory, "gateway.networking.k8s.io_*.yaml"))
		if err != nil {
			e.t.Fatal(err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				e.t.Fatal(err)
			}
			e.apply(string(content))
		}
	}
}
