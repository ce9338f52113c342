package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"sigs.k8s.io/yaml"
)

// version is reported by -V, --version and the dump. The protocol is that of
// the release named here.
const version = "1.4.1-dataplane-dev"

const usage = `dataplane is a development and test stand-in for the agentgateway proxy. Do not
run it in production.

Usage: dataplane [-f FILE | -c TEXT] [--validate-only] [-V | --version]

  -f, --file FILE     read the configuration file, - for standard input
  -c, --config TEXT   inline configuration
  --validate-only     parse the configuration and exit
  -V                  print the version
  --version           print the version as JSON

The configuration must be YAML; its content is otherwise ignored. Everything
else is configured by the environment, as for the real proxy, and by
DATAPLANE_PORTS (offset:N or map:80=8080,…), DATAPLANE_LISTEN_HOST and
DATAPLANE_CLOSE_DELAY for development.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := command(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "dataplane:", err)
		stop()
		os.Exit(1)
	}
}

// command runs until ctx ends or something is wrong with its arguments.
func command(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout io.Writer) error {
	var file, text string
	var validateOnly, short, long bool
	flags := flag.NewFlagSet("dataplane", flag.ContinueOnError)
	flags.SetOutput(stdout)
	flags.Usage = func() { fmt.Fprint(stdout, usage) }
	flags.StringVar(&file, "f", "", "")
	flags.StringVar(&file, "file", "", "")
	flags.StringVar(&text, "c", "", "")
	flags.StringVar(&text, "config", "", "")
	flags.BoolVar(&validateOnly, "validate-only", false, "")
	flags.BoolVar(&short, "V", false, "")
	flags.BoolVar(&long, "version", false, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case short:
		fmt.Fprintln(stdout, "agentgateway", version)
		return nil
	case long:
		return json.NewEncoder(stdout).Encode(map[string]string{"version": version, "go": runtime.Version()})
	}
	if err := checkConfig(file, text, getenv, stdin); err != nil {
		return err
	}
	if validateOnly {
		fmt.Fprintln(stdout, "Configuration is valid!")
		return nil
	}
	s, err := readSettings(getenv)
	if err != nil {
		return err
	}
	return run(ctx, s)
}

// checkConfig reads the configuration and demands that it is YAML.
func checkConfig(file, text string, getenv func(string) string, stdin io.Reader) error {
	content := []byte(text)
	var err error
	switch {
	case file != "" && text != "":
		return errors.New("--file and --config exclude each other")
	case file == "-":
		content, err = io.ReadAll(stdin)
	case file != "":
		content, err = os.ReadFile(file)
	case text == "" && getenv("KUBERNETES_SERVICE_HOST") != "" && getenv("LOCAL_XDS_PATH") == "":
		return errors.New("in Kubernetes, --file, --config or LOCAL_XDS_PATH is mandatory")
	}
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	var config struct {
		Config map[string]any `json:"config"`
	}
	if err := yaml.Unmarshal(content, &config); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return nil
}
