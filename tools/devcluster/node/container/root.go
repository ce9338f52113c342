//go:build linux

package container

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	securejoin "github.com/cyphar/filepath-securejoin"
	"golang.org/x/sys/unix"
)

// ImageDir is where the program of an image lies in the container.
const ImageDir = "/.image"

var (
	// system are the directories of the machine that programs and their
	// libraries come from. All else that an image could have is empty.
	system = []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "opt", "nix"}
	// systemFiles are what the C library and TLS stacks read.
	systemFiles = []string{
		"passwd", "group", "nsswitch.conf", "localtime", "mime.types", "services", "protocols",
		"ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "ssl", "pki", "ca-certificates", "static",
	}
	devices = []string{"null", "zero", "full", "random", "urandom", "tty"}
	// writable are directories that an image has, with their modes.
	writable = []struct {
		path string
		mode fs.FileMode
	}{{"tmp", 0o777 | fs.ModeSticky}, {"var/tmp", 0o777 | fs.ModeSticky}, {"run", 0o755}, {"var/log", 0o755}, {"root", 0o700}, {"home", 0o755}}
)

// enterRoot builds the root file system and moves into it.
func (s Spec) enterRoot() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount("container", s.Root, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mounting the root file system: %w", err)
	}
	if err := s.fillRoot(); err != nil {
		return err
	}
	for _, mount := range s.Mounts {
		if err := s.bind(mount); err != nil {
			return fmt.Errorf("mounting %s: %w", mount.Target, err)
		}
	}
	old := filepath.Join(s.Root, ".old")
	if err := os.Mkdir(old, 0o700); err != nil {
		return err
	}
	if err := unix.PivotRoot(s.Root, old); err != nil {
		return fmt.Errorf("changing the root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	if err := unix.Unmount("/.old", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leaving the old root: %w", err)
	}
	return os.Remove("/.old")
}

// fillRoot makes what every image has.
func (s Spec) fillRoot() error {
	for _, dir := range writable {
		path := filepath.Join(s.Root, dir.path)
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		// Apart from the umask.
		if err := os.Chmod(path, dir.mode); err != nil {
			return err
		}
	}
	if err := os.Symlink("../run", filepath.Join(s.Root, "var/run")); err != nil {
		return err
	}
	for _, name := range system {
		if target, err := os.Readlink("/" + name); err == nil {
			if err := os.Symlink(target, filepath.Join(s.Root, name)); err != nil {
				return err
			}
			continue
		}
		if err := s.bind(Mount{Source: "/" + name, Target: "/" + name, ReadOnly: true, Optional: true}); err != nil {
			return err
		}
	}
	for _, name := range systemFiles {
		if err := s.bind(Mount{Source: "/etc/" + name, Target: "/etc/" + name, ReadOnly: true, Optional: true}); err != nil {
			return err
		}
	}
	return errors.Join(s.fillDevices(), s.mountProc(), s.bind(Mount{Source: "/sys", Target: "/sys", ReadOnly: true, Optional: true}))
}

func (s Spec) fillDevices() error {
	for _, name := range devices {
		if err := s.bind(Mount{Source: "/dev/" + name, Target: "/dev/" + name, Optional: true}); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		if err := os.Symlink(target, filepath.Join(s.Root, "dev", name)); err != nil {
			return err
		}
	}
	shared := filepath.Join(s.Root, "dev/shm")
	return errors.Join(os.Mkdir(shared, 0o777), os.Chmod(shared, 0o777|fs.ModeSticky))
}

// mountProc shows the container's own processes. Where the kernel refuses,
// which it does inside of some containers, the machine's have to do.
func (s Spec) mountProc() error {
	target := filepath.Join(s.Root, "proc")
	if err := os.Mkdir(target, 0o555); err != nil {
		return err
	}
	if unix.Mount("proc", target, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "") == nil {
		return nil
	}
	return s.bind(Mount{Source: "/proc", Target: "/proc"})
}

// bind makes one mount, and the place for it if there is none.
func (s Spec) bind(m Mount) error {
	info, err := os.Stat(m.Source)
	if errors.Is(err, fs.ErrNotExist) && m.Optional {
		return nil
	}
	if err != nil {
		return err
	}
	target, err := securejoin.SecureJoin(s.Root, m.Target)
	if err != nil {
		return err
	}
	if err := makePlace(target, info.IsDir()); err != nil {
		return err
	}
	if err := unix.Mount(m.Source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	if !m.ReadOnly {
		return nil
	}
	var stat unix.Statfs_t
	if err := unix.Statfs(target, &stat); err != nil {
		return err
	}
	// Flags that a less privileged namespace has inherited can't be taken
	// away, not even by leaving them out.
	kept := uintptr(stat.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME)
	return unix.Mount("", target, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|kept, "")
}

func makePlace(target string, directory bool) error {
	if _, err := os.Stat(target); err == nil {
		return nil
	}
	if directory {
		return os.MkdirAll(target, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return file.Close()
}
