package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// gatewayAPIModule holds its CRDs beside its Go code, so the module cache has
// them in exactly the release that the controller is compiled with.
const gatewayAPIModule = "sigs.k8s.io/gateway-api"

// inferenceModule holds the CRD of InferencePools in the same way.
const inferenceModule = "sigs.k8s.io/gateway-api-inference-extension"

// GatewayAPI is a release and channel of the Gateway API CRDs.
type GatewayAPI int

const (
	// StandardChannel is the standard channel of the release in go.mod.
	StandardChannel GatewayAPI = iota
	// ExperimentalChannel is the experimental channel of the release in go.mod.
	ExperimentalChannel
	// StandardV1_2_1 is the standard channel of release v1.2.1, for tests with
	// clusters that are behind.
	StandardV1_2_1
	// NoGatewayAPI installs no Gateway API CRDs.
	NoGatewayAPI
)

// manifests returns the directory of the CRDs, or nothing for NoGatewayAPI.
func (g GatewayAPI) manifests(root string) ([]string, error) {
	var module, channel string
	var err error
	switch g {
	case StandardChannel, ExperimentalChannel:
		module, err = requiredModule(root, gatewayAPIModule)
		channel = "standard"
		if g == ExperimentalChannel {
			channel = "experimental"
		}
	case StandardV1_2_1:
		module, err = downloadModule(gatewayAPIModule + "@v1.2.1")
		channel = "standard"
	case NoGatewayAPI:
		return nil, nil
	default:
		return nil, fmt.Errorf("unknown Gateway API choice %d", g)
	}
	if err != nil {
		return nil, fmt.Errorf("finding the Gateway API CRDs: %w", err)
	}
	return []string{filepath.Join(module, "config", "crd", channel)}, nil
}

// requiredModule returns the directory of a module that go.mod requires.
func requiredModule(root, path string) (string, error) {
	output, err := goCommand(root, "list", "-m", "-f", "{{.Dir}}", path)
	if err != nil {
		return "", err
	}
	if dir := strings.TrimSpace(output); dir != "" {
		return dir, nil
	}
	// The module cache doesn't have it unpacked, which can be when nothing of
	// it was compiled yet.
	output, err = goCommand(root, "list", "-m", path)
	if err != nil {
		return "", err
	}
	return downloadModule(strings.Join(strings.Fields(output), "@"))
}

// downloadModule brings a module in a version that go.mod needn't know into
// the module cache and returns its directory.
func downloadModule(pathAndVersion string) (string, error) {
	// Outside of any module, so that no go.mod or go.sum is asked or changed.
	output, err := goCommand(os.TempDir(), "mod", "download", "-json", pathAndVersion)
	if err != nil {
		return "", err
	}
	var module struct{ Dir string }
	if err := json.Unmarshal([]byte(output), &module); err != nil {
		return "", fmt.Errorf("go mod download %s: %w", pathAndVersion, err)
	}
	return module.Dir, nil
}

func goCommand(dir string, args ...string) (string, error) {
	command := exec.Command("go", args...)
	command.Dir = dir
	var complaint strings.Builder
	command.Stderr = &complaint
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s%s", strings.Join(args, " "), err, output, complaint.String())
	}
	return string(output), nil
}

// projectCRDs returns the directory of this project's own CRDs if it exists.
func projectCRDs(root string) []string {
	dir := filepath.Join(root, "manifests", "crds")
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil
	}
	return []string{dir}
}

// Manifests returns the files and directories of the CRDs, for tests that
// install them later than at the start.
func (g GatewayAPI) Manifests() ([]string, error) {
	root, err := repositoryRoot()
	if err != nil {
		return nil, err
	}
	return g.manifests(root)
}

// InferencePoolCRD returns the file of the CRD of InferencePools, for tests
// that install it.
func InferencePoolCRD() (string, error) {
	root, err := repositoryRoot()
	if err != nil {
		return "", err
	}
	module, err := requiredModule(root, inferenceModule)
	if err != nil {
		return "", err
	}
	return filepath.Join(module, "config", "crd", "bases", "inference.networking.k8s.io_inferencepools.yaml"), nil
}
