package conformance

import (
	"cmp"
	"fmt"
	"os"
	"slices"

	confv1 "sigs.k8s.io/gateway-api/conformance/apis/v1"
	"sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/yaml"
)

// profiles are what the report is about.
var profiles = []suite.ConformanceProfileName{
	suite.GatewayHTTPConformanceProfileName,
	suite.GatewayGRPCConformanceProfileName,
	suite.GatewayTLSConformanceProfileName,
	suite.GatewayTCPConformanceProfileName,
}

// implementation is whom the report is about.
func implementation(version string) confv1.Implementation {
	return confv1.Implementation{
		Organization: "agentgateway",
		Project:      "agentgateway controller",
		URL:          "https://agentgateway.dev",
		Version:      version,
		Contact:      []string{"https://github.com/agentgateway/agentgateway/issues"},
	}
}

// writeReport writes the report with its profiles in a fixed order, so that
// reports can be compared.
func writeReport(s *suite.ConformanceTestSuite, path string) error {
	report, err := s.Report()
	if err != nil {
		return fmt.Errorf("compile the report: %w", err)
	}
	slices.SortFunc(report.ProfileReports, func(a, b confv1.ProfileReport) int { return cmp.Compare(a.Name, b.Name) })
	content, err := yaml.Marshal(report)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return os.WriteFile(path, content, 0o644)
}
