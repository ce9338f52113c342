// Package images says which local program stands for a container image. Nothing
// is ever pulled.
package images

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// Program is what an image runs.
type Program struct {
	// Image is a repository, or the first segments of some: "agentgateway/echo"
	// stands for "ghcr.io/agentgateway/echo:1.0" and "agentgateway/echo/debug".
	// A segment "*" stands for any one. A leading one stands for any number,
	// and the rest must then be the end of the repository: "*/agentgateway"
	// isn't "agentgateway/echo".
	Image string `json:"image"`
	// Command is the program and the arguments that a container can't replace.
	Command []string `json:"command"`
	// Args are the arguments of a container that has none.
	Args []string `json:"args,omitempty"`
	// Env are variables that a container may replace.
	Env map[string]string `json:"env,omitempty"`
	// Files are other files and directories of the machine, by their path in
	// the container.
	Files map[string]string `json:"files,omitempty"`
	// User and Group run the program unless the container says otherwise.
	User  int64 `json:"user,omitempty"`
	Group int64 `json:"group,omitempty"`
	// WorkingDir is where the program starts, by default the root.
	WorkingDir string `json:"workingDir,omitempty"`
}

// Table holds programs by image. The first that matches counts.
type Table []Program

// Parse reads a table from a command line's value: either the name of a YAML
// file with a list of programs under "images", or image=command pairs separated
// by commas. Programs are looked up in the PATH, and file names of a YAML file
// are relative to its directory.
func Parse(value string) (Table, error) {
	if !strings.Contains(value, "=") {
		return readFile(value)
	}
	var table Table
	for pair := range strings.SplitSeq(value, ",") {
		image, command, ok := strings.Cut(pair, "=")
		if !ok || image == "" || strings.TrimSpace(command) == "" {
			return nil, fmt.Errorf("%q is not of the form image=command", pair)
		}
		program := Program{Image: image, Command: strings.Fields(command)}
		if err := program.locate("."); err != nil {
			return nil, err
		}
		table = append(table, program)
	}
	return table, nil
}

func readFile(file string) (Table, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var read struct {
		Images Table `json:"images"`
	}
	if err := yaml.UnmarshalStrict(content, &read); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for i := range read.Images {
		program := &read.Images[i]
		if program.Image == "" || len(program.Command) == 0 {
			return nil, fmt.Errorf("%s: images[%d] needs an image and a command", file, i)
		}
		if err := program.locate(filepath.Dir(file)); err != nil {
			return nil, fmt.Errorf("%s: images[%d]: %w", file, i, err)
		}
	}
	return read.Images, nil
}

// locate makes file names absolute. A program that isn't there yet is no
// error: it may be built before a pod wants it.
func (p *Program) locate(dir string) error {
	if !strings.Contains(p.Command[0], "/") {
		found, err := exec.LookPath(p.Command[0])
		if err != nil {
			return fmt.Errorf("image %s: %w", p.Image, err)
		}
		p.Command[0] = found
	}
	absolute := func(path string) (string, error) {
		if filepath.IsAbs(path) {
			return path, nil
		}
		return filepath.Abs(filepath.Join(dir, path))
	}
	var err error
	if p.Command[0], err = absolute(p.Command[0]); err != nil {
		return err
	}
	for inside, path := range p.Files {
		if p.Files[inside], err = absolute(path); err != nil {
			return err
		}
	}
	return nil
}

// Find returns the program for an image, as containers name it.
func (t Table) Find(image string) (Program, error) {
	repository := Repository(image)
	for _, program := range t {
		if matches(strings.Split(program.Image, "/"), strings.Split(repository, "/")) {
			return program, nil
		}
	}
	return Program{}, fmt.Errorf("no local program stands for the image %q (repository %s): name one with --images", image, repository)
}

// Repository is an image's name without registry, tag and digest.
func Repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if first, rest, found := strings.Cut(image, "/"); found && (strings.ContainsAny(first, ".:") || first == "localhost") {
		image = rest
	}
	if colon := strings.LastIndexByte(image, ':'); colon > strings.LastIndexByte(image, '/') {
		image = image[:colon]
	}
	return image
}

// matches tells whether the repository begins with the pattern, or ends with
// what follows a leading "*".
func matches(pattern, repository []string) bool {
	if len(pattern) > 1 && pattern[0] == "*" {
		pattern = pattern[1:]
		if len(pattern) <= len(repository) {
			repository = repository[len(repository)-len(pattern):]
		}
	}
	if len(pattern) > len(repository) {
		return false
	}
	for i, segment := range pattern {
		if segment != "*" && segment != repository[i] {
			return false
		}
	}
	return true
}
