package conformance

import (
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/conformance"
	"sigs.k8s.io/gateway-api/conformance/tests"
	"sigs.k8s.io/gateway-api/conformance/utils/config"
	"sigs.k8s.io/gateway-api/conformance/utils/flags"
	"sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/gateway-api/pkg/features"
)

var (
	shardFlag = flag.String("shard", "", "run a part of the suite, as in 2/3")
	binFlag   = flag.String("bin", "", "directory of the binaries (default: bin in the repository)")
	buildFlag = flag.Bool("build", true, "bring the binaries up to date first")
	logsFlag  = flag.String("logs", "", "directory for the logs of the parts (default: .cache/conformance in the repository)")
)

func TestConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	root, err := repositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	options := suite.ConfigurableOptions{
		GatewayClassName:     "agentgateway",
		Mode:                 flags.DefaultMode,
		CleanupTestResources: true,
		TimeoutConfig:        timeouts(),
		ConformanceProfiles:  profiles,
		Implementation:       implementation(version(t.Context(), root)),
		// The first is one of the addresses that devcluster's node gives to
		// Services of type LoadBalancer. A Service can't ask for a hostname.
		UsableNetworkAddresses:   []gatewayv1.GatewaySpecAddress{{Type: new(gatewayv1.IPAddressType), Value: "198.18.255.200"}},
		UnusableNetworkAddresses: []gatewayv1.GatewaySpecAddress{{Type: new(gatewayv1.HostnameAddressType), Value: "unusable.example.com"}},
	}
	flags.ApplyAll(&options)
	part, err := parseShard(*shardFlag)
	if err != nil {
		t.Fatal(err)
	}
	names := suite.ParseSkipTests(options.RunTest)
	// The suite would no longer ask the class for its features.
	options.RunTest = ""
	chosen, err := choose(tests.ConformanceTests, names, part)
	if err != nil {
		t.Fatal(err)
	}
	// A test that is asked for by name runs even if its features aren't
	// claimed.
	for _, test := range chosen {
		if len(names) > 0 {
			options.SupportedFeatures = append(options.SupportedFeatures, test.Features...)
		}
	}
	if options.ReportOutputPath == "" && len(names) == 0 && part.of == 1 && len(options.SkipTests) == 0 {
		options.ReportOutputPath = "report.yaml"
	}
	progress := newProgress(os.Stderr)
	run(t, startStack(t, root, progress), options, chosen, progress)
}

// timeouts are the suite's own but for one: what the base manifests want is
// there within a minute, or never.
func timeouts() config.TimeoutConfig {
	timeouts := config.DefaultTimeoutConfig()
	timeouts.NamespacesMustBeReady = 2 * time.Minute
	return timeouts
}

func startStack(t *testing.T, root string, progress *progress) *stack {
	s := &stack{root: root, logs: *logsFlag, say: progress.say}
	// Each of a hundred tests would wait for its timeouts.
	s.lost = func(err error) {
		progress.say("%v", err)
		os.Exit(1)
	}
	bin := *binFlag
	if bin == "" {
		bin = filepath.Join(root, "bin")
	}
	if s.logs == "" {
		s.logs = filepath.Join(root, ".cache", "conformance")
	}
	s.binaries = locate(bin)
	if *buildFlag {
		if err := s.build(t.Context(), root, progress.say); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs the suite and writes its report after the last of its tests, some
// of which run in parallel when this function has returned.
func run(t *testing.T, s *stack, options suite.ConfigurableOptions, chosen []suite.ConformanceTest, progress *progress) {
	log.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	c, err := newClient(s.config)
	if err != nil {
		t.Fatal(err)
	}
	clientset, err := kubernetes.NewForConfig(s.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := awaitClass(t.Context(), c, options.GatewayClassName, options.TimeoutConfig.GWCMustBeAccepted); err != nil {
		t.Fatal(err)
	}
	conformanceSuite, err := suite.NewConformanceTestSuite(suite.ConformanceOptions{
		ConfigurableOptions: options,
		Client:              c,
		Clientset:           clientset,
		RestConfig:          s.config,
		ManifestFS:          []fs.FS{&conformance.Manifests},
		Hook:                progress.ended,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		progress.summary()
		refused, err := refusals(s.controllerLog)
		if err != nil {
			t.Error(err)
		}
		for _, text := range refused {
			t.Error("Gateway", text)
			progress.say("Gateway %s", text)
		}
		if options.ReportOutputPath == "" || !progress.complete() {
			return
		}
		if err := writeReport(conformanceSuite, options.ReportOutputPath); err != nil {
			t.Error(err)
		}
		progress.say("report written to %s", options.ReportOutputPath)
	})
	// Tests that are asked for by name decide themselves what is tested.
	if len(options.SupportedFeatures) == 0 {
		for _, text := range unexplained(conformanceSuite.SupportedFeatures) {
			t.Error(text)
			progress.say("%s", text)
		}
	}
	progress.say("setting up the suite")
	conformanceSuite.Setup(t, chosen)
	progress.say("running %d tests of the features %s", len(chosen), featureList(conformanceSuite.SupportedFeatures.UnsortedList()))
	if err := conformanceSuite.Run(t, progress.timed(chosen)); err != nil {
		t.Fatal(err)
	}
}

func featureList(names []features.FeatureName) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = string(name)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}
