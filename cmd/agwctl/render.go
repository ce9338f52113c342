package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"istio.io/istio/pkg/kube/krt"

	"agentgateway.dev/controller/pkg/graph"
	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/mesh"
	"agentgateway.dev/controller/pkg/provision"
	"agentgateway.dev/controller/pkg/settings"
)

func renderCommand() *cobra.Command {
	var files []string
	command := &cobra.Command{
		Use:   "render -f FILE|DIR|-",
		Short: "Print the Kubernetes objects that the controller makes for Gateways",
		Long: `Render prints the Deployment, Service and so on of every Gateway in the
manifests whose GatewayClass, in the manifests too, is agentgateway's. What it
prints can be applied.

The controller's settings are read from its environment variables. A session
key is made up for a Gateway whose Secret is not in the manifests.`,
		Example: "  agwctl render -f gateway.yaml\n  kubectl get gatewayclasses,gateways,agentgatewayparameters -A -o yaml | agwctl render -f -",
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
			loaded, err := settings.Load(settings.Sources{Lookup: os.LookupEnv, Flags: cmd.Flags()})
			if err != nil {
				return usageError{err}
			}
			return render(cmd, files, loaded)
		},
	}
	settings.Register(command.Flags())
	command.Flags().StringArrayVarP(&files, "filename", "f", nil, "file, directory (its *.yaml, *.yml and *.json, recursively) or - (repeatable)")
	return command
}

func render(cmd *cobra.Command, files []string, loaded settings.Settings) error {
	decoder, err := readAll(files, cmd.InOrStdin(), inputs.Features{})
	if err != nil {
		return err
	}
	for _, diagnostic := range decoder.Diagnostics {
		fmt.Fprintln(cmd.ErrOrStderr(), diagnostic)
	}
	if decoder.Failed() {
		return errFailed
	}
	failed := false
	for _, desired := range desiredOf(decoder.Objects, loaded) {
		for _, warning := range desired.Warnings {
			fmt.Fprintf(cmd.ErrOrStderr(), "Gateway %s: warning: %s\n", desired.NamespacedName, warning)
		}
		if desired.Problem != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "Gateway %s: %s: %s\n", desired.NamespacedName, desired.Problem.Reason, desired.Problem)
			failed = true
			continue
		}
		if err := writeObjects(cmd.OutOrStdout(), desired.Objects); err != nil {
			return err
		}
	}
	if failed {
		return errFailed
	}
	return nil
}

// desiredOf runs the controller's own collections on objects. The result is
// sorted by Gateway.
func desiredOf(objects []runtime.Object, loaded settings.Settings) []provision.Desired {
	stop := make(chan struct{})
	defer close(stop)
	opts := krt.NewOptionsBuilder(stop, "", nil)
	in := inputs.FromObjects(objects, opts)
	translation := graph.DefaultSettings()
	translation.Controllers = loaded.Controllers
	translation.Mesh = mesh.Settings{Namespace: loaded.Istio.Namespace, Revision: loaded.Istio.Revision}
	built := graph.Build(in, translation, opts)
	defaults := provision.DefaultsOf(loaded, "")
	defaults.NewSessionKey = provision.NewSessionKey
	desired := provision.NewDesired(provision.Inputs{
		Gateways:   in.Gateways,
		Classes:    in.GatewayClasses,
		Parameters: in.AgentgatewayParameters,
		Secrets:    in.Secrets,
		Judged:     built.Gateways,
		Authority:  provision.NewAuthority(in.Secrets, loaded.Namespace, opts),
		Mesh:       built.Mesh,
		Defaults:   defaults,
	}, opts)
	if !built.WaitUntilSynced(stop) || !desired.WaitUntilSynced(stop) {
		return nil
	}
	list := desired.List()
	slices.SortFunc(list, func(a, b provision.Desired) int { return cmp.Compare(a.ResourceName(), b.ResourceName()) })
	return list
}

// writeObjects prints each object as a YAML document.
func writeObjects(out io.Writer, objects []provision.Applied) error {
	for _, object := range objects {
		text, err := yaml.JSONToYAML([]byte(object.Body))
		if err != nil {
			return fmt.Errorf("print the result: %w", err)
		}
		if _, err := fmt.Fprintf(out, "---\n%s", text); err != nil {
			return err
		}
	}
	return nil
}
