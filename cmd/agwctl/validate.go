package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"agentgateway.dev/controller/pkg/validation"
)

func validateCommand() *cobra.Command {
	var files []string
	var output string
	var verbose bool
	command := &cobra.Command{
		Use:   "validate -f FILE|DIR|-",
		Short: "Check manifests against the CRDs, as an API server would",
		Long: `Validate judges manifests as an API server with the CRDs of this version does
when they are created: unknown fields, types, limits, defaults, and all rules.
It needs no cluster.

It knows the kinds of agentgateway.dev and those of Gateway API's standard
channel. Objects of other kinds are passed over; -v names them.

The exit code is 1 if an object would be refused or can't be read, and 2 if the
command line is wrong.`,
		Example: "  agwctl validate -f gateway.yaml -f routes/\n  helm template ./my-chart | agwctl validate -f -",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unexpected argument %q; name files with -f", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(files) == 0 {
				return usageError{fmt.Errorf("no input; name files or directories with -f, or - for standard input")}
			}
			if output != "text" && output != "json" {
				return usageError{fmt.Errorf("--output %q is unknown; use text or json", output)}
			}
			return validate(cmd, files, output, verbose)
		},
	}
	command.Flags().StringArrayVarP(&files, "filename", "f", nil, "file, directory (its *.yaml, *.yml and *.json, recursively) or - (repeatable)")
	command.Flags().StringVarP(&output, "output", "o", "text", "text, one line for a finding, or json, a list of them")
	command.Flags().BoolVarP(&verbose, "verbose", "v", false, "also name the objects that were not validated")
	return command
}

func validate(cmd *cobra.Command, files []string, output string, verbose bool) error {
	catalog, err := validation.Embedded()
	if err != nil {
		return err
	}
	validator := validation.New(catalog)
	if err := readEach(files, cmd.InOrStdin(), validator.Read); err != nil {
		return err
	}
	shown := []validation.Finding{}
	for _, finding := range validator.Findings {
		if finding.Severity != validation.Note || verbose {
			shown = append(shown, finding)
		}
	}
	if err := writeFindings(cmd.OutOrStdout(), output, shown); err != nil {
		return err
	}
	if validator.Failed() {
		return errFailed
	}
	return nil
}

func writeFindings(out io.Writer, output string, findings []validation.Finding) error {
	if output == "json" {
		return write(out, output, findings)
	}
	for _, finding := range findings {
		if _, err := fmt.Fprintln(out, finding); err != nil {
			return fmt.Errorf("print the result: %w", err)
		}
	}
	return nil
}
