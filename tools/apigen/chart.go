package main

import (
	"bytes"
	"os"
	"path/filepath"
)

// writeChart copies the CRDs, as they lie in their files, into a Helm chart's
// templates and removes templates of CRDs that are gone.
func writeChart(files []crdFile, templates string) error {
	var wanted []outFile
	for _, file := range files {
		text, err := os.ReadFile(file.path)
		if err != nil {
			return err
		}
		wanted = append(wanted, outFile{name: filepath.Base(file.path), text: escapeTemplate(text)})
	}
	return replaceYAML(templates, wanted)
}

// escapeTemplate makes Helm print the text as it is.
func escapeTemplate(text []byte) []byte {
	return bytes.ReplaceAll(text, []byte("{{"), []byte(`{{ "{{" }}`))
}

// outFile is a generated file of a directory.
type outFile struct {
	name string
	text []byte
}

// replaceYAML writes the files into the directory and removes all other YAML
// files from it.
func replaceYAML(directory string, files []outFile) error {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	stale, err := filepath.Glob(filepath.Join(directory, "*.yaml"))
	if err != nil {
		return err
	}
	for _, path := range stale {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	for _, file := range files {
		if err := os.WriteFile(filepath.Join(directory, file.name), file.text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
