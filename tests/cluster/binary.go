package cluster

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// binaryVariable is the environment variable that names a devcluster
	// binary to use as it is.
	binaryVariable = "DEVCLUSTER_BIN"

	modulePath = "agentgateway.dev/controller"
)

// repositoryRoot finds the directory of this module's go.mod at or above the
// working directory, which for a test is its package's directory. Modules of
// their own in between, as in tests/, are passed over.
func repositoryRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && slices.Contains(strings.Split(string(content), "\n"), "module "+modulePath) {
			return dir, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod of %s at or above %s", modulePath, start)
		}
	}
}

// findBinary returns the devcluster binary: the one that the environment
// names, else bin/devcluster, built when it is missing or older than its
// source.
func findBinary(root string) (string, error) {
	if path := os.Getenv(binaryVariable); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("%s: %w", binaryVariable, err)
		}
		return path, nil
	}
	binary := filepath.Join(root, "bin", "devcluster")
	source := filepath.Join(root, "tools", "devcluster")
	if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		return "", err
	}
	// go test runs several test binaries at a time; one builds, the others
	// wait for it.
	unlock, err := lock(binary + ".lock")
	if err != nil {
		return "", fmt.Errorf("waiting for the build of devcluster: %w", err)
	}
	defer unlock()
	current, err := upToDate(binary, source)
	if err != nil || current {
		return binary, err
	}
	return binary, build(binary, source)
}

// lock takes the lock that the file stands for. The kernel releases it with
// the process.
func lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() { file.Close() }, nil
}

// upToDate tells whether the binary is at least as new as every file that it
// is built from. It looks only at times: asking the go command takes seconds.
func upToDate(binary, source string) (bool, error) {
	built, err := os.Stat(binary)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	newer := false
	err = filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() || strings.HasSuffix(name, "_test.go") ||
			!slices.Contains([]string{".go", ".mod", ".sum"}, filepath.Ext(name)) {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		newer = newer || info.ModTime().After(built.ModTime())
		return nil
	})
	return !newer, err
}

// build compiles devcluster and puts it into place in one step, so that
// clusters that run the old binary aren't disturbed. It says on stderr what it
// does, because the first build of the Kubernetes packages takes minutes.
func build(binary, source string) error {
	began := time.Now()
	fmt.Fprintln(os.Stderr, "building bin/devcluster; the first time takes some minutes")
	next := binary + ".new"
	command := exec.Command("go", "build", "-C", source, "-ldflags", "-s -w", "-o", next, ".")
	progress, err := command.StderrPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("building devcluster: %w", err)
	}
	for lines := bufio.NewScanner(progress); lines.Scan(); {
		fmt.Fprintln(os.Stderr, "  "+lines.Text())
	}
	if err := command.Wait(); err != nil {
		return errors.Join(fmt.Errorf("building devcluster: %w", err), removeIfThere(next))
	}
	if err := os.Rename(next, binary); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "built bin/devcluster in %s\n", time.Since(began).Round(time.Second))
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
