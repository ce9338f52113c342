package cluster

import (
	"os/exec"
	"syscall"
)

// dieWithParent makes the kernel end the child with this process. The closed
// stdin does the same everywhere; this also reaches a child that is too busy
// starting to read. It is a signal that lets the child clean up.
func dieWithParent(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}
