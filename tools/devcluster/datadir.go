package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// dataDir is where one cluster keeps everything it writes.
type dataDir struct {
	// path holds what a later start needs: etcd's data, keys, the port.
	path string
	// run holds what lives only as long as the process. It is always a short
	// temporary path, because a unix socket's name may have at most 107 bytes.
	run string

	temporary bool
	lock      *os.File
}

// openDataDir makes or reuses the data directory and takes its lock, so that
// two clusters never write to the same etcd. An empty path means a temporary
// directory.
func openDataDir(path string) (*dataDir, error) {
	run, err := os.MkdirTemp("", "devcluster-")
	if err != nil {
		return nil, fmt.Errorf("making a temporary directory: %w", err)
	}
	d := &dataDir{run: run}
	if path == "" {
		d.path, d.temporary = run, true
		return d, nil
	}
	if d.path, err = filepath.Abs(path); err == nil {
		err = d.acquire()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(run))
	}
	return d, nil
}

func (d *dataDir) acquire() error {
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return fmt.Errorf("making the data directory: %w", err)
	}
	lock, err := os.OpenFile(d.file("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("opening the data directory's lock: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return fmt.Errorf("another devcluster uses %s: %w", d.path, err)
	}
	d.lock = lock
	return nil
}

// file returns the path of a file that is kept with the data.
func (d *dataDir) file(elements ...string) string {
	return filepath.Join(append([]string{d.path}, elements...)...)
}

// listen takes a loopback port for the API server: the one of the last start
// if it is still free, so that old kubeconfigs keep working, else any.
func (d *dataDir) listen() (net.Listener, error) {
	if last, err := os.ReadFile(d.file("port")); err == nil {
		address := net.JoinHostPort("127.0.0.1", strings.TrimSpace(string(last)))
		if listener, err := net.Listen("tcp4", address); err == nil {
			return listener, nil
		}
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening on the loopback interface: %w", err)
	}
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	if err := os.WriteFile(d.file("port"), []byte(port+"\n"), 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// close releases the directory and removes what isn't to be kept.
func (d *dataDir) close() error {
	if d.lock != nil {
		d.lock.Close()
	}
	return os.RemoveAll(d.run)
}

// writePrivately replaces a file in one step, readable by its owner only.
func writePrivately(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// CreateTemp makes files with mode 0600.
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	_, err = temporary.Write(content)
	err = errors.Join(err, temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}
