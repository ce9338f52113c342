//go:build linux

package container

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// firstProcess is the name under which this program knows that it is to become
// a container.
const firstProcess = "devcluster-container"

// The files that the first process is given.
const (
	specFile = 3 + iota
	// reportFile takes the text of an error; it closes unwritten at exec.
	reportFile
	firstNamespaceFile
)

// init hands over to becomeContainer before anything else of the program is
// set up. Go initialises packages as soon as what they import is, in the order
// of their paths, so hundreds of packages of Kubernetes are never reached: a
// container costs milliseconds and not a tenth of a second. This can't be done
// in main, which comes after all of them.
func init() {
	if len(os.Args) == 1 && os.Args[0] == firstProcess {
		// Namespaces and credentials are those of a thread until exec.
		runtime.LockOSThread()
		err := becomeContainer()
		fmt.Fprint(os.NewFile(reportFile, "report"), err)
		os.Exit(1)
	}
}

// becomeContainer replaces this process by the program of the Spec that it
// reads. It returns only if that fails.
func becomeContainer() error {
	// What containers expect, whatever the user of this program has set.
	unix.Umask(0o022)
	unix.CloseOnExec(specFile)
	unix.CloseOnExec(reportFile)
	content, err := io.ReadAll(os.NewFile(specFile, "spec"))
	if err != nil {
		return fmt.Errorf("reading what to run: %w", err)
	}
	var spec Spec
	if err := json.Unmarshal(content, &spec); err != nil {
		return fmt.Errorf("reading what to run: %w", err)
	}
	if spec.Join {
		err = joinNamespaces(spec.Networked)
	} else {
		err = enterNew(spec)
	}
	if err != nil {
		return err
	}
	if spec.Trial {
		os.Exit(0)
	}
	if spec.Dir != "" {
		if err := os.MkdirAll(spec.Dir, 0o755); err != nil {
			return fmt.Errorf("working directory: %w", err)
		}
	}
	if err := unix.Chdir(cmp.Or(spec.Dir, "/")); err != nil {
		return fmt.Errorf("working directory %s: %w", spec.Dir, err)
	}
	if spec.ReadOnlyRoot && !spec.Join {
		if err := unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
			return fmt.Errorf("making the root file system read-only: %w", err)
		}
	}
	if err := spec.User.become(); err != nil {
		return err
	}
	program, err := lookPath(spec.Command[0], spec.Env)
	if err != nil {
		return err
	}
	if err := syscall.Exec(program, spec.Command, spec.Env); err != nil {
		return fmt.Errorf("exec %s: %w", program, err)
	}
	return nil
}

// enterNew sets up the namespaces that the process was started in.
func enterNew(spec Spec) error {
	if spec.Networked {
		if err := unix.Setns(firstNamespaceFile, unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("joining the pod's network: %w", err)
		}
		unix.Close(firstNamespaceFile)
	}
	if err := unix.Sethostname([]byte(spec.Hostname)); err != nil {
		return fmt.Errorf("setting the host name: %w", err)
	}
	return spec.enterRoot()
}

// joinNamespaces enters those of a running container, in the order in which
// Process.Exec hands them over. Its process table was entered by the parent.
func joinNamespaces(networked bool) error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	kinds := []int{unix.CLONE_NEWUTS, unix.CLONE_NEWIPC, unix.CLONE_NEWNS}
	if networked {
		kinds = append([]int{unix.CLONE_NEWNET}, kinds...)
	}
	for i, kind := range kinds {
		if err := unix.Setns(firstNamespaceFile+i, kind); err != nil {
			return fmt.Errorf("joining the container: %w", err)
		}
		unix.Close(firstNamespaceFile + i)
	}
	return nil
}

// lookPath finds a program in the root of this process. Everything is
// executable for root, so a directory must be told apart.
func lookPath(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	path := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, line := range env {
		if value, ok := strings.CutPrefix(line, "PATH="); ok {
			path = value
		}
	}
	for dir := range strings.SplitSeq(path, ":") {
		candidate := filepath.Join(dir, name)
		if info, err := os.Stat(candidate); err == nil && info.Mode().IsRegular() && unix.Access(candidate, unix.X_OK) == nil {
			return candidate, nil
		}
	}
	return "", fmt.Errorf("exec: %q: %w", name, errors.New("executable file not found in $PATH"))
}
