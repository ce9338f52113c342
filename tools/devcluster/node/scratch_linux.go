package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// scratchPrefix begins the names of the directories that nodes keep their pods
// in.
const scratchPrefix = "devcluster-node-"

// makeScratch makes a directory that is locked for as long as this process
// lives, so that others know whether it is in use.
func makeScratch() (string, *os.File, error) {
	dir, err := os.MkdirTemp("", scratchPrefix)
	if err != nil {
		return "", nil, err
	}
	lock, err := lockDir(dir)
	if err == nil {
		// Programs that aren't root pass through.
		err = errors.Join(os.Chmod(dir, 0o711), makeDir(filepath.Join(dir, "root"), 0o755), makeDir(filepath.Join(dir, "pods"), 0o711))
	}
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return dir, lock, nil
}

// makeDir makes a directory with a mode that the umask doesn't change.
func makeDir(path string, mode os.FileMode) error {
	return errors.Join(os.Mkdir(path, mode), os.Chmod(path, mode))
}

// lockDir returns the lock of a directory, which ends with the file.
func lockDir(dir string) (*os.File, error) {
	file, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", dir, err), file.Close())
	}
	return file, nil
}

// removeStaleScratch removes the directories of nodes that didn't clean up.
func removeStaleScratch() error {
	found, err := filepath.Glob(filepath.Join(os.TempDir(), scratchPrefix+"*"))
	if err != nil {
		return err
	}
	var problems []error
	for _, dir := range found {
		lock, err := lockDir(dir)
		if err != nil {
			// It is in use, or somebody else's.
			continue
		}
		problems = append(problems, os.RemoveAll(dir), lock.Close())
	}
	return errors.Join(problems...)
}
