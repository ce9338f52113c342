package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"agentgateway.dev/controller/pkg/graph"
	"agentgateway.dev/controller/pkg/inputs"
	"agentgateway.dev/controller/pkg/mesh"
	"agentgateway.dev/controller/pkg/offline"
)

func translateCommand() *cobra.Command {
	var files []string
	var output string
	settings := graph.DefaultSettings()
	command := &cobra.Command{
		Use:   "translate -f FILE|DIR|-",
		Short: "Print what proxies would be sent for manifests, and the status they would get",
		Long: `Translate runs the controller's own graph on manifests, without a cluster.

It prints one document: the resources for each Gateway, the addresses for all,
the status of the objects, and findings about the manifests. Objects that a
cluster would make by itself (EndpointSlices, Pods) are used if they are in the
files, and missed if not.`,
		Example: "  agwctl translate -f gateway.yaml -f routes/\n  kubectl get gateways,httproutes,services -A -o yaml | agwctl translate -f -",
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
			if output != "yaml" && output != "json" {
				return usageError{fmt.Errorf("--output %q is unknown; use yaml or json", output)}
			}
			return translate(cmd, files, output, settings)
		},
	}
	command.Flags().StringArrayVarP(&files, "filename", "f", nil, "file, directory (its *.yaml, *.yml and *.json, recursively) or - (repeatable)")
	command.Flags().StringVarP(&output, "output", "o", "yaml", "yaml or json")
	command.Flags().BoolVar(&settings.InferencePools, "enable-infer-ext", false, "translate InferencePools")
	command.Flags().StringVar(&settings.Addresses.ClusterDomain, "cluster-domain", settings.Addresses.ClusterDomain, "DNS domain of the cluster")
	command.Flags().StringVar(&settings.Addresses.ClusterID, "istio-cluster-id", settings.Addresses.ClusterID, "Istio's name of the cluster")
	command.Flags().StringVar(&settings.Mesh.Namespace, "istio-namespace", mesh.DefaultNamespace, "namespace of istiod, whose mesh configuration is read if it is in the files")
	command.Flags().StringVar(&settings.Mesh.Revision, "istio-revision", "default", "revision whose mesh configuration is read")
	return command
}

func translate(cmd *cobra.Command, files []string, output string, settings graph.Settings) error {
	decoder, err := readAll(files, cmd.InOrStdin(), inputs.Features{InferencePools: settings.InferencePools})
	if err != nil {
		return err
	}
	for _, diagnostic := range decoder.Diagnostics {
		fmt.Fprintln(cmd.ErrOrStderr(), diagnostic)
	}
	if decoder.Failed() {
		return errFailed
	}
	document, err := offline.Translate(decoder.Objects, settings)
	if err != nil {
		return err
	}
	document.Diagnostics = append(document.Diagnostics, decoder.Diagnostics...)
	return write(cmd.OutOrStdout(), output, document)
}

func write(out io.Writer, format string, document any) error {
	var text []byte
	var err error
	if format == "json" {
		text, err = json.MarshalIndent(document, "", "  ")
		text = append(text, '\n')
	} else {
		text, err = yaml.Marshal(document)
	}
	if err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	_, err = out.Write(text)
	return err
}

// readAll decodes files, directories and "-", in the order given.
func readAll(names []string, stdin io.Reader, features inputs.Features) (*inputs.Decoder, error) {
	decoder := inputs.NewDecoder()
	decoder.Features = features
	return decoder, readEach(names, stdin, func(file string, content []byte) error {
		decoder.Read(file, content)
		return nil
	})
}

// readEach hands over the content of files, directories' manifests and "-", in
// the order given.
func readEach(names []string, stdin io.Reader, read func(file string, content []byte) error) error {
	for _, name := range names {
		if name == "-" {
			content, err := io.ReadAll(stdin)
			if err != nil {
				return fmt.Errorf("read standard input: %w", err)
			}
			if err := read("<stdin>", content); err != nil {
				return err
			}
			continue
		}
		paths, err := manifests(name)
		if err != nil {
			return err
		}
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if err := read(path, content); err != nil {
				return err
			}
		}
	}
	return nil
}

// manifests returns name itself if it is a file, else the manifests below it.
func manifests(name string) ([]string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	var paths []string
	err = filepath.WalkDir(name, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !entry.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)) {
			paths = append(paths, path)
		}
		return nil
	})
	return paths, err
}
