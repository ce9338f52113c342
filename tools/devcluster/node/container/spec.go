//go:build linux

// Package container runs a program as a container would: in a root file
// system, a process table and a host name of its own, with the network of its
// pod. There is no image: the program comes from the machine, and so do the
// system's libraries, read-only.
//
// Everything that must be arranged between fork and exec is done by this
// program itself, started anew as the container's first process (see
// becomeContainer). Nothing of a container is visible outside of it, and the
// kernel removes all of it with the last process: a crash leaves no mounts, no
// namespaces and no orphans.
package container

// Spec says what to run and what it sees. It travels to the container's first
// process as JSON.
type Spec struct {
	// Root is an empty directory to build the root file system on. All
	// containers may share it, because each mounts in private.
	Root string
	// Mounts are made in this order.
	Mounts []Mount
	// ReadOnlyRoot forbids writing to what isn't a writable mount.
	ReadOnlyRoot bool
	// Hostname is what the container calls itself.
	Hostname string
	// Command is the program and its arguments. A program without a slash is
	// looked up in the PATH of Env, within the new root.
	Command []string
	// Env are lines NAME=value.
	Env []string
	// Dir is the working directory, made if it isn't there.
	Dir  string
	User User

	// Join makes the process a member of a running container, whose namespaces
	// it is given, instead of the first of a new one.
	Join bool
	// Trial ends before the program would start.
	Trial bool
	// Networked tells that the network namespace is among the given files.
	Networked bool
}

// Mount shows a file or directory of the machine at a path of the container.
type Mount struct {
	Source, Target string
	ReadOnly       bool
	// Optional leaves the mount out when Source doesn't exist.
	Optional bool
}

// User is who the program runs as and what it may do.
type User struct {
	UID, GID int
	// Groups are the supplemental ones.
	Groups []int
	// Keep holds the numbers of the capabilities that remain; nil means all.
	Keep []int
	// NoNewPrivileges makes setuid programs powerless.
	NoNewPrivileges bool
}
