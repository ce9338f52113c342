package conformance

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// proxyVariable names the environment variable with the path of the real
// proxy, to be run in place of the development data plane.
const proxyVariable = "AGENTGATEWAY_BIN"

const echoPackage = "sigs.k8s.io/gateway-api/conformance/echo-basic"

// binaries are the paths of the programs of the stack.
type binaries struct {
	devcluster, controller, proxy, echo string
}

// locate says where the binaries are, or will be when they are built.
func locate(bin string) binaries {
	b := binaries{
		devcluster: filepath.Join(bin, "devcluster"),
		controller: filepath.Join(bin, "agentgateway-controller"),
		proxy:      filepath.Join(bin, "dataplane"),
		echo:       filepath.Join(bin, "echo-basic"),
	}
	if real := os.Getenv(proxyVariable); real != "" {
		b.proxy = real
	}
	return b
}

// build brings the binaries up to date. The go command leaves alone what
// already is.
func (b binaries) build(ctx context.Context, root string, say func(string, ...any)) error {
	if err := os.MkdirAll(filepath.Dir(b.controller), 0o755); err != nil {
		return err
	}
	// The same flags as in the Makefile, whose work is then not done again.
	small, reproducible := []string{"-ldflags", "-s -w"}, []string{"-trimpath", "-ldflags", "-s -w"}
	steps := []struct {
		binary, dir, target string
		flags               []string
		remark              string
	}{
		{b.devcluster, filepath.Join(root, "tools", "devcluster"), ".", small, ", which takes some minutes the first time"},
		{b.controller, root, "./cmd/agentgateway-controller", reproducible, ""},
		{b.proxy, root, "./tools/dataplane", reproducible, ""},
		{b.echo, filepath.Join(root, "tests", "conformance"), echoPackage, reproducible, ""},
	}
	for _, step := range steps {
		if step.binary == os.Getenv(proxyVariable) {
			continue
		}
		say("building %s%s", filepath.Base(step.binary), step.remark)
		began := time.Now()
		arguments := append([]string{"build", "-o", step.binary}, step.flags...)
		command := exec.CommandContext(ctx, "go", append(arguments, step.target)...)
		command.Dir = step.dir
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", step.binary, err, output)
		}
		say("built %s in %s", filepath.Base(step.binary), time.Since(began).Round(100*time.Millisecond))
	}
	return nil
}

// repositoryRoot is the directory two above this package's, in which the go
// command runs tests.
func repositoryRoot() (string, error) {
	return filepath.Abs(filepath.Join("..", ".."))
}

// gatewayAPI returns the directory with the CRDs of the release under test.
// The experimental channel has the fields of all features that proxies serve.
func gatewayAPI(ctx context.Context) (string, error) {
	output, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api").Output()
	if err != nil {
		return "", fmt.Errorf("find the CRDs of Gateway API: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(output)), "config", "crd", "experimental"), nil
}

// version is what the report calls the version of the implementation.
func version(ctx context.Context, root string) string {
	command := exec.CommandContext(ctx, "git", "describe", "--tags", "--always")
	command.Dir = root
	output, err := command.Output()
	if err != nil {
		return "dev"
	}
	return strings.TrimSpace(string(output))
}
