// Command agwctl is the users' command line of agentgateway.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	istiolog "istio.io/istio/pkg/log"
)

const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// errFailed says that the findings were printed and the exit code is all that
// is left to do.
var errFailed = errors.New("failed")

// usageError is a mistake in the command line itself.
type usageError struct{ error }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	quiet()
	root := &cobra.Command{
		Use:           "agwctl",
		Short:         "Look at what agentgateway makes of your manifests",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q; see agwctl --help", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(translateCommand())
	root.AddCommand(renderCommand())
	root.AddCommand(validateCommand())
	err := root.Execute()
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "agwctl:", err)
		return exitUsage
	case errors.Is(err, errFailed):
		return exitFailed
	default:
		fmt.Fprintln(stderr, "agwctl:", err)
		return exitFailed
	}
}

// quiet turns off the progress messages of the collection library: a command
// line speaks only of what the user asked.
func quiet() {
	for _, scope := range istiolog.Scopes() {
		scope.SetOutputLevel(istiolog.ErrorLevel)
	}
}
