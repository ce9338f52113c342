// Command apigen makes what users read of the agentgateway.dev API out of its
// CRDs, as controller-gen (a tool of this module) leaves them.
//
//	apigen trim    -crds DIR             shorten descriptions until a CRD fits
//	                                     kubectl's annotation; rewrites the files
//	apigen docs    -crds DIR -out FILE   write the API reference as Markdown
//	apigen schemas -crds DIR -out DIR    write JSON schemas for editors
//	apigen chart   -crds DIR -out DIR    copy the CRDs into a chart's templates
//	apigen validating -crds DIR -out DIR write CRDs without what doesn't help
//	                                     to judge objects, for programs to carry
//
// docs and schemas want the CRDs untrimmed, so they run before trim; chart wants
// them as they are installed, so it runs after it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "apigen:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 0 {
		return errors.New("name a command: trim, docs, schemas, chart or validating")
	}
	flags := flag.NewFlagSet(arguments[0], flag.ContinueOnError)
	crds := flags.String("crds", "manifests/crds", "directory of the CRDs")
	out := flags.String("out", "", "file or directory to write")
	if err := flags.Parse(arguments[1:]); err != nil {
		return err
	}
	files, err := readCRDs(*crds)
	if err != nil {
		return err
	}
	switch arguments[0] {
	case "trim":
		return trimAll(files)
	case "docs":
		return writeReference(files, *out)
	case "schemas":
		return writeJSONSchemas(files, *out)
	case "chart":
		return writeChart(files, *out)
	case "validating":
		return writeValidating(files, *out)
	}
	return fmt.Errorf("unknown command %q: want trim, docs, schemas, chart or validating", arguments[0])
}
