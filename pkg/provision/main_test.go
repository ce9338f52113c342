package provision

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	istiolog "istio.io/istio/pkg/log"

	"agentgateway.dev/controller/tests/cluster"
)

// TestMain silences the progress messages of the collection library, and stops
// the cluster that tests have started.
func TestMain(m *testing.M) {
	for _, scope := range istiolog.Scopes() {
		scope.SetOutputLevel(istiolog.NoneLevel)
	}
	code := m.Run()
	if shared != nil {
		if err := shared.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the cluster:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// shared is the cluster, nil as long as no test wanted it.
var shared *cluster.Cluster

var startCluster = sync.OnceValue(func() (err error) {
	shared, err = cluster.New(cluster.Options{})
	return err
})

// apiServer returns the configuration of a client of the cluster.
func apiServer(t *testing.T) *rest.Config {
	t.Helper()
	if testing.Short() {
		t.Skip("needs an API server")
	}
	if err := startCluster(); err != nil {
		t.Fatal(err)
	}
	return rest.CopyConfig(shared.RESTConfig)
}
