// Command agentgateway-controller runs the controller.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"agentgateway.dev/controller/pkg/admin"
	"agentgateway.dev/controller/pkg/controller"
	"agentgateway.dev/controller/pkg/settings"
)

// Set by the linker; empty means what the compiler recorded.
var version, commit, buildDate string

// Exit codes.
const (
	exitFailure = 1
	exitUsage   = 2
)

// usageError is a mistake in the command line itself.
type usageError struct{ error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run executes the command line and returns the exit code.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	command := newCommand(errOut)
	command.SetArgs(args)
	command.SetOut(out)
	command.SetErr(errOut)
	err := command.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(errOut, "agentgateway-controller: %v\n", err)
	if usage := (usageError{}); errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailure
}

func newCommand(logs io.Writer) *cobra.Command {
	printVersion := false
	command := &cobra.Command{
		Use:           "agentgateway-controller",
		Short:         "Configures agentgateway proxies from Gateway API resources",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unexpected argument %q", args[0])}
			}
			return nil
		},
		RunE: func(command *cobra.Command, _ []string) error {
			build := admin.NewBuild(version, commit, buildDate)
			if printVersion {
				fmt.Fprintln(command.OutOrStdout(), build)
				return nil
			}
			loaded, err := settings.Load(settings.FromProcess(command.Flags()))
			if err != nil {
				return err
			}
			return controller.Run(command.Context(), controller.Options{
				Settings: loaded, Build: build, LogOutput: logs, CaptureLibraries: true,
			})
		},
	}
	command.Flags().BoolVarP(&printVersion, "version", "v", false, "print what this is as a JSON object and exit")
	settings.Register(command.Flags())
	command.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	return command
}
