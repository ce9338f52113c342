package settings

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var update = flag.Bool("update", false, "write the documentation of settings anew")

// load runs Load on an environment and a command line.
func load(t *testing.T, environment map[string]string, args ...string) (Settings, error) {
	t.Helper()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	Register(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatalf("parse %q: %v", args, err)
	}
	return Load(Sources{
		Lookup: func(name string) (string, bool) {
			value, set := environment[name]
			return value, set
		},
		Flags: flags,
	})
}

func TestDefaults(t *testing.T) {
	got, err := load(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		Controllers: []string{"agentgateway.dev/controller", "agentgateway.dev/agentgateway"},
		ClassName:   "agentgateway",
		XDS: XDS{
			Address: ":9978", Host: "agentgateway.agentgateway-system.svc.cluster.local", Port: 9978,
			ServiceName: "agentgateway", Mode: XDSPlaintext, Authenticate: true,
		},
		Proxy:         Proxy{ImageRegistry: "cr.agentgateway.dev", ImageRepository: "agentgateway", DummyPort: 443},
		Istio:         Istio{Namespace: "istio-system", Revision: "default"},
		Logs:          Logs{Level: "info", Format: LogJSON},
		HealthAddress: ":9093", MetricsAddress: ":9092", AdminAddress: "localhost:9095",
		Namespace: "agentgateway-system", ClusterDomain: "cluster.local",
		LeaderElection: true, BackendGrants: GrantsForRoutes,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

// TestDocumentedDefaults gives every setting the default that its line of the
// table shows, which must change nothing.
func TestDocumentedDefaults(t *testing.T) {
	want, err := load(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	inWords := []string{"AGW_CONTROLLER_NAME", "AGW_PROXY_IMAGE_TAG", "AGW_XDS_ADDRESS"}
	for _, setting := range Table {
		if slices.Contains(inWords, setting.Variable) || setting.Default == "" {
			continue
		}
		got, err := load(t, map[string]string{setting.Variable: setting.Default})
		if err != nil {
			t.Errorf("%s refuses its default: %v", setting.Variable, err)
		}
		// "[]" and "{}" are an empty list and map, which mean the same as none.
		if len(got.Discovery) == 0 {
			got.Discovery = nil
		}
		if len(got.ClassParameters) == 0 {
			got.ClassParameters = nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s=%s differs from the default (-default +got):\n%s", setting.Variable, setting.Default, diff)
		}
	}
}

func TestValues(t *testing.T) {
	empty, tag := "", "v9"
	for _, test := range []struct {
		variable, value string
		want            func(*Settings)
	}{
		{"AGW_CONTROLLER_NAME", "example.com/own", func(s *Settings) { s.Controllers = []string{"example.com/own"} }},
		{"AGW_CONTROLLER_NAME", "", func(*Settings) {}},
		{"AGW_AGENTGATEWAY_CLASS_NAME", "own.class", func(s *Settings) { s.ClassName = "own.class" }},
		{"AGW_GATEWAY_CLASS_PARAMETERS_REFS", `{"agentgateway": {"name": "p", "namespace": "n"}}`, func(s *Settings) {
			s.ClassParameters = map[string]ParametersRef{"agentgateway": {Group: "agentgateway.dev", Kind: "AgentgatewayParameters", Namespace: "n", Name: "p"}}
		}},
		{"AGW_XDS_SERVICE_HOST", "xds.example.com", func(s *Settings) { s.XDS.Host = "xds.example.com" }},
		{"AGW_XDS_SERVICE_NAME", "xds", func(s *Settings) {
			s.XDS.ServiceName, s.XDS.Host = "xds", "xds.agentgateway-system.svc.cluster.local"
		}},
		{"AGW_AGENTGATEWAY_XDS_SERVICE_PORT", "1234", func(s *Settings) { s.XDS.Port, s.XDS.Address = 1234, ":1234" }},
		{"AGW_XDS_ADDRESS", "127.0.0.1:0", func(s *Settings) { s.XDS.Address = "127.0.0.1:0" }},
		{"AGW_XDS_MODE", "TLS", func(s *Settings) { s.XDS.Mode = XDSTLS }},
		{"AGW_XDS_MODE", "true", func(s *Settings) { s.XDS.Mode = XDSTLS }},
		{"AGW_XDS_MODE", "False", func(*Settings) {}},
		{"AGW_XDS_MODE", "Either", func(s *Settings) { s.XDS.Mode = XDSEither }},
		{"AGW_XDS_AUTH", "0", func(s *Settings) { s.XDS.Authenticate = false }},
		{"AGW_ADDITIONAL_XDS_TLS_HOSTS", " a, ,10.0.0.1 ", func(s *Settings) { s.XDS.TLSHosts = []string{"a", "10.0.0.1"} }},
		{"AGW_NO_LISTENERS_DUMMY_PORT", "0", func(s *Settings) { s.Proxy.DummyPort = 0 }},
		{"AGW_PROXY_IMAGE_REGISTRY", "", func(s *Settings) { s.Proxy.ImageRegistry = "" }},
		{"AGW_PROXY_IMAGE_TAG", "v9", func(s *Settings) { s.Proxy.ImageTag = &tag }},
		{"AGW_PROXY_IMAGE_TAG", "", func(s *Settings) { s.Proxy.ImageTag = &empty }},
		{"AGW_LOG_LEVEL", "TRACE", func(s *Settings) { s.Logs.Level = "trace" }},
		{"AGW_LOG_LEVEL", "loud", func(s *Settings) {
			s.Complaints = []string{`log level "loud": want trace, debug, info, warn or error; info is taken`}
		}},
		{"AGW_LOG_FORMAT", "console", func(s *Settings) { s.Logs.Format = LogConsole }},
		{"AGW_KLOG_VERBOSITY", "4", func(s *Settings) { s.Logs.KlogVerbosity = 4 }},
		{"AGW_DISCOVERY_NAMESPACE_SELECTORS", `[{"matchLabels": {"a": "b"}}]`, func(s *Settings) {
			s.Discovery = []metav1.LabelSelector{{MatchLabels: map[string]string{"a": "b"}}}
		}},
		{"AGW_DISCOVERY_NAMESPACE_SELECTORS", "", func(*Settings) {}},
		{"AGW_DISABLE_LEADER_ELECTION", "true", func(s *Settings) { s.LeaderElection = false }},
		{"AGW_ENABLE_INFER_EXT", "true", func(s *Settings) { s.InferenceExtension = true }},
		{"AGW_ENABLE_AGENTGATEWAY_MODELS", "true", func(s *Settings) { s.AgentgatewayModels = true }},
		{"AGW_BACKEND_REF_GRANT_MODE", "Route-And-Policy", func(s *Settings) { s.BackendGrants = GrantsForRoutesAndPolicies }},
		{"AGW_ISTIO_CLUSTER_ID", "c1", func(s *Settings) { s.Istio.ClusterID = "c1" }},
		{"AGW_ISTIO_AUTO_ENABLED", "t", func(s *Settings) { s.Istio.AutoEnabled = true }},
		{"AGW_ADMIN_ADDRESS", ":0", func(s *Settings) { s.AdminAddress = ":0" }},
		{"AGW_DNS_LOOKUP_FAMILY", "ALL", func(*Settings) {}},
		{"POD_NAMESPACE", "own", func(s *Settings) { s.Namespace, s.XDS.Host = "own", "agentgateway.own.svc.cluster.local" }},
		{"CLUSTER_DOMAIN", "example.org", func(s *Settings) {
			s.ClusterDomain, s.XDS.Host = "example.org", "agentgateway.agentgateway-system.svc.example.org"
		}},
		{"PILOT_MAX_REQUESTS_PER_SECOND", "2.5", func(s *Settings) { s.XDS.StreamsPerSecond = 2.5 }},
		{"KUBECONFIG", "/a:/b", func(s *Settings) { s.Kubeconfig = "/a:/b" }},
		{"AGW_NOBODY_KNOWS", "x", func(*Settings) {}},
	} {
		t.Run(test.variable+"="+test.value, func(t *testing.T) {
			want, err := load(t, nil)
			if err != nil {
				t.Fatal(err)
			}
			test.want(&want)
			got, err := load(t, map[string]string{test.variable: test.value})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMalformedValues(t *testing.T) {
	for _, test := range []struct{ variable, value, want string }{
		{"AGW_CONTROLLER_NAME", "plain", "a domain and a path"},
		{"AGW_AGENTGATEWAY_CLASS_NAME", "Not A Name", "the name of a GatewayClass"},
		{"AGW_GATEWAY_CLASS_PARAMETERS_REFS", "[", "a JSON object"},
		{"AGW_GATEWAY_CLASS_PARAMETERS_REFS", `{"mine": {"name": "p", "namespace": " "}}`, `class "mine"`},
		{"AGW_AGENTGATEWAY_XDS_SERVICE_PORT", "70000", "an integer from 1 to 65535"},
		{"AGW_XDS_ADDRESS", "9978", "host:port"},
		{"AGW_XDS_MODE", "mtls", "plaintext, tls or either"},
		{"AGW_XDS_AUTH", "maybe", "true or false"},
		{"AGW_NO_LISTENERS_DUMMY_PORT", "-1", "an integer from 0 to 65535"},
		{"AGW_LOG_FORMAT", "xml", "json or console"},
		{"AGW_KLOG_VERBOSITY", "-1", "an integer from 0"},
		{"AGW_DISCOVERY_NAMESPACE_SELECTORS", `{"matchLabels": {}}`, "a JSON list"},
		{"AGW_DISCOVERY_NAMESPACE_SELECTORS", `[{"matchLabel": {"a": "b"}}]`, "matchLabel"},
		{"AGW_DISCOVERY_NAMESPACE_SELECTORS", `[{"matchExpressions": [{"key": "a", "operator": "Like"}]}]`, "Like"},
		{"AGW_DISABLE_LEADER_ELECTION", "no way", "true or false"},
		{"AGW_BACKEND_REF_GRANT_MODE", "all", "route-and-policy, route or none"},
		{"AGW_DNS_LOOKUP_FAMILY", "v4_only", "V4_ONLY"},
		{"AGW_LISTENER_BIND_IPV6", "6", "true or false"},
		{"POD_NAMESPACE", "a.b", "the name of a namespace"},
		{"KGW_DEBOUNCE_AFTER", "10", "a duration"},
		{"PILOT_PUSH_THROTTLE", "many", "an integer"},
		{"PILOT_MAX_REQUESTS_PER_SECOND", "NaN", "a number"},
	} {
		t.Run(test.variable+"="+test.value, func(t *testing.T) {
			_, err := load(t, map[string]string{test.variable: test.value})
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, part := range []string{test.variable, test.value, test.want} {
				if !strings.Contains(strings.ReplaceAll(err.Error(), `\"`, `"`), part) {
					t.Errorf("error %q does not contain %q", err, part)
				}
			}
		})
	}
}

func TestFlagsWin(t *testing.T) {
	got, err := load(t, map[string]string{"POD_NAMESPACE": "variable", "AGW_XDS_AUTH": "nonsense"},
		"--pod-namespace=flag", "--xds-auth=false", "--disable-leader-election", "--health-address", ":0")
	if err != nil {
		t.Fatal(err)
	}
	if got.Namespace != "flag" || got.XDS.Authenticate || got.LeaderElection || got.HealthAddress != ":0" {
		t.Errorf("settings %+v", got)
	}
	if _, err := load(t, nil, "--xds-mode=foo"); err == nil || !strings.Contains(err.Error(), "--xds-mode") {
		t.Errorf("a malformed flag is reported as %v", err)
	}
}

func TestAllMalformedValuesAreReported(t *testing.T) {
	_, err := load(t, map[string]string{"AGW_XDS_AUTH": "x", "POD_NAMESPACE": "_"})
	if err == nil || !strings.Contains(err.Error(), "AGW_XDS_AUTH") || !strings.Contains(err.Error(), "POD_NAMESPACE") {
		t.Errorf("error %v", err)
	}
}

func TestClusterDomain(t *testing.T) {
	for _, test := range []struct{ name, resolv, variable, want string }{
		{"as in a pod", "nameserver 10.0.0.1\nsearch ns.svc.corp.example svc.corp.example corp.example\noptions ndots:5\n", "", "corp.example"},
		{"the resolver comes first", "search svc.corp.example\n", "variable.example", "corp.example"},
		{"a final dot", "search svc.corp.example.\n", "", "corp.example"},
		{"no such entry", "search example.com\n", "variable.example", "variable.example"},
		{"no file", "", "variable.example", "variable.example"},
		{"nothing at all", "", "", "cluster.local"},
		{"an entry without a domain", "search svc.\n", "", "cluster.local"},
		{"a comment", "# search svc.corp.example\n", "", "cluster.local"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Load(Sources{ResolvConf: test.resolv, Lookup: func(name string) (string, bool) {
				return test.variable, name == "CLUSTER_DOMAIN" && test.variable != ""
			}})
			if err != nil || got.ClusterDomain != test.want {
				t.Errorf("domain %q, %v; want %q", got.ClusterDomain, err, test.want)
			}
		})
	}
}

// TestDocumentation keeps docs/settings.md equal to the table; run it with
// -update to write the file.
func TestDocumentation(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "settings.md")
	if *update {
		if err := os.WriteFile(path, []byte(Markdown()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Markdown(), string(written)); diff != "" {
		t.Errorf("docs/settings.md is not up to date, run with -update (-want +got):\n%s", diff)
	}
	for _, setting := range Table {
		if !strings.Contains(string(written), "`"+setting.Variable+"`") {
			t.Errorf("%s is not documented", setting.Variable)
		}
	}
}

func TestTableIsComplete(t *testing.T) {
	flags, variables := map[string]bool{}, map[string]bool{}
	for _, setting := range Table {
		if variables[setting.Variable] || setting.Flag != "" && flags[setting.Flag] {
			t.Errorf("%s is there twice", setting.Variable)
		}
		variables[setting.Variable], flags[setting.Flag] = true, true
		if setting.Doc == "" || setting.Type == "" || (setting.set == nil) != (setting.Flag == "") {
			t.Errorf("%s is incomplete", setting.Variable)
		}
	}
}
